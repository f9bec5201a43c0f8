"""Before payments are taken, find out what became of earlier journals whose delivery is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.store import effects
from webapp.store.journals import PIPELINE
from worker.pipelines.shared.delivery import current_settings, open_drop
from worker.pipelines.shared.settle import settle_doubts
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.adapters.sftp import SftpTarget
    from webapp.domain.campus_settings import CampusSettings
    from webapp.store.effects import Doubt


def settle(ctx: StepContext) -> Continue:
    """Look at the server for each of them, and send nothing."""
    with ctx.transaction() as session:
        doubts = effects.doubts(session, pipelines=(PIPELINE,))
    if ctx.run.dry_run or not doubts:
        return Continue({"in_doubt": len(doubts)})
    campus = current_settings(ctx)
    target = journal_drop(ctx, campus) if campus["delivery"]["sftp_enabled"] else None
    return Continue({"in_doubt": settle_doubts(ctx, doubts, target, _sentence)})


def journal_drop(ctx: StepContext, campus: CampusSettings) -> SftpTarget:
    """Where journals go, as the settings say now. A journal never replaces one that was not fetched yet."""
    return open_drop(ctx, campus, {"collision": "refuse", "directory": campus["gl"]["directory"]})


def _sentence(doubt: Doubt) -> str:
    return (
        f"Whether {doubt.names} of run {doubt.effect.run_id} reached PeopleSoft is not known. Ask there and settle it on "
        "that run's page: until then its payments count as journalled, and are in no other file."
    )
