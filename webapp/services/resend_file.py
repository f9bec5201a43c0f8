"""Send a file again: the same bytes under the same name. A run of its own does it, so that it shows, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.confirm_delivery import TOLD_BY
from webapp.services.submit_run import submit_run
from webapp.store import files, holds

if TYPE_CHECKING:
    from webapp.models import File
    from webapp.services.audit import Actor


class ResendRefusedError(Exception):
    """The file is not sent again; the message says why and what to do instead."""


def resend_file(tenant_id: int, file_id: int, *, actor: Actor) -> int:
    """Ask for it; returns the id of the run that will do it.

    Raises: LookupError when the campus has no such file; ResendRefusedError.
    """
    with tenant_scope(tenant_id) as session:
        file = files.file_by_id(session, tenant_id, file_id)
        if file is None or file.kind not in TOLD_BY:
            raise LookupError(f"file {file_id}")
        reason = why_not_again(session, file)
        if reason:
            raise ResendRefusedError(reason)
        audit.record(
            session,
            actor=actor,
            action="file.sent_again",
            subject=f"file/{file.id}",
            after={"name": file.name, "sha256": file.sha256},
        )
        session.commit()
        parent = file.run_id
    return submit_run(
        tenant_id,
        "resend_file",
        requested_by=actor.person_id,
        options={"file_id": file_id},
        parent_run_id=parent,
        actor=actor,
    )


def why_not_again(session: ScopedSession, file: File) -> str:
    """Why a file must not be sent again; empty when it may.

    A file says what patrons owed when it was built, and overwrites: sent after a newer one it would undo that.
    """
    if file.purged_at is not None:
        return (
            f"{file.name} is past its retention time and its bytes were deleted. Run the holds export again."
        )
    newer = holds.told_since(
        session,
        tenant_id=file.tenant_id,
        run_id=file.run_id,
        actions=TOLD_BY[file.kind],
        hold_code=file.hold_code,
    )
    if newer:
        return (
            f"PeopleSoft has been told something newer about {newer:,} of the patrons in {file.name}; sending it again "
            "would undo that. Run the holds export instead: it tells whatever differs today."
        )
    return ""
