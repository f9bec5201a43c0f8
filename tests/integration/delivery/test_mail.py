import io
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from webapp.adapters.errors import PermanentError, RetryableError, UnknownOutcomeError
from webapp.adapters.mail import Attachment, OutgoingMail, SmtpTarget, send_mail
from webapp.adapters.vault import Secret
from webapp.sandbox.smtp_box import SmtpBox

BURSAR, RECORDS = "bursar@csusm.example.edu", "records@csusm.example.edu"
PASSWORD = "canary-mail-5521"
MAIL = OutgoingMail(
    message_id="<r81.holds.1@feebridge.example.edu>",
    sender="Feebridge <no-reply@feebridge.example.edu>",
    reply_to="fees@csusm.example.edu",
    to=(BURSAR, f"Records <{RECORDS}>"),
    subject="Retenciones añadidas: 37 ✓",
    text="Hola,\n.\n..a line of dots\n\n37 añadidas, $1,204.50\n.",
)


@pytest.fixture
def box(board):
    box = SmtpBox(board).start()
    yield box
    box.stop()


@pytest.fixture
def target(box):
    return SmtpTarget(
        host="127.0.0.1",
        port=box.port,
        tls="none",
        timeout_s=2,
        total_limit_s=10,
        allow_private=True,
        allowed_ports=None,
    )


@contextmanager
def given_up_within(seconds):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def test_a_mail_arrives_as_it_was_written(box, target):
    content = b"001234567\t12.50\r\n.\r\n" * 500
    attachment = Attachment("holds_added.txt", "text/plain", lambda: io.BytesIO(content))
    receipt = send_mail(target, replace(MAIL, attachments=(attachment,)))
    (mail,) = box.messages
    assert (mail.subject, mail.text.splitlines()) == (MAIL.subject, MAIL.text.splitlines())
    assert mail.attachments == [("holds_added.txt", "text/plain", content)]
    assert (mail.sender, mail.recipients) == ("no-reply@feebridge.example.edu", (BURSAR, RECORDS))
    assert (mail.message_id, mail.message["Reply-To"]) == (MAIL.message_id, "fees@csusm.example.edu")
    assert (receipt.accepted, receipt.refused) == ((BURSAR, RECORDS), {})
    assert receipt.server_reply == "250 2.0.0 OK queued as 1"


def test_lines_of_dots_do_not_end_a_plain_mail_early(box, target):
    send_mail(target, MAIL)
    assert box.messages[0].text.splitlines() == MAIL.text.splitlines()


def test_ten_megabytes_arrive(box, target):
    content = bytes(range(256)) * 4 * 10 * 1024
    attachment = Attachment("big.bin", "application/octet-stream", lambda: io.BytesIO(content))
    with given_up_within(10):
        send_mail(target, replace(MAIL, attachments=(attachment,)))
    assert box.messages[0].attachments[0][2] == content


def test_a_person_named_twice_gets_one_mail(box, target):
    receipt = send_mail(target, replace(MAIL, to=(BURSAR, f"The Bursar <{BURSAR}>")))
    assert receipt.accepted == box.messages[0].recipients == (BURSAR,)


def test_some_accepted_and_some_refused_are_both_named(box, target, board):
    board.add("smtp", "550_rcpt", addresses=[RECORDS])
    receipt = send_mail(target, MAIL)
    assert receipt.accepted == (BURSAR,)
    assert receipt.refused == {RECORDS: "550 5.1.1 no such user here"}
    assert box.messages[0].recipients == (BURSAR,)


def test_nobody_accepted_lists_each_one_with_the_reason(box, target, board):
    board.add("smtp", "550_rcpt")
    with pytest.raises(PermanentError, match="accepted none of the recipients") as refusal:
        send_mail(target, MAIL)
    assert refusal.value.evidence == dict.fromkeys((BURSAR, RECORDS), "550 5.1.1 no such user here")
    assert box.messages == []


def test_nobody_accepted_for_now_is_tried_again(box, target, board):
    board.add("smtp", "450_rcpt")
    with pytest.raises(RetryableError, match="greylisted"):
        send_mail(target, MAIL)
    send_mail(target, MAIL)
    assert len(box.messages) == 1


