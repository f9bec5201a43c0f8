"""The mails the mailbox accepted, read for people and for judges."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from email.message import EmailMessage

    from webapp.sandbox.settings import StoredLetter, World


@dataclass(frozen=True, slots=True)
class LetterAttachment:
    """A file that came with a mail."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """One accepted mail; ``number`` counts from 1 in the order of arrival."""

    number: int
    received_at: str
    envelope_from: str
    envelope_to: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return str(self.message.get("Subject", ""))

    @property
    def text(self) -> str:
        """The readable body, lines ending with LF; empty if the mail has none."""
        body = self.message.get_body(("plain", "html"))
        return "" if body is None else str(body.get_content()).replace("\r\n", "\n")

    @property
    def attachments(self) -> list[LetterAttachment]:
        """The attached files in their order."""
        return [
            LetterAttachment(
                part.get_filename() or f"part-{number}",
                part.get_content_type(),
                cast("bytes", part.get_payload(decode=True)),
            )
            for number, part in enumerate(self.message.iter_attachments(), start=1)
        ]

    def header(self, name: str) -> str:
        """A header's text, "" if absent."""
        return str(self.message.get(name, ""))

    def summary(self) -> dict[str, Any]:
        """The mail as JSON, attachments by size and checksum."""
        return {
            "number": self.number,
            "received_at": self.received_at,
            "envelope_from": self.envelope_from,
            "envelope_to": list(self.envelope_to),
            "message_id": self.header("Message-ID"),
            "from": self.header("From"),
            "to": self.header("To"),
            "reply_to": self.header("Reply-To"),
            "subject": self.subject,
            "text": self.text,
            "attachments": [
                {
                    "name": file.name,
                    "content_type": file.content_type,
                    "size": len(file.content),
                    "sha256": sha256(file.content).hexdigest(),
                }
                for file in self.attachments
            ],
        }


def letters(world: World) -> list[Letter]:
    """All accepted mails, oldest first; empty without a mailbox."""
    stored = [] if world.mailbox is None else world.mailbox.messages
    return [_letter(number, entry) for number, entry in enumerate(stored, start=1)]


def letter(world: World, number: int) -> Letter | None:
    """One mail by its number, or None."""
    stored = [] if world.mailbox is None else world.mailbox.messages
    return _letter(number, stored[number - 1]) if 0 < number <= len(stored) else None


def _letter(number: int, stored: StoredLetter) -> Letter:
    return Letter(
        number=number,
        received_at=stored.received_at.isoformat(),
        envelope_from=stored.sender,
        envelope_to=tuple(stored.recipients),
        message=message_from_bytes(stored.raw, policy=default),
    )
