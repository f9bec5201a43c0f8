from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.adapters.errors import PermanentError
from webapp.adapters.mail.bounce import MOST_BYTES, RecipientStatus, read_delivery_status

ID = "<run-7-0123456789abcdef0123.report.1@example.edu>"
GONE = (
    "Final-Recipient: rfc822; gone@campus.example\nAction: failed\nStatus: 5.1.1\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <gone@campus.example>: user unknown\n"
)


def notification(*recipients: str, message_id: str = ID, returned: str = "message/rfc822") -> bytes:
    """A delivery status notification as Postfix writes it."""
    blocks = "".join(f"\n{block}" for block in recipients)
    return (
        "From: MAILER-DAEMON@mx.example.edu (Mail Delivery System)\nTo: feebridge@example.edu\n"
        "Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_cut"\n\n'
        "This is a MIME-encapsulated message.\n\n--=_cut\nContent-Type: text/plain\n\nI'm sorry.\n\n"
        "--=_cut\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example.edu\nArrival-Date: Fri, 20 Nov 2026 18:00:04 -0800\n{blocks}\n"
        f"--=_cut\nContent-Type: {returned}\n\n"
        f"From: Feebridge <feebridge@example.edu>\nSubject: PeopleSoft Holds Report\nMessage-ID: {message_id}\n\n"
        "the report\n--=_cut--\n"
    ).encode()


@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers"])
def test_a_notification_names_the_returned_mail_and_each_recipient_s_fate(returned):
    late = "Final-Recipient: rfc822; slow@campus.example\nAction: delayed\nStatus: 4.4.1\n"
    told = read_delivery_status(notification(GONE, late, returned=returned))
    assert told.message_id == ID
    assert told.recipients == (
        RecipientStatus(
            "gone@campus.example", "failed", "5.1.1", "550 5.1.1 <gone@campus.example>: user unknown"
        ),
        RecipientStatus("slow@campus.example", "delayed", "4.4.1", ""),
    )


def test_line_ends_of_the_wire_are_read_as_well():
    assert read_delivery_status(notification(GONE).replace(b"\n", b"\r\n")).message_id == ID


def test_a_forwarded_recipient_is_named_as_we_wrote_to_them():
    told = read_delivery_status(notification(f"Original-Recipient: rfc822;library@campus.example\n{GONE}"))
    assert told.recipients[0].address == "library@campus.example"


def test_a_reason_is_one_short_line_whatever_the_server_wrote():
    folded = GONE + "\t" + "x" * 5000 + "\n"
    (one,) = read_delivery_status(notification(folded)).recipients
    assert len(one.reason) <= 300
    assert "\n" not in one.reason


def test_the_id_is_the_returned_mail_s_and_not_one_quoted_in_the_text():
    raw = notification(GONE).replace(
        b"I'm sorry.", b"Message-ID: <run-9-aaaaaaaaaaaaaaaaaaaa.report.1@example.edu>"
    )
    assert read_delivery_status(raw).message_id == ID


def test_a_returned_mail_that_is_cut_off_still_shows_its_headers():
    raw = notification(GONE).replace(b"the report\n", b"x" * (2 * MOST_BYTES))
    assert read_delivery_status(raw).message_id == ID


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not a delivery status notification"),
        (b"Subject: Out of office\n\nback on Monday", "not a delivery status notification"),
        (notification(), "of no recipient"),
        (notification("Action: failed\nStatus: 5.1.1\n"), "of no recipient"),
        (notification(GONE.replace("failed", "teleported")), "of no recipient"),
        (notification(GONE, message_id="none"), "does not bring back the Message-ID"),
        (notification(GONE, returned="application/octet-stream"), "does not bring back the Message-ID"),
        (notification(GONE)[:200], "not a delivery status notification|of no recipient"),
    ],
)
def test_what_is_no_notification_is_refused_in_words(raw, words):
    with pytest.raises(PermanentError, match=words):
        read_delivery_status(raw)


def test_parts_in_parts_without_end_are_refused():
    nested = b"".join(
        b'Content-Type: multipart/report; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(3000)
    )
    with pytest.raises(PermanentError):
        read_delivery_status(nested)


@given(
    st.lists(
        st.sampled_from([notification(GONE)[at : at + 60] for at in range(0, 900, 60)])
        | st.binary(max_size=40)
    )
)
def test_any_bytes_are_read_or_refused_but_never_crash(pieces):
    with contextlib.suppress(PermanentError):
        assert read_delivery_status(b"".join(pieces)).recipients
