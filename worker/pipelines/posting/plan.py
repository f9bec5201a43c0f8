"""Take up what waits: from here on these lines are this run's, and what was left open before is looked at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.services.campus_settings import read_all
from webapp.store import effects, posting
from worker.pipelines.posting.import_file import import_drop
from worker.pipelines.shared.delivery import current_settings
from worker.pipelines.shared.settle import settle_doubts
from worker.steps import Continue, Finish, StepContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.store.effects import Doubt
    from webapp.store.posting import Tally


def plan(ctx: StepContext) -> Continue | Finish:
    """The campus's open lines become the run's. A rehearsal only counts them."""
    _settle_files(ctx)
    with ctx.transaction() as session:
        way = read_all(session)["posting"]["way"]
        found = (
            posting.open_tallies(session)
            if ctx.run.dry_run or way == "none"
            else posting.take_lines(session, ctx.run.id)
        )
    ctx.counts(_counts(found))
    if way == "none" and found:
        ctx.story("Payments are not posted to Alma: the setting “Payments reach Alma” says so.")
    if way == "none" or not found:
        return Finish("nothing_to_send")
    return Continue({"way": way, "lines": sum(tally.count for tally in found.values())})


def _settle_files(ctx: StepContext) -> None:
    """Look at the server for import files of which nobody knows whether they arrived; nothing is sent."""
    with ctx.transaction() as session:
        doubts = effects.doubts(session, pipelines=(posting.PIPELINE,))
    if ctx.run.dry_run or not doubts:
        return
    campus = current_settings(ctx)
    target = import_drop(ctx, campus) if campus["delivery"]["sftp_enabled"] else None
    settle_doubts(ctx, doubts, target, _sentence)


def _sentence(doubt: Doubt) -> str:
    return (
        f"Whether {doubt.names} of run {doubt.effect.run_id} reached the server where Alma fetches it is not known. Settle "
        "it on that run's page; its payments are looked for in Alma meanwhile, and are in no other file."
    )


def _counts(found: Mapping[str, Tally]) -> dict[str, int]:
    doubts = [tally for state, tally in found.items() if state != "waiting"]
    return {
        "lines": sum(tally.count for tally in found.values()),
        "cents": sum(tally.cents for tally in found.values()),
        "doubts": sum(tally.count for tally in doubts),
    }
