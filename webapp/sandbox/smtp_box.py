"""A stand-in mail server: takes every mail into a mailbox to look at, with faults on demand.

Faults asked for at "smtp.connect": 421, black_hole, slow {seconds per answer}, drip {seconds per letter}.
At "smtp.rcpt", once a mail: 550_rcpt, 450_rcpt, 421_rcpt {addresses: those refused, or all}.
At "smtp.data": 451_after_data, 552_after_data, 554_after_data, drop_in_data {byte},
drop_after_data {kept: true|false}, slow_after_data {seconds}.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary, WeakSet

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from webapp.sandbox.drop_log import FaultLike, Faults, NoFaults

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine

logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)

LARGEST_MAIL_BYTES = 33_554_432


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A mail as it came in: envelope, raw bytes, and the parts people look at."""

    number: int
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def message_id(self) -> str:
        """Its Message-ID header."""
        return str(self.message["Message-ID"])

    @property
    def subject(self) -> str:
        """Its subject, decoded."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """Its plain text, decoded; lines end with LF."""
        body = self.message.get_body(("plain",))
        return str(body.get_content()) if isinstance(body, EmailMessage) else ""

    @property
    def attachments(self) -> list[tuple[str, str, bytes]]:
        """Name, content type and bytes of each attachment."""
        return [
            (part.get_filename() or "", part.get_content_type(), cast("bytes", part.get_payload(decode=True)))
            for part in self.message.iter_attachments()
        ]


class SmtpBox:
    """An SMTP server on ``host``:``port`` (0: any free one), in a thread of its own.

    With ``tls_context`` it offers STARTTLS, or speaks TLS from the first byte if ``implicit_tls``; then it may also
    ask for ``username`` and ``password``. ``faults`` is the sandbox's board.
    """

    def __init__(
        self,
        faults: Faults | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        tls_context: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.faults = faults or NoFaults()
        self.username = username
        self.password = password
        self.tls_context = tls_context
        self.implicit_tls = implicit_tls
        self._mails: list[StoredMail] = []
        self._lines: WeakSet[SMTP] = WeakSet()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None

    @property
    def messages(self) -> list[StoredMail]:
        """All mails taken so far, oldest first."""
        with self._lock:
            return list(self._mails)

    def start(self) -> SmtpBox:
        """Listen; ``port`` is the real one from then on."""
        self._thread = threading.Thread(target=self._run, name="smtp-box", daemon=True)
        self._thread.start()
        self._await(self._listen())
        return self

    def stop(self) -> None:
        """Stop listening and end every line."""
        if self._thread is None:
            return
        self._await(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self._thread = None

    def clear(self) -> None:
        """Empty the mailbox."""
        with self._lock:
            self._mails.clear()

    def store(self, envelope: Envelope) -> None:
        """Keep one mail."""
        with self._lock:
            self._mails.append(
                StoredMail(
                    number=len(self._mails) + 1,
                    received_at=datetime.now(UTC),
                    sender=str(envelope.mail_from),
                    recipients=tuple(envelope.rcpt_tos),
                    raw=bytes(envelope.original_content or b""),
                )
            )

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        context = self.tls_context if self.implicit_tls else None
        self._server = await self._loop.create_server(self._line, self.host, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            if line.transport is not None:
                cast("asyncio.WriteTransport", line.transport).abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the aborted lines close their sockets

    def _line(self) -> SMTP:
        starttls = self.tls_context is not None and not self.implicit_tls
        line = _BoxLine(
            self,
            data_size_limit=LARGEST_MAIL_BYTES,
            hostname="mailbox.example.edu",
            loop=self._loop,
            tls_context=self.tls_context if starttls else None,
            require_starttls=starttls,
            auth_required=starttls and self.username is not None,
            auth_require_tls=starttls,
            auth_exclude_mechanism=() if self.username else ("PLAIN", "LOGIN"),
            authenticator=self._check if self.username else None,
        )
        self._lines.add(line)
        return line

    def _check(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _way: str, given: Any
    ) -> AuthResult:
        right = isinstance(given, LoginPassword) and (
            given.login == (self.username or "").encode() and given.password == (self.password or "").encode()
        )
        return AuthResult(success=right, handled=False)


class _BoxLine(SMTP):
    """One client's line; asks the fault board at each moment."""

    def __init__(self, box: SmtpBox, **settings: Any) -> None:
        self._box = box
        self._pace: FaultLike | None = None
        super().__init__(_Clerk(box), **settings)

    async def _handle_client(self) -> None:
        fault = self._box.faults.take("smtp.connect", "421", "black_hole", "slow", "drip")
        if fault is not None and fault.kind == "421":
            await self.push("421 4.3.2 mailbox.example.edu is closing, try later")
            self._writer.close()
            return
        if fault is not None and fault.kind == "black_hole":
            await asyncio.Event().wait()
        self._pace = fault
        await super()._handle_client()

    async def push(self, status: Any) -> None:
        if self._pace is not None and self._pace.kind == "drip":
            for letter in status if isinstance(status, str) else status.decode():
                self._writer.write(letter.encode())
                await asyncio.sleep(float(self._pace.options.get("seconds", 0.2)))
            status = ""
        elif self._pace is not None:
            await asyncio.sleep(float(self._pace.options.get("seconds", 1)))
        await super().push(status)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        fault = self._box.faults.take("smtp.data", "drop_in_data")
        if fault is None:
            await super().smtp_DATA(arg)
            return
        await self.push("354 go ahead")
        await self._reader.readexactly(int(fault.options.get("byte", 100)))
        await hang_up(self)


class _Clerk:
    """aiosmtpd's hooks: who is accepted, and what is answered to the mail."""

    def __init__(self, box: SmtpBox) -> None:
        self._box = box
        self._struck: WeakKeyDictionary[Envelope, FaultLike | None] = WeakKeyDictionary()

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept the recipient, unless a fault names it (or names nobody, which means everybody)."""
        if envelope not in self._struck:
            self._struck[envelope] = self._box.faults.take("smtp.rcpt", "550_rcpt", "450_rcpt", "421_rcpt")
        fault = self._struck[envelope]
        if fault is not None and address in fault.options.get("addresses", [address]):
            answers = {
                "550_rcpt": "550 5.1.1 no such user here",
                "450_rcpt": "450 4.2.1 greylisted, try later",
                "421_rcpt": "421 4.7.0 too many errors, closing",
            }
            return answers[fault.kind]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store the mail and say so, unless a fault says otherwise."""
        fault = self._box.faults.take(
            "smtp.data",
            "451_after_data",
            "554_after_data",
            "552_after_data",
            "drop_after_data",
            "slow_after_data",
        )
        if fault is None:
            self._box.store(envelope)
            return f"250 2.0.0 OK queued as {len(self._box.messages)}"
        refusals = {
            "451_after_data": "451 4.3.0 local error, try later",
            "552_after_data": "552 5.3.4 message too big",
            "554_after_data": "554 5.6.0 content refused",
        }
        if fault.kind in refusals:
            return refusals[fault.kind]
        if fault.options.get("kept", True):
            self._box.store(envelope)
        if fault.kind == "drop_after_data":
            await hang_up(server)
        await asyncio.sleep(float(fault.options.get("seconds", 5)))
        if not fault.options.get("kept", True):
            # No server says that it has what it does not have.
            await hang_up(server)
        return "250 2.0.0 OK, after a while"


async def hang_up(line: SMTP) -> None:
    """Drop the line; the task ends when asyncio notices."""
    cast("asyncio.WriteTransport", line.transport).abort()
    await asyncio.Event().wait()
