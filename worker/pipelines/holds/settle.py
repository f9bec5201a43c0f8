"""Before anything is compared, find out what became of earlier files whose delivery is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.store import effects
from worker.pipelines.holds.deliver import current_drop
from worker.pipelines.shared.delivery import current_settings
from worker.pipelines.shared.settle import settle_doubts
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession
    from webapp.store.effects import Doubt

# Sending a file of holds again is a pipeline of its own.
PIPELINES = ("holds_export", "resend_file")


def settle(ctx: StepContext) -> Continue:
    """Look at the server for each of them, and send nothing. What stays unknown is noted, and asked at the check."""
    with ctx.transaction() as session:
        doubts = doubts_of_holds(session)
    if ctx.run.dry_run or not doubts:
        return Continue({"in_doubt": len(doubts)})
    campus = current_settings(ctx)
    target = current_drop(ctx, campus) if campus["delivery"]["sftp_enabled"] else None
    return Continue({"in_doubt": settle_doubts(ctx, doubts, target, sentence_about)})


def doubts_of_holds(session: ScopedSession) -> list[Doubt]:
    """Deliveries of hold files that are still unknown."""
    return effects.doubts(session, pipelines=PIPELINES)


def sentence_about(doubt: Doubt) -> str:
    """What whoever must decide needs to know about a delivery that is still unknown."""
    return (
        f"Whether {doubt.names} of run {doubt.effect.run_id} reached PeopleSoft is not known. Ask there and settle it on "
        "that run's page first: until then its patrons count as they did before it, and a hold that it placed would "
        "not be released."
    )
