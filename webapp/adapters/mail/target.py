"""A mail server's settings, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

SMTP_PORTS = frozenset({25, 465, 587, 2525})


@dataclass(frozen=True, slots=True)
class SmtpTarget:
    """One SMTP server. Certificates are verified, against ``ca_pem`` (PEM text) too if the campus has a CA of its own.

    ``timeout_s`` is the longest wait without anything moving, ``total_limit_s`` the longest whole sending, both in
    seconds of wall-clock time. ``allow_private`` and ``allowed_ports`` are the operator's, see ``check_host``.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Literal["none", "starttls", "ssl"] = "starttls"
    timeout_s: float = 30.0
    total_limit_s: float = 300.0
    ca_pem: str | None = None
    allow_private: bool = False
    allowed_ports: frozenset[int] | None = SMTP_PORTS


@dataclass(frozen=True, slots=True)
class MailReceipt:
    """The server took the mail: for whom, for whom not (address and the server's reason), and its last words."""

    accepted: tuple[str, ...]
    refused: Mapping[str, str]
    server_reply: str
