"""The mails of a holds export: the report, "nothing to send", "needs approval", and "failed"."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from webapp.adapters.mail import Attachment
from webapp.domain.mail_tokens import TemplateError, fill, fill_subject, single_line
from webapp.services.delivery_targets import framed_mail
from webapp.services.mail_values import Campus, report_values
from webapp.store import files, holds, runs
from worker.interrupts import LeaseLostError
from worker.pipelines.shared.delivery import current_settings
from worker.pipelines.shared.mail import Cargo, day_of, is_mail_wanted, run_link, send_notice, send_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webapp.domain.campus_settings import CampusSettings
    from worker.steps import RunError, StepContext


def send_report(
    ctx: StepContext, campus: CampusSettings, story: str, cargo: Cargo | None = None
) -> dict[str, Any]:
    """Send the report of the run; returns the evidence. The run sends it once, whatever happens.

    With ``cargo`` it is what takes the files to PeopleSoft, and they are attached; otherwise the settings say.

    Raises: RetryableError, PermanentError, UnknownOutcomeError.
    """
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
        after = holds.totals_after(session, ctx.tenant_id, ctx.run.id)
        run = runs.run_by_id(session, ctx.run.id)
    if run is None:
        raise LeaseLostError(f"run {ctx.run.id} is gone")
    totals = holds.RegisterTotals(sum(rows for _, rows, _ in after), sum(cents for *_, cents in after))
    about = Campus(ctx.tenant_id, ctx.tenant.slug, ctx.tenant.name, ctx.tenant.time_zone)
    link_hours = campus["notification"]["link_hours"]
    values = report_values(ctx.settings, about, run, made=made, totals=totals, link_hours=link_hours) | {
        "story": story
    }
    template = campus["mail_template"]
    try:
        subject, text = fill_subject(template["subject"], values), fill(template["body"], values)
    except TemplateError as err:
        # A report in plain words is better than none; the template is checked when it is saved.
        subject, text = (
            single_line(f"PeopleSoft Holds Report – {ctx.tenant.name}"),
            f"{story}\n\n{values['link']}\n\n{err}",
        )
    mail = framed_mail(
        ctx.settings, campus, run_key=f"run-{ctx.run.id}", channel="report", subject=subject, text=text
    )
    if cargo is not None or campus["notification"]["attach_files"]:
        attachments = [Attachment(f.name, "text/plain", partial(ctx.files.open, f.store_key)) for f in made]
        mail = replace(mail, attachments=tuple(attachments))
    return send_once(ctx, mail, f"run:{ctx.run.id}:mail", "report", cargo)


def tell_nothing_to_send(ctx: StepContext, story: str) -> None:
    """By choice a mail that there was nothing to send."""
    campus = current_settings(ctx)
    if not is_mail_wanted(campus) or not campus["notification"]["mail_when_nothing"]:
        return
    with ctx.transaction() as session:
        rows = holds.register_totals(session, ctx.tenant_id).rows
    text = (
        f"{ctx.tenant.name}, {day_of(ctx)}: nothing to send; {rows:,} holds are in force.\n\n{story}\n\n"
        f"{run_link(ctx)}"
    )
    send_notice(ctx, campus, "nothing", f"PeopleSoft holds: nothing to send – {ctx.tenant.name}", text)


def tell_approval_needed(ctx: StepContext, reasons: Sequence[str]) -> None:
    """A mail that the run waits for a person."""
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = f"{ctx.tenant.name}, {day_of(ctx)}: the holds export waits for a person.\n\n" + "".join(
            f"- {reason}\n" for reason in reasons
        )
        text += f"\nNothing was sent yet. Look at the run and approve or reject it:\n{run_link(ctx)}"
        send_notice(ctx, campus, "approval", f"PeopleSoft holds: approval needed – {ctx.tenant.name}", text)


def tell_failure(ctx: StepContext, error: RunError) -> None:
    """A mail that the run failed, and why."""
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = (
            f"{ctx.tenant.name}, {day_of(ctx)}: the holds export failed.\n\n{error.message}\n\n"
            f"What was delivered before that stays delivered and is not sent twice.\n{run_link(ctx)}"
        )
        send_notice(ctx, campus, "failure", f"PeopleSoft holds: the export failed – {ctx.tenant.name}", text)
