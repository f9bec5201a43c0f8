"""The mails of a journal run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from webapp.adapters.mail import Attachment
from webapp.domain.mail_tokens import single_line
from webapp.services.delivery_targets import framed_mail
from webapp.services.file_links import make_file_link
from webapp.store import files
from worker.pipelines.shared.delivery import current_settings
from worker.pipelines.shared.mail import Cargo, day_of, is_mail_wanted, run_link, send_notice, send_once

if TYPE_CHECKING:
    from webapp.domain.campus_settings import CampusSettings
    from worker.steps import RunError, StepContext


def send_report(
    ctx: StepContext, campus: CampusSettings, story: str, cargo: Cargo | None = None
) -> dict[str, Any]:
    """Send the report of the run; returns the evidence. Raises: RetryableError, PermanentError, UnknownOutcomeError."""
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
    said = [f"{file.name}: {file.row_count:,} lines, sum 0.00\n  sha256 {file.sha256}" for file in made]
    link = make_file_link(
        ctx.settings,
        tenant_id=ctx.tenant_id,
        slug=ctx.tenant.slug,
        run_id=ctx.run.id,
        from_at=ctx.now,
        hours=campus["notification"]["link_hours"],
    )
    mail = framed_mail(
        ctx.settings,
        campus,
        run_key=f"run-{ctx.run.id}",
        channel="report",
        subject=single_line(f"GL journal – {ctx.tenant.name}"),
        text="\n\n".join([f"{ctx.tenant.name}, {day_of(ctx)}", story, *said, f"{link}\n{run_link(ctx)}"]),
    )
    if cargo is not None or campus["notification"]["attach_files"]:
        attachments = [Attachment(f.name, "text/plain", partial(ctx.files.open, f.store_key)) for f in made]
        mail = replace(mail, attachments=tuple(attachments))
    return send_once(ctx, mail, f"run:{ctx.run.id}:mail", "report", cargo)


def tell_failure(ctx: StepContext, error: RunError) -> None:
    """A mail that the run failed, and why."""
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = (
            f"{ctx.tenant.name}, {day_of(ctx)}: the GL journal failed.\n\n{error.message}\n\n"
            f"Payments whose journal did not leave are in the next one.\n{run_link(ctx)}"
        )
        send_notice(ctx, campus, "failure", f"GL journal: the run failed – {ctx.tenant.name}", text)
