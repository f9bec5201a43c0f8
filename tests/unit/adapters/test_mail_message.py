import io
import tracemalloc
from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.adapters.errors import PermanentError, RetryableError
from webapp.adapters.mail import Attachment, OutgoingMail, message_id
from webapp.adapters.mail.message import BLOCK_BYTES, bare_address, pieces

MAIL = OutgoingMail(
    message_id="<r81.holds.1@feebridge.example.edu>",
    sender="Feebridge <no-reply@feebridge.example.edu>",
    reply_to="Library Fees <fees@csusm.example.edu>",
    to=("bursar@csusm.example.edu", "Records Office <records@csusm.example.edu>"),
    subject="PeopleSoft Holds Report, 21 Nov 2026",
    text="37 holds added, $1,204.50.\n",
)


def _parsed(mail):
    return message_from_bytes(b"".join(pieces(mail)), policy=policy.default)


def _lines(text):
    """Mail knows one line end, and a text ends with it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")


def _attachment(content, name="holds.txt", content_type="text/plain"):
    return Attachment(name, content_type, lambda: io.BytesIO(content))


def test_a_mail_carries_its_headers_and_text():
    parsed = _parsed(MAIL)
    assert parsed["From"] == "Feebridge <no-reply@feebridge.example.edu>"
    assert parsed["Reply-To"] == "Library Fees <fees@csusm.example.edu>"
    assert [a.addr_spec for a in parsed["To"].addresses] == [
        "bursar@csusm.example.edu",
        "records@csusm.example.edu",
    ]
    assert parsed["Message-ID"] == "<r81.holds.1@feebridge.example.edu>"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Date"].datetime.tzinfo is not None
    assert _lines(parsed.get_content()) == _lines(MAIL.text)


@given(
    st.text(max_size=300),
    st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=120),
)
def test_any_text_and_subject_arrive_as_they_were_written(text, subject):
    text = text.encode("utf-8", "replace").decode()
    parsed = _parsed(replace(MAIL, text=text, subject=subject))
    assert _lines(parsed.get_content()) == _lines(text)
    assert " ".join(parsed["Subject"].split()) == " ".join(subject.split())


@pytest.mark.parametrize(
    "text", ["", ".", ".\n..\n.hidden\n", "x" * 5000, "Añadidos: 37 €\n" * 100, "a\r\nb\n\n\nc"]
)
def test_the_wire_form_is_ascii_in_short_lines_that_end_with_crlf(text):
    raw = b"".join(pieces(replace(MAIL, text=text, attachments=(_attachment(b"\xff\x00" * 999),))))
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")


@pytest.mark.parametrize(
    "size", [0, 1, 56, 57, 58, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES]
)
def test_attachments_of_any_size_arrive_to_the_byte(size):
    content = bytes(index * 31 % 256 for index in range(size))
    (part,) = _parsed(replace(MAIL, attachments=(_attachment(content),))).iter_attachments()
    assert part.get_payload(decode=True) == content


def test_a_source_that_reads_in_drips_gives_the_same_bytes():
    class Drip(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1000) if size and size > 0 else size)

    content = bytes(range(256)) * 1000
    mail = replace(
        MAIL, attachments=(Attachment("a.bin", "application/octet-stream", lambda: Drip(content)),)
    )
    (part,) = _parsed(mail).iter_attachments()
    assert part.get_payload(decode=True) == content


def test_text_and_several_attachments_stand_side_by_side_with_names_in_any_script():
    mail = replace(
        MAIL,
        attachments=(
            _attachment(b"a\tb\n", "Húmboldt holds ✓.txt"),
            _attachment(b"{}", "x.json", "application/json"),
        ),
    )
    parsed = _parsed(mail)
    assert _lines(parsed.get_body(("plain",)).get_content()) == _lines(MAIL.text)
    assert [(part.get_filename(), part.get_content_type()) for part in parsed.iter_attachments()] == [
        ("Húmboldt holds ✓.txt", "text/plain"),
        ("x.json", "application/json"),
    ]


def test_the_same_mail_is_the_same_bytes_but_for_its_date():
    mail = replace(
        MAIL, attachments=(_attachment(b"x" * 100_000),), headers={"Date": "Sat, 21 Nov 2026 02:00:00 -0000"}
    )
    assert b"".join(pieces(mail)) == b"".join(pieces(mail))


def test_a_large_attachment_is_never_whole_in_memory():
    class Zeros(io.RawIOBase):
        left = 10 * 1024 * 1024

        def read(self, size=-1):
            given = min(size, self.left)
            self.left -= given
            return bytes(given)

    mail = replace(MAIL, attachments=(Attachment("big.bin", "application/octet-stream", Zeros),))
    tracemalloc.start()
    total = sum(len(piece) for piece in pieces(mail))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > 14_000_000
    assert peak < 1_500_000


@pytest.mark.parametrize(
    "ending", ["\r\nBcc: thief@example.com", "\nX: y", "\r", "\0", "\x0b", "\x85", "\u2028"]
)
@pytest.mark.parametrize("where", ["subject", "sender", "reply_to", "to", "header", "attachment"])
def test_a_line_break_can_not_smuggle_in_a_header(where, ending):
    changes = {
        "subject": {"subject": f"Report{ending}"},
        "sender": {"sender": f"no-reply@feebridge.example.edu{ending}"},
        "reply_to": {"reply_to": f"Fees{ending} <fees@csusm.example.edu>"},
        "to": {"to": ("ok@example.edu", f"bursar@example.edu{ending}")},
        "header": {"headers": {"X-Run": f"81{ending}"}},
        "attachment": {"attachments": (_attachment(b"x", f"holds.txt{ending}"),)},
    }
    with pytest.raises(PermanentError, match="control character"):
        list(pieces(replace(MAIL, **changes[where])))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bursar",
        "@example.edu",
        "bursar@",
        "bursar@exa mple.edu",
        "a b@example.edu",
        "a@b@example.edu",
        "a..b@example.edu",
        ".a@example.edu",
        "añadir@example.edu",
        "a@-example.edu",
        "a@[127.0.0.1]",
        "a@example.edu, b@example.edu",
        "<a@example.edu> SIZE=1",
        "x" * 65 + "@example.edu",
        "a@" + "b" * 64 + ".edu",
    ],
)
def test_what_is_no_address_is_refused_by_name(address):
    with pytest.raises(PermanentError, match="is not a mail address"):
        bare_address(address)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("fees@example.edu", "fees@example.edu"),
        ("Library <o'neil+x@sub.example.edu>", "o'neil+x@sub.example.edu"),
        ('"Müller, Ann" <ann@bücher.example>', "ann@xn--bcher-kva.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_addresses_people_use_are_taken(written, plain):
    assert bare_address(written) == plain


@pytest.mark.parametrize(
    "changes",
    [
        {"to": ()},
        {"message_id": "no-brackets@example.edu"},
        {"headers": {"Bcc": "thief@example.com"}},
        {"headers": {"Content-Type": "text/html"}},
        {"headers": {"Bad Name": "x"}},
        {"attachments": (_attachment(b"x", ""),)},
        {"attachments": (_attachment(b"x", "a.txt", "text/plain; charset=x"),)},
    ],
)
def test_a_mail_that_cannot_be_is_refused(changes):
    with pytest.raises(PermanentError):
        list(pieces(replace(MAIL, **changes)))


def test_a_file_store_in_trouble_is_not_blamed_on_the_mail_server():
    def broken():
        raise OSError(5, "Input/output error")

    with pytest.raises(RetryableError, match=r"stored file holds\.txt could not be read"):
        list(pieces(replace(MAIL, attachments=(Attachment("holds.txt", "text/plain", broken),))))


def test_message_ids_are_the_same_for_the_same_mail_and_differ_for_others():
    assert message_id("r81", "holds", 1, "feebridge.example.edu") == "<r81.holds.1@feebridge.example.edu>"
    odd = message_id("csusm:2026-11-21T18:00", "holds", 1, "example.edu")
    assert odd == message_id("csusm:2026-11-21T18:00", "holds", 1, "example.edu")
    variants = {
        message_id(run, channel, n, "example.edu")
        for run in ("a", "a:b", "b>")
        for channel in ("x", "y\n")
        for n in (1, 2)
    }
    assert len(variants) == 12
    assert all(one.isascii() and one.count("@") == 1 and " " not in one for one in variants)
    with pytest.raises(PermanentError):
        message_id("r", "c", 1, "exa mple\r\n.edu")
