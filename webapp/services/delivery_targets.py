"""Where a campus's files and mails go, from its settings: an SFTP folder, an SMTP server, and the mail's frame."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from webapp.adapters.mail import OutgoingMail, SmtpTarget, message_id
from webapp.adapters.sftp import SftpTarget
from webapp.adapters.sftp.target import SFTP_PORTS
from webapp.adapters.vault import Vault
from webapp.config import Settings
from webapp.domain.campus_settings import CampusSettings
from webapp.models.scope import ScopedSession
from webapp.services.campus_settings import open_secret

SFTP_SECRETS = ("sftp_password", "sftp_private_key", "sftp_passphrase")
# The server that files arrive at has credentials of its own, kept under these names.
ARRIVAL_PREFIX = "arrival_"


def open_sftp_secrets(session: ScopedSession, vault: Vault) -> dict[str, str | None]:
    """The plain secrets of the campus's SFTP drop, by name."""
    return {name: open_secret(session, vault, name) for name in SFTP_SECRETS}


def open_arrival_secrets(session: ScopedSession, vault: Vault) -> dict[str, str | None]:
    """The plain secrets of the server that the campus's files arrive at, by their names without the prefix."""
    return {name: open_secret(session, vault, f"{ARRIVAL_PREFIX}{name}") for name in SFTP_SECRETS}


def arrival_target(
    settings: Settings, arrival: Mapping[str, Any], secrets: Mapping[str, str | None]
) -> SftpTarget:
    """The SFTP folder that the campus's files arrive in; ``arrival`` is the settings section."""
    return SftpTarget(**_line(settings, arrival, secrets))


def sftp_target(
    settings: Settings,
    delivery: Mapping[str, Any],
    files: Mapping[str, Any],
    secrets: Mapping[str, str | None],
) -> SftpTarget:
    """The campus's SFTP drop; ``delivery`` and ``files`` are settings sections."""
    return SftpTarget(
        **_line(settings, delivery, secrets),
        use_temporary_name=delivery["sftp_temporary_name"],
        check_size=delivery["sftp_check_size"],
        read_back=delivery["sftp_read_back"],
        trigger_suffix=delivery["sftp_trigger_suffix"] or None,
        collision=files["collision"],
    )


def _line(
    settings: Settings, section: Mapping[str, Any], secrets: Mapping[str, str | None]
) -> dict[str, Any]:
    """Server, sign-in and folder, which two sections name alike."""
    by_key = section["sftp_auth"] == "key"
    return {
        "host": section["sftp_host"],
        "port": section["sftp_port"],
        "username": section["sftp_username"],
        "password": None if by_key else secrets["sftp_password"],
        "private_key": secrets["sftp_private_key"] if by_key else None,
        "passphrase": secrets["sftp_passphrase"] if by_key else None,
        "host_keys": tuple(section["sftp_host_keys"]),
        "directory": section["sftp_directory"],
        "allow_private": settings.allow_private_hosts,
        # An operator who lets campuses reach private hosts runs a rehearsal, where any port may be a server's.
        "allowed_ports": None if settings.allow_private_hosts else SFTP_PORTS,
    }


def smtp_target(settings: Settings) -> SmtpTarget:
    """The portal's own mail server. It is the operator's choice, so it may well be a private host."""
    return SmtpTarget(
        host=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username or None,
        password=settings.smtp_password or None,
        tls=settings.smtp_tls,  # type: ignore[arg-type]
        allow_private=True,
        allowed_ports=None,
    )


def framed_mail(
    settings: Settings, campus: CampusSettings, *, run_key: str, channel: str, subject: str, text: str
) -> OutgoingMail:
    """A mail from the portal to the campus's recipients, answers to whom the campus named; no attachment yet."""
    notification = campus["notification"]
    domain = settings.mail_from.rpartition("@")[2].rstrip(">")
    return OutgoingMail(
        message_id=message_id(f"{run_key}-{_mark(settings, run_key, channel)}", channel, 1, domain),
        sender=settings.mail_from,
        reply_to=next(iter(notification["reply_to"]), None),
        to=tuple(notification["recipients"]),
        subject=subject,
        text=text,
    )


def _mark(settings: Settings, run_key: str, channel: str) -> str:
    """Nobody can guess the Message-ID of a mail they did not get, so nobody else can say that it came back."""
    said = f"feebridge.message-id.1:{run_key}:{channel}"
    return hmac.new(settings.secret_key.encode(), said.encode(), hashlib.sha256).hexdigest()[:20]
