"""An SMTP line to a checked address, with certificates verified for the name that was typed in."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webapp.adapters.egress import CheckedAddress
    from webapp.adapters.mail.target import SmtpTarget
    from webapp.adapters.watchdog import Watchdog


class SmtpLine(smtplib.SMTP):
    """smtplib's client, connecting to the address that was judged instead of looking the name up again."""

    def __init__(
        self, target: SmtpTarget, address: CheckedAddress, watchdog: Watchdog, greeting: str
    ) -> None:
        super().__init__(local_hostname=greeting, timeout=target.timeout_s)
        self._host = target.host  # smtplib checks certificates against it
        self._target = target
        self._address = address
        self._watchdog = watchdog
        self._spare: socket.socket | None = None

    def _get_socket(self, _host: str, _port: int, timeout: float) -> socket.socket:
        line = socket.create_connection((self._address.ip, self._address.port), timeout)
        # A mail's last line is short and would wait for the server's delayed acknowledgement of what went before.
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A second handle on the same line: TLS takes the first one over, and the watchdog must still reach it.
        self._spare = line.dup()
        self._watchdog.guard(self._shut)
        if self._target.tls == "ssl":
            return trusted(self._target).wrap_socket(line, server_hostname=self._target.host)
        return line

    def _shut(self) -> None:
        if self._spare is not None:
            with contextlib.suppress(OSError):
                self._spare.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Close the line without a word."""
        self.close()
        if self._spare is not None:
            self._spare.close()


def trusted(target: SmtpTarget) -> ssl.SSLContext:
    """The system's certificate authorities and the campus's own; TLS 1.2 at least, names checked."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if target.ca_pem:
        context.load_verify_locations(cadata=target.ca_pem)
    return context
