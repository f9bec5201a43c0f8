"""Hand a file's bytes to a person, and write down who took them."""

from __future__ import annotations

from typing import BinaryIO

from webapp.adapters.files import FileStore
from webapp.models import File
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.store.file_pages import file_row


class FileGoneError(Exception):
    """The bytes are no longer kept; what was sent is still known by its name, count, total and sha256."""


def download_file(tenant_id: int, file_id: int, actor: Actor, files: FileStore) -> tuple[File, BinaryIO]:
    """The file and a stream of its bytes, to be closed by the caller; the audit log names who took it.

    Raises: LookupError when the campus has no such file; FileGoneError when its bytes were purged; OutsideError.
    """
    with tenant_scope(tenant_id) as session:
        file = file_row(session, file_id)
        # What was collected is the run's own frozen input, with every patron in it; it is no file to hand out.
        if file is None or file.kind == "collected":
            raise LookupError(f"file {file_id}")
        if file.purged_at is not None:
            raise FileGoneError(
                f"{file.name} is past its retention time and its bytes were deleted. Its name, count, total and "
                "sha256 are kept; run again to build a file from today's facts."
            )
        source = files.open(file.store_key)
        try:
            audit.record(
                session,
                actor=actor,
                action="file.downloaded",
                subject=f"file/{file.id}",
                after={"name": file.name, "sha256": file.sha256},
            )
            session.commit()
        except BaseException:
            source.close()
            raise
    return file, source
