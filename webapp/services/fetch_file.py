"""Fetch a file that was left in the portal for PeopleSoft: taking it is its delivery."""

from __future__ import annotations

from typing import BinaryIO

from webapp.adapters.files import FileStore
from webapp.models import File
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.services.confirm_delivery import confirm_delivered_file, tells_no_holds
from webapp.services.download_file import FileGoneError
from webapp.store import file_pages, holds


def fetch_file(tenant_id: int, file_id: int, actor: Actor, files: FileStore) -> tuple[File, BinaryIO]:
    """The file and a stream of its bytes, to be closed by the caller; from now on PeopleSoft counts as told.

    Raises: LookupError when the campus has no such file left to be fetched; FileGoneError, also when
    a later run has decided anew; OutsideError.
    """
    with tenant_scope(tenant_id) as session:
        file = file_pages.file_row(session, file_id)
        if file is None or not file_pages.take_waiting_delivery(session, file_id, taken_by=actor.name):
            raise LookupError(f"file {file_id}")
        if file.purged_at is not None:
            raise FileGoneError(
                f"{file.name} is past its retention time and its bytes were deleted. Run again."
            )
        # Each file about money tells what no other file tells; only what holds say is overtaken by newer runs.
        is_of_holds = not tells_no_holds(session, file)
        decided = (
            holds.decided_since(session, tenant_id=tenant_id, run_id=file.run_id) if is_of_holds else None
        )
        if decided is not None:
            raise FileGoneError(
                f"Run {decided} has compared anew since {file.name} was built, so what it says may not be true any more. "
                "Fetch the newest run's files; if it has none, there is nothing to tell."
            )
        source = files.open(file.store_key)
        try:
            lines = confirm_delivered_file(session, file)
            audit.record(
                session,
                actor=actor,
                action="file.fetched",
                subject=f"file/{file.id}",
                after={"name": file.name, "sha256": file.sha256, "lines_told": lines},
            )
            session.commit()
        except BaseException:
            source.close()
            raise
    return file, source
