"""A mail as bytes on the wire, built piece by piece so that attachments are never whole in memory."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, BinaryIO

from webapp.adapters.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# 7bit: the text is quoted-printable or base64, so that no server has to know 8BITMIME or SMTPUTF8.
POLICY = SMTP.clone(cte_type="7bit")
# A whole number of 57-byte groups, each one line of 76 base64 characters (RFC 2045, section 6.8).
BLOCK_BYTES = 57 * 1024

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{3,254}}$)(?=[^@]{{1,64}}@){_LOCAL}@{_DOMAIN}")
# email.utils.parseaddr guesses ("a@b, c@d" gives a@b); a setting is to be corrected instead.
_NAMED = re.compile(r'(?:"(?P<quoted>[^"\\]*)"|(?P<name>[^"<>@,;:]*?))\s*<(?P<address>[^<>]+)>')
_MESSAGE_ID = re.compile(rf"<[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_DOMAIN}>")
_ID_PART = re.compile(r"[A-Za-z0-9_-]{1,80}")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_CONTENT_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
# Set by Feebridge itself for every mail.
_OWN_HEADERS = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "message-id", "mime-version"}
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to go along: its name for people, "text/plain" and the like, and where its bytes come from."""

    name: str
    content_type: str
    open_source: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """One mail. Addresses may carry a display name ("Library <fees@example.edu>"). ``headers`` are extra ones."""

    message_id: str
    sender: str
    reply_to: str | None
    to: tuple[str, ...]
    subject: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def message_id(run_key: str, channel: str, n: int, domain: str) -> str:
    """The Message-ID of the n-th mail of a run on a channel: always the same for the same, so a copy is recognised.

    Raises:
        PermanentError: ``domain`` is no domain name.
    """
    if not re.fullmatch(_DOMAIN, domain):
        raise PermanentError(f"{domain!r} is no domain name, so no Message-ID can be made with it.")
    parts = [
        part if _ID_PART.fullmatch(part) else hashlib.sha256(part.encode()).hexdigest()[:32]
        for part in (run_key, channel)
    ]
    return f"<{parts[0]}.{parts[1]}.{n}@{domain}>"


def bare_address(text: str) -> str:
    """The address alone ("fees@example.edu"), checked; a non-ASCII domain in its ASCII form.

    Raises:
        PermanentError: it is no mail address, or hides a line break.
    """
    return _address(text).addr_spec


def _address(text: str) -> Address:
    _refuse_control(text, "address")
    named = _NAMED.fullmatch(text.strip())
    name, plain = (named["quoted"] or named["name"] or "", named["address"]) if named else ("", text.strip())
    local, at, domain = plain.rpartition("@")
    if at and not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            domain = ""
    plain = f"{local}@{domain}"
    if not at or not _ADDRESS.fullmatch(plain):
        raise PermanentError(
            f"{text[:120]!r} is not a mail address. Correct it in the notification settings."
        )
    return Address(display_name=name, addr_spec=plain)


def _refuse_control(text: str, what: str) -> None:
    if _CONTROL.search(text):
        raise PermanentError(
            f"The {what} {text[:80]!r} holds a line break or another control character, which could smuggle in "
            "headers. Nothing was sent; take it out."
        )


def pieces(mail: OutgoingMail) -> Iterator[bytes]:
    """The mail's bytes in pieces that begin at the beginning of a line and end with its end (CRLF).

    Raises:
        PermanentError: an address, the subject, a header or an attachment's name or type cannot go into a mail.
    """
    head = _head(mail)
    if not mail.attachments:
        head.set_content(mail.text)
        yield _line_ended(head.as_bytes(policy=POLICY))
        return
    boundary = "=_" + hashlib.sha256(mail.message_id.encode()).hexdigest()[:40]
    head["MIME-Version"] = "1.0"
    head["Content-Type"] = f'multipart/mixed; boundary="{boundary}"'
    yield _folded(head) + b"\r\n"
    body = EmailMessage(policy=POLICY)
    body.set_content(mail.text)
    del body["MIME-Version"]
    yield f"--{boundary}\r\n".encode() + _line_ended(body.as_bytes(policy=POLICY))
    for attachment in mail.attachments:
        yield f"\r\n--{boundary}\r\n".encode() + _folded(_attachment_head(attachment)) + b"\r\n"
        yield from _base64_lines(attachment)
    yield f"\r\n--{boundary}--\r\n".encode()


def _line_ended(content: bytes) -> bytes:
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _head(mail: OutgoingMail) -> EmailMessage:
    _refuse_control(mail.subject, "subject")
    if not _MESSAGE_ID.fullmatch(mail.message_id):
        raise PermanentError(f"{mail.message_id[:80]!r} is not a Message-ID.")
    if not mail.to:
        raise PermanentError("The mail has no recipient. Name one in the notification settings.")
    head = EmailMessage(policy=POLICY)
    head["From"] = _address(mail.sender)
    head["To"] = [_address(text) for text in mail.to]
    if mail.reply_to:
        head["Reply-To"] = _address(mail.reply_to)
    head["Subject"] = mail.subject
    head["Message-ID"] = mail.message_id
    # RFC 3834: keeps out-of-office replies from answering a machine.
    extra = {"Date": format_datetime(datetime.now(UTC)), "Auto-Submitted": "auto-generated", **mail.headers}
    for name, value in extra.items():
        if (
            not _HEADER_NAME.fullmatch(name)
            or name.lower() in _OWN_HEADERS
            or name.lower().startswith("content-")
        ):
            raise PermanentError(f"{name[:80]!r} cannot be set as a header of a mail.")
        _refuse_control(value, f"header {name}")
        head[name] = value
    return head


def _attachment_head(attachment: Attachment) -> EmailMessage:
    _refuse_control(attachment.name, "attachment's name")
    if not attachment.name or not _CONTENT_TYPE.fullmatch(attachment.content_type):
        raise PermanentError(
            f"The attachment {attachment.name!r} of type {attachment.content_type!r} needs a name and a type "
            "such as text/plain."
        )
    head = EmailMessage(policy=POLICY)
    head["Content-Type"] = attachment.content_type
    head["Content-Transfer-Encoding"] = "base64"
    head.add_header("Content-Disposition", "attachment", filename=attachment.name)
    return head


def _folded(head: EmailMessage) -> bytes:
    return b"".join(POLICY.fold_binary(name, value) for name, value in head.items())


def _base64_lines(attachment: Attachment) -> Iterator[bytes]:
    try:
        with attachment.open_source() as source:
            while block := _full_block(source):
                yield base64.encodebytes(block).replace(b"\n", b"\r\n")
    except OSError as err:
        raise RetryableError(
            f"The stored file {attachment.name} could not be read: {err.strerror or err}. "
            "The mail was not sent; it is tried again."
        ) from err


def _full_block(source: BinaryIO) -> bytes:
    """Exactly BLOCK_BYTES until the end: a short read in between would put padding into the middle."""
    block = b""
    while len(block) < BLOCK_BYTES and (more := source.read(BLOCK_BYTES - len(block))):
        block += more
    return block
