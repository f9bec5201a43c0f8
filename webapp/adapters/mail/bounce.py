"""What a mail server says about a mail it could not deliver: a delivery status notification, read with suspicion.

Form: RFC 3464 inside RFC 6522 (multipart/report). Anyone can send one, so the caller checks whose mail it names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, message_from_string, policy
from email.message import Message

from webapp.adapters.errors import PermanentError

# The headers that name the mail come before its body, which may be cut off without harm.
MOST_BYTES = 1 << 20
MOST_RECIPIENTS = 50

_MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """One recipient's fate. ``action`` is failed, delayed, delivered, relayed or expanded; ``reason`` the server's words."""

    address: str
    action: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """One notification: the Message-ID of the returned mail, and what became of each recipient it names."""

    message_id: str
    recipients: tuple[RecipientStatus, ...]


def read_delivery_status(raw: bytes) -> DeliveryStatus:
    """The notification in ``raw``, at most ``MOST_BYTES`` of it.

    Raises:
        PermanentError: it is none, names no recipient, or does not bring the returned mail's headers.
    """
    try:
        mail = message_from_bytes(raw[:MOST_BYTES], policy=policy.compat32)
    except RecursionError as err:  # parts in parts in parts, hundreds deep
        raise PermanentError("This mail is nested too deeply to be read. Nothing was changed.") from err
    if mail.get_content_type() != "multipart/report" or not mail.is_multipart():
        raise PermanentError(
            "This is not a delivery status notification (multipart/report, RFC 3464). Nothing was changed."
        )
    recipients: list[RecipientStatus] = []
    message_id = ""
    for part in _parts(mail):
        kind = part.get_content_type()
        if kind in {"message/delivery-status", "message/global-delivery-status"}:
            recipients += _recipients(part)
        elif kind in {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"}:
            message_id = message_id or _returned_id(part)
    if not recipients:
        raise PermanentError(
            "The notification says of no recipient what became of the mail. Nothing was changed."
        )
    if not message_id:
        raise PermanentError(
            "The notification does not bring back the Message-ID of the mail it is about. Nothing was changed."
        )
    return DeliveryStatus(message_id, tuple(recipients[:MOST_RECIPIENTS]))


def _recipients(part: Message) -> list[RecipientStatus]:
    found = []
    for block in _parts(part):
        action = _shown(block.get("Action"), 20).lower()
        # Where mail is forwarded, the original recipient is the one we wrote to.
        address = _address(block.get("Original-Recipient")) or _address(block.get("Final-Recipient"))
        if action in _ACTIONS and address:
            status, reason = _shown(block.get("Status"), 20), _shown(block.get("Diagnostic-Code"), 300)
            found.append(RecipientStatus(address, action, status, reason.partition(";")[2].strip() or reason))
    return found


def _address(field: object) -> str:
    """The address in ``rfc822; name@example.edu``."""
    text = _shown(field, 300)
    return (text.partition(";")[2] or text).strip().strip("<>")


def _returned_id(part: Message) -> str:
    inside = _parts(part)
    if not inside:
        content = part.get_payload(decode=True)
        headers = content.decode("latin-1") if isinstance(content, bytes) else ""
        inside = [message_from_string(headers, policy=policy.compat32)]
    found = _MESSAGE_ID.search(str(inside[0].get("Message-ID", "")))
    return found[0] if found else ""


def _parts(mail: Message) -> list[Message]:
    payload = mail.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _shown(field: object, most: int) -> str:
    """A header's text on one line, without what does not print."""
    text = "" if field is None else str(field)
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:most]
