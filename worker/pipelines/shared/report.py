"""Tell people what was done. A mail that does not get through undoes nothing, and is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from webapp.adapters.errors import OutsideError, RetryableError
from webapp.store import files, runs
from worker.pipelines.shared.delivery import DOWNLOAD, MAIL, SFTP, current_settings
from worker.pipelines.shared.mail import is_mail_wanted
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from webapp.domain.campus_settings import CampusSettings
    from webapp.models import Delivery

MAIL_TRIES = 5


def report_run(
    ctx: StepContext,
    *,
    tell: Callable[[StepContext, Sequence[str]], str],
    send_report: Callable[[StepContext, CampusSettings, str], object],
    waits: str,
) -> Continue:
    """Tell the story with where and when, and send it, unless the mail itself carried the files.

    ``tell`` writes the story down with clauses about what left; ``waits`` is the clause about files left in the portal.
    """
    carrier = ctx.result("deliver")["carrier"]
    with ctx.transaction() as session:
        deliveries = files.deliveries_of(session, ctx.tenant_id, ctx.run.id)
    clauses = [waits] if carrier == DOWNLOAD else _clauses(ctx, carrier, deliveries)
    story = tell(ctx, clauses)
    campus = current_settings(ctx)
    if carrier == MAIL or not is_mail_wanted(campus):
        return Continue({"story": story})
    try:
        send_report(ctx, campus, story)
    except OutsideError as err:
        if isinstance(err, RetryableError) and _tries(ctx) < MAIL_TRIES:
            raise
        done = "wait in the portal" if carrier == DOWNLOAD else "were delivered"
        ctx.note(f"The files {done}, but the report mail was not sent: {err.message}")
        story = tell(ctx, [*clauses, "the report mail was not sent"])
    return Continue({"story": story})


def _tries(ctx: StepContext) -> int:
    with ctx.transaction() as session:
        return next((step.attempt for step in runs.steps_of(session, ctx.run.id) if step.name == "report"), 1)


def _clauses(ctx: StepContext, carrier: str, deliveries: list[Delivery]) -> list[str]:
    done = [d for d in deliveries if d.target == carrier and d.delivered_at is not None]
    if not done:
        return []
    last = max(done, key=lambda delivery: (delivery.delivered_at or ctx.now, delivery.id))
    at = (last.delivered_at or ctx.now).astimezone(ZoneInfo(ctx.tenant.time_zone)).strftime("%H:%M")
    if carrier == SFTP:
        files_word = "file" if len(done) == 1 else "files"
        return [f"{files_word} delivered to {last.address.partition(':')[0]} at {at}"]
    return [f"mailed to {last.address} at {at}"]
