"""The violations file a parking system hands over: kept whole under its own hash, the newest one named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4

if TYPE_CHECKING:
    from webapp.adapters.files import FileStore

MOST_BYTES = 512 << 20
_CHUNK = 1 << 18


class UploadTooLargeError(ValueError):
    """The file is larger than any list of violations; nothing was kept."""


def store_upload(files: FileStore, tenant_id: int, name: str, source: BinaryIO) -> dict[str, Any]:
    """Keep a file; from now on it is the campus's newest. Returns {"key", "name", "size", "sha256", "uploaded_at"}.

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
    upload = {
        "key": key,
        "name": name[:200],
        "size": writer.size,
        "sha256": writer.sha256,
        "uploaded_at": datetime.now(UTC).isoformat(),
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
