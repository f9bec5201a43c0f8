"""The mails of a holds export: the report, "nothing to send", "needs approval", and "failed"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.adapters.errors import OutsideError, UnknownOutcomeError
from webapp.adapters.mail import Attachment, MailReceipt, OutgoingMail, send_mail
from webapp.domain.mail_tokens import TemplateError, fill, fill_subject, single_line
from webapp.models.scope import ScopedSession
from webapp.services.delivery_targets import framed_mail, smtp_target
from webapp.services.mail_values import Campus, report_values
from webapp.services.settle_by_looking import Look
from webapp.store import effects, files, holds, runs
from worker.effects import perform_effect
from worker.interrupts import LeaseLostError
from worker.pipelines.holds.frame import current_settings

if TYPE_CHECKING:
    from webapp.domain.campus_settings import CampusSettings
    from webapp.models import File
    from worker.steps import RunError, StepContext

OnConfirm = Callable[[ScopedSession, dict[str, Any]], None]
MAIL_KIND = "mail"


@dataclass(frozen=True, slots=True)
class Cargo:
    """The files that a mail takes to PeopleSoft, and what follows from its acceptance."""

    files: Sequence[File]
    on_confirm: OnConfirm


def is_mail_wanted(campus: CampusSettings) -> bool:
    """Whether there is anyone to tell."""
    return bool(campus["delivery"]["mail_enabled"] and campus["notification"]["recipients"])


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
    return _send(ctx, mail, f"run:{ctx.run.id}:mail", "report", cargo)


def tell_nothing_to_send(ctx: StepContext) -> None:
    """By choice a mail that there was nothing to send."""
    campus = current_settings(ctx)
    if not is_mail_wanted(campus) or not campus["notification"]["mail_when_nothing"]:
        return
    with ctx.transaction() as session:
        rows = holds.register_totals(session, ctx.tenant_id).rows
    text = (
        f"{ctx.tenant.name}, {_day(ctx)}: nothing to send. PeopleSoft already knows every hold; {rows:,} are in force.\n\n"
        f"{_run_link(ctx)}"
    )
    _tell(ctx, campus, "nothing", f"PeopleSoft holds: nothing to send – {ctx.tenant.name}", text)


def tell_approval_needed(ctx: StepContext, reasons: Sequence[str]) -> None:
    """A mail that the run waits for a person."""
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = f"{ctx.tenant.name}, {_day(ctx)}: the holds export waits for a person.\n\n" + "".join(
            f"- {reason}\n" for reason in reasons
        )
        text += f"\nNothing was sent yet. Look at the run and approve or reject it:\n{_run_link(ctx)}"
        _tell(ctx, campus, "approval", f"PeopleSoft holds: approval needed – {ctx.tenant.name}", text)


def tell_failure(ctx: StepContext, error: RunError) -> None:
    """A mail that the run failed, and why."""
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = (
            f"{ctx.tenant.name}, {_day(ctx)}: the holds export failed.\n\n{error.message}\n\n"
            f"What was delivered before that stays delivered and is not sent twice.\n{_run_link(ctx)}"
        )
        _tell(ctx, campus, "failure", f"PeopleSoft holds: the export failed – {ctx.tenant.name}", text)


def _tell(ctx: StepContext, campus: CampusSettings, channel: str, subject: str, text: str) -> None:
    """Send a notice; that it could not be sent is shown on the run, and stops nothing."""
    mail = framed_mail(
        ctx.settings,
        campus,
        run_key=f"run-{ctx.run.id}",
        channel=channel,
        subject=single_line(subject),
        text=text,
    )
    try:
        _send(ctx, mail, f"run:{ctx.run.id}:mail:{channel}", channel, None)
    except OutsideError as err:
        ctx.note(f"The mail “{subject}” was not sent: {err.message}")


def _send(
    ctx: StepContext, mail: OutgoingMail, key: str, channel: str, cargo: Cargo | None
) -> dict[str, Any]:
    target = smtp_target(ctx.settings)

    def send(before_effect: Callable[[], None]) -> dict[str, Any]:
        return _evidence(send_mail(target, mail, before_effect=before_effect))

    def look() -> Look:
        # A mail server cannot be asked what it took. The Message-ID makes one copy recognisable, so one is risked.
        with ctx.transaction() as session:
            attempts = effects.attempts_of(session, key)
        return "did_not_happen" if attempts < 2 else "cannot_tell"

    def confirmed(session: ScopedSession, evidence: dict[str, Any]) -> None:
        _record(ctx, session, mail, channel, "delivered", evidence.get("refused", {}))
        if cargo is not None:
            cargo.on_confirm(session, evidence)

    detail: dict[str, Any] = {"message_id": mail.message_id, "recipients": len(mail.to)}
    if cargo is not None:
        detail["file_ids"] = [file.id for file in cargo.files]
    kind = effects.NOTICE if cargo is None else MAIL_KIND
    try:
        return perform_effect(
            ctx, key=key, kind=kind, detail=detail, send=send, look=look, on_confirm=confirmed
        )
    except OutsideError as err:
        state = "unknown" if isinstance(err, UnknownOutcomeError) else "failed"
        with ctx.transaction() as session:
            _record(ctx, session, mail, channel, state, {}, err.message)
        raise


def _evidence(receipt: MailReceipt) -> dict[str, Any]:
    return {
        "accepted": len(receipt.accepted),
        "refused": dict(receipt.refused),
        "reply": receipt.server_reply,
    }


def _record(
    ctx: StepContext,
    session: ScopedSession,
    mail: OutgoingMail,
    channel: str,
    state: str,
    refused: dict[str, str],
    message: str = "",
) -> None:
    # A notice has a row of its own: it must not say of the report when it was mailed, or that it arrived.
    target = "mail" if channel == "report" else f"mail_{channel}"
    delivery = files.delivery_of(session, ctx.tenant_id, run_id=ctx.run.id, file_id=None, target=target)
    delivery.state = state
    delivery.address = ", ".join(address for address in mail.to if address not in refused)
    delivery.remote_name = mail.message_id
    words = [f"{address} was refused: {reason}" for address, reason in refused.items()]
    delivery.message = " ".join([*words, message]).strip()
    if state == "delivered":
        files.stamp_delivered(session, ctx.tenant_id, delivery.id)


def _day(ctx: StepContext) -> str:
    return ctx.now.astimezone(ZoneInfo(ctx.tenant.time_zone)).strftime("%A, %d %B %Y")


def _run_link(ctx: StepContext) -> str:
    return f"{ctx.settings.base_url}/c/{ctx.tenant.slug}/runs/{ctx.run.id}"
