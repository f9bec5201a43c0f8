"""Take up what waits: from here on these lines are this run's, and what was left open before is looked at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.services.campus_settings import read_all
from webapp.store import posting
from worker.steps import Continue, Finish, StepContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.store.posting import Tally


def plan(ctx: StepContext) -> Continue | Finish:
    """The campus's open lines become the run's. A rehearsal only counts them."""
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


def _counts(found: Mapping[str, Tally]) -> dict[str, int]:
    doubts = [tally for state, tally in found.items() if state != "waiting"]
    return {
        "lines": sum(tally.count for tally in found.values()),
        "cents": sum(tally.cents for tally in found.values()),
        "doubts": sum(tally.count for tally in doubts),
    }
