"""Before a run takes up anything, find out what became of earlier files whose delivery is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.store import bursar, effects
from worker.pipelines.bursar.acknowledgements import look_now
from worker.pipelines.shared.delivery import current_settings, open_drop
from worker.pipelines.shared.settle import settle_doubts
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.adapters.sftp import SftpTarget
    from webapp.domain.campus_settings import CampusSettings
    from webapp.models.scope import ScopedSession
    from webapp.store.effects import Doubt


def settle(ctx: StepContext) -> Continue:
    """Look at the server for each of them, and send nothing. What stays unknown is noted, and asked at the check.

    Which earlier files PeopleSoft took is looked for first: the next file may have the same name.
    """
    look_now(ctx)
    with ctx.transaction() as session:
        doubts = doubts_of_charges(session)
    if ctx.run.dry_run or not doubts:
        return Continue({"in_doubt": len(doubts)})
    campus = current_settings(ctx)
    target = current_drop(ctx, campus) if campus["delivery"]["sftp_enabled"] else None
    return Continue({"in_doubt": settle_doubts(ctx, doubts, target, sentence_about)})


def current_drop(ctx: StepContext, campus: CampusSettings) -> SftpTarget:
    """The campus's SFTP drop for charges as the settings name it now."""
    return open_drop(ctx, campus, campus["bursar"])


def doubts_of_charges(session: ScopedSession) -> list[Doubt]:
    """Deliveries of files with charges that are still unknown."""
    return effects.doubts(session, pipelines=bursar.PIPELINES)


def sentence_about(doubt: Doubt) -> str:
    """What whoever must decide needs to know about a delivery that is still unknown."""
    return (
        f"Whether {doubt.names} of run {doubt.effect.run_id} reached PeopleSoft is not known. Ask there and settle it on "
        "that run's page first: until then its fees count as told, and are not sent again."
    )