@pytest.mark.parametrize(
    ("where", "kind", "options"),
    [
        ("smtp.connect", "421", {}),
        ("smtp.rcpt", "421_rcpt", {"addresses": [RECORDS]}),
        ("smtp.data", "451_after_data", {}),
    ],
)
def test_not_now_means_trying_again_and_one_mail_in_the_end(box, target, board, where, kind, options):
    board.add(where, kind, **options)
    with pytest.raises(RetryableError, match="cannot take the mail now") as later:
        send_mail(target, MAIL)
    assert later.value.evidence["server_said"].startswith("4")
    assert box.messages == []
    send_mail(target, MAIL)
    assert len(box.messages) == 1


def test_a_mail_the_server_will_never_take_is_a_permanent_failure(box, target, board):
    board.add("smtp", "554_after_data")
    with pytest.raises(PermanentError, match=r"refused the mail \(554 5\.6\.0 content refused\)"):
        send_mail(target, MAIL)
    board.add("smtp", "552_after_data")
    with pytest.raises(PermanentError, match=r"too large.*log-in link instead"):
        send_mail(target, MAIL)
    assert box.messages == []


@pytest.mark.parametrize("kept", [True, False])
def test_a_line_dropped_after_the_last_byte_is_unknown_whatever_the_server_did(box, target, board, kept):
    board.add("smtp", "drop_after_data", kept=kept)
    with pytest.raises(UnknownOutcomeError, match="its answer was lost") as unknown:
        send_mail(target, MAIL)
    assert unknown.value.evidence["message_id"] == MAIL.message_id
    assert len(box.messages) == int(kept)


def test_a_copy_after_an_unknown_outcome_can_be_recognised(box, target, board):
    board.add("smtp", "drop_after_data")
    with pytest.raises(UnknownOutcomeError):
        send_mail(target, MAIL)
    send_mail(target, MAIL)
    assert [mail.message_id for mail in box.messages] == [MAIL.message_id] * 2


def test_an_answer_that_takes_too_long_after_the_last_byte_is_unknown(box, target, board):
    board.add("smtp", "slow_after_data", seconds=5)
    with given_up_within(3), pytest.raises(UnknownOutcomeError):
        send_mail(replace(target, timeout_s=1), MAIL)


def test_a_line_dropped_in_mid_mail_is_surely_not_sent(box, target, board):
    board.add("smtp", "drop_in_data", byte=1000)
    attachment = Attachment("big.bin", "application/octet-stream", lambda: io.BytesIO(bytes(8_000_000)))
    with pytest.raises(RetryableError, match="The mail was not sent"):
        send_mail(target, replace(MAIL, attachments=(attachment,)))
    assert box.messages == []


def test_a_black_hole_is_given_up_in_time(box, target, board):
    board.add("smtp", "black_hole")
    with given_up_within(3), pytest.raises(RetryableError, match="could not be spoken to"):
        send_mail(replace(target, timeout_s=1), MAIL)


def test_a_server_that_drips_its_answers_is_ended_by_the_limit_for_the_whole(box, target, board):
    board.add("smtp", "drip", seconds=0.1)
    with (
        given_up_within(4),
        pytest.raises(RetryableError, match="allowed for the whole were over"),
    ):
        send_mail(replace(target, total_limit_s=1.5), MAIL)
    assert box.messages == []


def test_a_slow_server_is_waited_for(box, target, board):
    board.add("smtp", "slow", seconds=0.1)
    send_mail(target, MAIL)
    assert len(box.messages) == 1


def test_a_server_that_is_not_there_is_tried_again(box, target):
    box.stop()
    with pytest.raises(RetryableError, match="Connection refused"):
        send_mail(target, MAIL)


def test_a_peer_that_is_no_mail_server_is_not_taken_for_one(target):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def chatter():
            line, _peer = listener.accept()
            with line:
                line.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
                line.recv(100)

        threading.Thread(target=chatter, daemon=True).start()
        with pytest.raises(RetryableError):
            send_mail(replace(target, port=listener.getsockname()[1]), MAIL)


