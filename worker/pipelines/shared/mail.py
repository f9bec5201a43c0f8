"""A run's mails: one that takes files along, or a notice. Each is sent once, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.adapters.errors import OutsideError, UnknownOutcomeError
from webapp.adapters.mail import MailReceipt, OutgoingMail, send_mail
from webapp.domain.mail_tokens import single_line
from webapp.models.scope import ScopedSession
from webapp.services.delivery_targets import framed_mail, smtp_target
from webapp.services.settle_by_looking import Look
from webapp.store import effects, files
from worker.effects import perform_effect

if TYPE_CHECKING:
    from webapp.domain.campus_settings import CampusSettings
    from webapp.models import File
    from worker.steps import StepContext

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


def send_notice(ctx: StepContext, campus: CampusSettings, channel: str, subject: str, text: str) -> None:
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
        send_once(ctx, mail, f"run:{ctx.run.id}:mail:{channel}", channel, None)
    except OutsideError as err:
        ctx.note(f"The mail “{subject}” was not sent: {err.message}")


def send_once(
    ctx: StepContext, mail: OutgoingMail, key: str, channel: str, cargo: Cargo | None
) -> dict[str, Any]:
    """Send the mail as the effect ``key`` and record its delivery; returns the evidence.

    Raises: RetryableError, PermanentError, UnknownOutcomeError.
    """
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


def day_of(ctx: StepContext) -> str:
    """The campus's day on which the run began, as mails write it."""
    return ctx.now.astimezone(ZoneInfo(ctx.tenant.time_zone)).strftime("%A, %d %B %Y")


def run_link(ctx: StepContext) -> str:
    """The address of the run's page."""
    return f"{ctx.settings.base_url}/c/{ctx.tenant.slug}/runs/{ctx.run.id}"


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
