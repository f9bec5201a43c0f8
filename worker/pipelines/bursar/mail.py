"""The mails of a run about charges: the report with the totals of each file, and the notices."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from webapp.adapters.mail import Attachment
from webapp.domain.mail_tokens import single_line
from webapp.domain.money import format_cents
from webapp.services.delivery_targets import framed_mail
from webapp.services.file_links import make_file_link
from webapp.store import files, ledger
from worker.pipelines.shared.delivery import current_settings
from worker.pipelines.shared.mail import Cargo, day_of, is_mail_wanted, run_link, send_notice, send_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webapp.domain.campus_settings import CampusSettings
    from webapp.models import File
    from webapp.store.ledger import FileTotals
    from worker.steps import RunError, StepContext

_TITLES = {"bursar_conversion": "bursar conversion", "balance_export": "balance export"}


def send_report(
    ctx: StepContext, campus: CampusSettings, story: str, cargo: Cargo | None = None
) -> dict[str, Any]:
    """Send the report of the run; returns the evidence. The run sends it once, whatever happens.

    With ``cargo`` it is what takes the files to PeopleSoft, and they are attached; otherwise the settings say.

    Raises: RetryableError, PermanentError, UnknownOutcomeError.
    """
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
        totals = ledger.totals_by_file(session, ctx.tenant_id, ctx.run.id)
    lines = sum(file.row_count for file in made)
    mail = framed_mail(
        ctx.settings,
        campus,
        run_key=f"run-{ctx.run.id}",
        channel="report",
        subject=single_line(f"Charges to PeopleSoft – {ctx.tenant.name}: {lines:,} lines"),
        text=_report_text(ctx, campus, story, made, totals),
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
    text = f"{ctx.tenant.name}, {day_of(ctx)}: no charge or credit is to be sent to PeopleSoft.\n\n{story}\n\n{run_link(ctx)}"
    send_notice(ctx, campus, "nothing", f"Charges to PeopleSoft: nothing to send – {ctx.tenant.name}", text)


def tell_approval_needed(ctx: StepContext, reasons: Sequence[str]) -> None:
    """A mail that the run waits for a person."""
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = f"{ctx.tenant.name}, {day_of(ctx)}: the {_title(ctx)} waits for a person.\n\n" + "".join(
            f"- {reason}\n" for reason in reasons
        )
        text += f"\nNothing was sent yet. Look at the run and approve or reject it:\n{run_link(ctx)}"
        send_notice(
            ctx, campus, "approval", f"Charges to PeopleSoft: approval needed – {ctx.tenant.name}", text
        )


def tell_failure(ctx: StepContext, error: RunError) -> None:
    """A mail that the run failed, and why."""
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = (
            f"{ctx.tenant.name}, {day_of(ctx)}: the {_title(ctx)} failed.\n\n{error.message}\n\n"
            "What was delivered before that stays delivered and is not sent twice; everything else waits for the next "
            f"run.\n{run_link(ctx)}"
        )
        send_notice(
            ctx, campus, "failure", f"Charges to PeopleSoft: the run failed – {ctx.tenant.name}", text
        )


def _report_text(
    ctx: StepContext,
    campus: CampusSettings,
    story: str,
    made: Sequence[File],
    totals: dict[int, FileTotals],
) -> str:
    parts = [f"{ctx.tenant.name}, {day_of(ctx)}", story]
    parts += [_file_text(file, totals.get(file.id)) for file in made]
    hours = campus["notification"]["link_hours"]
    link = make_file_link(
        ctx.settings,
        tenant_id=ctx.tenant_id,
        slug=ctx.tenant.slug,
        run_id=ctx.run.id,
        from_at=ctx.now,
        hours=hours,
    )
    return "\n\n".join([*parts, f"{link}\n{run_link(ctx)}"])


def _file_text(file: File, totals: FileTotals | None) -> str:
    said = [f"{file.name} ({file.kind}): {file.row_count:,} lines"]
    if totals is not None:
        said.append(f"  debits  {totals.debits:>8,}  {format_cents(totals.debit_cents):>16}")
        said.append(f"  credits {totals.credits:>8,}  {format_cents(totals.credit_cents):>16}")
        said.append(f"  net               {format_cents(totals.debit_cents + totals.credit_cents):>16}")
    return "\n".join([*said, f"  sha256 {file.sha256}"])


def _title(ctx: StepContext) -> str:
    return _TITLES.get(ctx.run.pipeline, "run")