def test_the_fence_is_asked_before_the_text_goes_out(box, target):
    class LeaseLostError(Exception):
        pass

    def lost():
        raise LeaseLostError

    with pytest.raises(LeaseLostError):
        send_mail(target, MAIL, before_effect=lost)
    assert box.messages == []
    send_mail(target, MAIL, before_effect=lambda: None)
    assert len(box.messages) == 1


def test_a_private_address_and_a_foreign_port_are_not_called_unless_allowed(target):
    with pytest.raises(PermanentError, match="private, local or reserved"):
        send_mail(replace(target, allow_private=False), MAIL)
    with pytest.raises(PermanentError, match=r"Port .* is not allowed"):
        send_mail(replace(target, allowed_ports=frozenset({587})), MAIL)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost from nobody's authority: its PEM text and a server context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_text(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return pem, context


@pytest.fixture(params=["starttls", "ssl"])
def tls_box(request, certificate, board):
    box = SmtpBox(
        board,
        tls_context=certificate[1],
        implicit_tls=request.param == "ssl",
        username="feebridge",
        password=PASSWORD,
    ).start()
    yield box
    box.stop()


@pytest.fixture
def tls_target(target, tls_box, certificate):
    return replace(
        target,
        host="localhost",
        port=tls_box.port,
        tls="ssl" if tls_box.implicit_tls else "starttls",
        ca_pem=certificate[0],
        username="feebridge",
        password=PASSWORD,
    )


def test_an_encrypted_line_to_a_verified_server_carries_password_and_mail(tls_box, tls_target):
    send_mail(tls_target, MAIL)
    send_mail(replace(tls_target, password=Secret(PASSWORD)), MAIL)
    assert len(tls_box.messages) == 2


def test_a_certificate_from_nobody_is_refused_before_the_password(tls_box, tls_target):
    with pytest.raises(PermanentError, match="certificate of localhost is not to be trusted"):
        send_mail(replace(tls_target, ca_pem=None), MAIL)
    assert tls_box.messages == []


def test_a_certificate_for_another_name_is_refused(tls_box, tls_target):
    with pytest.raises(PermanentError, match=r"certificate of 127\.0\.0\.1 is not to be trusted"):
        send_mail(replace(tls_target, host="127.0.0.1"), MAIL)


def test_a_wrong_password_is_a_setting_to_correct_and_is_not_shown(tls_box, tls_target):
    with pytest.raises(PermanentError, match="did not let user 'feebridge' in") as refusal:
        send_mail(replace(tls_target, password="wrong-canary"), MAIL)
    assert "canary" not in refusal.value.message + repr(refusal.value.evidence) + repr(tls_target)


def test_an_unknown_outcome_stays_unknown_over_an_encrypted_line(tls_box, tls_target, board):
    board.add("smtp", "drop_after_data")
    with pytest.raises(UnknownOutcomeError):
        send_mail(tls_target, MAIL)


def test_a_server_without_starttls_gets_nothing(box, target):
    with pytest.raises(PermanentError, match="does not offer STARTTLS"):
        send_mail(replace(target, tls="starttls"), MAIL)
    assert box.messages == []


def test_ssl_towards_a_plain_port_is_explained(box, target):
    with pytest.raises(PermanentError, match="does not speak the chosen encryption"):
        send_mail(replace(target, tls="ssl"), MAIL)


def test_a_password_never_travels_unencrypted(box, target):
    with pytest.raises(PermanentError, match="would travel unencrypted"):
        send_mail(replace(target, username="feebridge", password=PASSWORD), MAIL)


def test_a_server_that_knows_no_sign_in_is_explained(certificate, target):
    box = SmtpBox(tls_context=certificate[1]).start()
    try:
        signing_in = replace(
            target,
            host="localhost",
            port=box.port,
            tls="starttls",
            ca_pem=certificate[0],
            username="u",
            password="p",
        )
        with pytest.raises(PermanentError, match="offers no sign-in"):
            send_mail(signing_in, MAIL)
    finally:
        box.stop()


def test_the_mailbox_can_be_emptied(box, target):
    send_mail(target, MAIL)
    box.clear()
    assert box.messages == []
