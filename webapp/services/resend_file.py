"""Send a file that exists once more: the same bytes, under the same name, to the campus's drop."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.models import File
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.services.campus_settings import read_all
from webapp.services.confirm_delivery import TOLD_BY
from webapp.services.submit_run import submit_run
from webapp.store import file_pages, holds

RESEND = "resend_file"


class ResendRefusedError(Exception):
    """The file is not sent again; the message says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class ResendPlan:
    """What sending again would do. ``overtaken``: patrons whom PeopleSoft was told something newer about since."""

    file: File
    place: str
    overtaken: int
    refusal: str


def plan_resend(session: ScopedSession, file_id: int) -> ResendPlan:
    """What a person must know before the button. Raises: LookupError when the campus has no such file."""
    page = file_pages.read_file_page(session, file_id)
    if page is None or page.file.kind not in TOLD_BY:
        raise LookupError(f"file {file_id}")
    file, delivery = page.file, read_all(session)["delivery"]
    place = f"{delivery['sftp_host']}:{delivery['sftp_directory'] or '.'}"
    overtaken = holds.told_since(
        session,
        tenant_id=file.tenant_id,
        run_id=file.run_id,
        actions=TOLD_BY[file.kind],
        hold_code=file.hold_code,
    )
    refusal = ""
    if page.run.dry_run:
        refusal = "A dry run built this file, so it was never meant to leave. Start a run instead."
    elif file.purged_at is not None:
        refusal = "The file is past its retention time and its bytes were deleted. Run again instead."
    elif page.run.state in {"awaiting_approval", "queued", "running", "delivering"}:
        refusal = f"Run {file.run_id} is not finished; it may still send this file itself."
    elif page.run.state == "cancelled":
        refusal = (
            f"Run {file.run_id} was cancelled or rejected, so its files stay here. Start a new run instead."
        )
    elif not delivery["sftp_enabled"]:
        refusal = "Delivery by SFTP is switched off in the settings. Download the file instead."
    return ResendPlan(file, place, overtaken, refusal)


def resend_file(tenant_id: int, file_id: int, actor: Actor) -> int:
    """Start a run that delivers the file again; returns the run's id. Raises: LookupError; ResendRefusedError."""
    with tenant_scope(tenant_id) as session:
        plan = plan_resend(session, file_id)
        if plan.refusal:
            raise ResendRefusedError(plan.refusal)
        audit.record(
            session,
            actor=actor,
            action="file.sent_again",
            subject=f"file/{file_id}",
            after={"name": plan.file.name, "sha256": plan.file.sha256, "to": plan.place},
        )
        session.commit()
    return submit_run(
        tenant_id,
        RESEND,
        trigger="person",
        requested_by=actor.person_id,
        options={"file_id": file_id},
        parent_run_id=plan.file.run_id,
        actor=actor,
    )
