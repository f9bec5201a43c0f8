"""The violations file a parking system hands over: kept whole under its own hash, the newest one named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4
from zoneinfo import ZoneInfo

from webapp.models.scope import tenant_scope
from webapp.services import audit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.adapters.files import FileStore

MOST_BYTES = 512 << 20
_CHUNK = 1 << 18


class UploadTooLargeError(ValueError):
    """The file is larger than any list of violations; nothing was kept."""


def hand_in(
    files: FileStore, tenant_id: int, name: str, source: BinaryIO, actor: audit.Actor
) -> dict[str, Any]:
    """``store_upload`` by a person or a program, with who handed in what in the audit log. Raises as it does."""
    upload = store_upload(files, tenant_id, name, source)
    with tenant_scope(tenant_id) as session:
        audit.record(
            session,
            actor=actor,
            action="violations.uploaded",
            subject=upload["name"],
            after={name: upload[name] for name in ("size", "sha256", "same_as_at")},
        )
        session.commit()
    return upload


def upload_words(upload: Mapping[str, Any], time_zone: str) -> str:
    """An upload in words: violations.csv, uploaded 20 Nov 2026 (the same file as on 19 Nov 2026)."""
    words = f"{upload['name']}, uploaded {_day(upload['uploaded_at'], time_zone)}"
    if upload.get("same_as_at"):
        words += f" (the same file as on {_day(upload['same_as_at'], time_zone)})"
    return words


def _day(at: str, time_zone: str) -> str:
    local = datetime.fromisoformat(at).astimezone(ZoneInfo(time_zone))
    return f"{local.day} {local:%b %Y}"


def store_upload(files: FileStore, tenant_id: int, name: str, source: BinaryIO) -> dict[str, Any]:
    """Keep a file; from now on it is the campus's newest.

    Returns {"key", "name", "size", "sha256", "uploaded_at", "same_as_at"}, the last None unless the file before it had
    the same bytes: then since when they have been here.

    Raises: UploadTooLargeError, RetryableError.
    """
    key = f"{tenant_id}/violations/{uuid4().hex}"
    with files.writer(key) as writer:
        while chunk := source.read(_CHUNK):
            if writer.size + len(chunk) > MOST_BYTES:
                raise UploadTooLargeError(
                    f"{name} is larger than {MOST_BYTES >> 20} MiB; nothing of it was kept."
                )
            writer.write(chunk)
    before = latest_upload(files, tenant_id)
    is_same = before is not None and before["sha256"] == writer.sha256
    upload = {
        "key": key,
        "name": name[:200],
        "size": writer.size,
        "sha256": writer.sha256,
        "uploaded_at": datetime.now(UTC).isoformat(),
        "same_as_at": (before.get("same_as_at") or before["uploaded_at"]) if before and is_same else None,
    }
    with files.writer(_pointer(tenant_id)) as pointer:
        pointer.write(json.dumps(upload).encode())
    return upload


def latest_upload(files: FileStore, tenant_id: int) -> dict[str, Any] | None:
    """The campus's newest violations file, or None."""
    key = _pointer(tenant_id)
    if not files.exists(key):
        return None
    with files.open(key) as stored:
        upload: dict[str, Any] = json.loads(stored.read())
    return upload


def _pointer(tenant_id: int) -> str:
    return f"{tenant_id}/violations/newest.json"
