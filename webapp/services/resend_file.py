"""Send a file again: the same bytes under the same name. A run of its own does it, so that it shows, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from webapp.domain.run_states import FINAL_STATES
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.campus_settings import read_all
from webapp.services.confirm_delivery import TOLD_BY, tells_charges, tells_no_holds
from webapp.services.submit_run import submit_run
from webapp.store import file_pages, files, holds, run_pages

if TYPE_CHECKING:
    from webapp.models import File
    from webapp.services.audit import Actor


class ResendRefusedError(Exception):
    """The file is not sent again; the message says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class ResendPlan:
    """What sending a file again would do: to which ``place``, or why it is refused."""

    file: File
    place: str
    refusal: str


def plan_resend(session: ScopedSession, file_id: int) -> ResendPlan:
    """What a person must know before the button. Raises: LookupError when the campus has no such file."""
    file = file_pages.file_row(session, file_id)
    if file is None or (file.kind not in TOLD_BY and not tells_no_holds(session, file)):
        raise LookupError(f"file {file_id}")
    delivery = read_all(session)["delivery"]
    refusal = why_not_again(session, file)
    if not refusal and not delivery["sftp_enabled"]:
        refusal = "Delivery by SFTP is switched off in the settings. Download the file instead."
    return ResendPlan(file, f"{delivery['sftp_host']}:{delivery['sftp_directory'] or '.'}", refusal)


def resend_file(tenant_id: int, file_id: int, *, actor: Actor) -> int:
    """Ask for it; returns the id of the run that will do it.

    Raises: LookupError when the campus has no such file; ResendRefusedError.
    """
    with tenant_scope(tenant_id) as session:
        plan = plan_resend(session, file_id)
        if plan.refusal:
            raise ResendRefusedError(plan.refusal)
        file = plan.file
        audit.record(
            session,
            actor=actor,
            action="file.sent_again",
            subject=f"file/{file.id}",
            after={"name": file.name, "sha256": file.sha256, "to": plan.place},
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

    A file says what patrons owed when it was built, and overwrites: sent after a newer one it would undo that. And
    what a person rejected, or only rehearsed, must not leave by this door.
    """
    reason = _why_it_stays(session, file)
    if reason:
        return reason
    if file.purged_at is not None:
        return (
            f"{file.name} is past its retention time and its bytes were deleted. Run the holds export again."
        )
    snapshot = files.newer_snapshot(session, file) if file.kind == "snapshot" else None
    if snapshot is not None:
        return (
            f"{snapshot.name} of run {snapshot.run_id} lists everyone later than {file.name} does; sending that again would "
            "undo it. Run the holds export instead."
        )
    decided = holds.decided_since(session, tenant_id=file.tenant_id, run_id=file.run_id)
    if file.confirmed_at is None and decided is not None:
        return (
            f"{file.name} is not known to have arrived, and run {decided} has compared anew with what PeopleSoft was told. "
            "What this file says may not be true any more; run the holds export again instead."
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
            f"PeopleSoft has been, or may have been, told something newer about {newer:,} of the patrons in {file.name}; sending it again "
            "would undo that. Run the holds export instead: it tells whatever differs today."
        )
    return ""


def _why_it_stays(session: ScopedSession, file: File) -> str:
    """What became of the run that built the file may forbid that it leaves."""
    if tells_charges(session, file):
        return (
            f"{file.name} holds charges and is not sent a second time: its students could be billed twice. If PeopleSoft "
            "has lost it, download it here and hand it to the people who load it."
        )
    if tells_no_holds(session, file):
        return (
            f"{file.name} holds money and is not sent a second time: it could be booked twice. If PeopleSoft has lost it, "
            "download it here and hand it to the people who load it."
        )
    run = run_pages.run_row(session, file.run_id)
    if run is None or run.dry_run:
        return "A dry run built this file, so it was never meant to leave. Start a run instead."
    if run.state not in FINAL_STATES:
        return f"Run {run.id} is not finished; it may still send this file itself."
    if run.state == "cancelled":
        return f"Run {run.id} was cancelled or rejected, so its files stay here. Start a new run instead."
    return ""
