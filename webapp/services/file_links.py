"""Links in mails: they name a run's files, need a log-in, and expire. The link by itself opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

from webapp.config import Settings

_SALT = "feebridge.file-link.1"


class FileLinkError(ValueError):
    """The link is not one of ours, or its time is over; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class FileLink:
    """What a valid link names."""

    tenant_id: int
    run_id: int
    expires_at: datetime


def make_file_link(
    settings: Settings, *, tenant_id: int, slug: str, run_id: int, from_at: datetime, hours: int
) -> str:
    """The address to put into a mail, good until ``hours`` after ``from_at``; the same again for the same."""
    expires_at = from_at + timedelta(hours=hours)
    token = _serializer(settings).dumps([tenant_id, run_id, int(expires_at.timestamp())])
    return f"{settings.base_url}/c/{slug}/files/link/{token}"


def read_file_link(settings: Settings, token: str, *, now: datetime) -> FileLink:
    """What the token names. The caller still checks that the signed-in person may see that campus's files.

    Raises: FileLinkError.
    """
    try:
        tenant_id, run_id, expires = _serializer(settings).loads(token)
    except (BadSignature, ValueError, TypeError) as err:
        raise FileLinkError(
            "This link is not complete or was changed. Copy the whole link from the mail, or sign in and open the run."
        ) from err
    link = FileLink(tenant_id, run_id, datetime.fromtimestamp(expires, UTC))
    if now >= link.expires_at:
        raise FileLinkError("This link has expired. Sign in and open the run; its files are still there.")
    return link


def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key, salt=_SALT)
