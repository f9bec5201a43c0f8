"""What a run leaves open is not forgotten: another one looks again, later and later, for as long as that makes sense."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from webapp.domain.payments.posting import follow_up_after
from webapp.store import posting, runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.domain.campus_settings import CampusSettings
    from webapp.store.posting import Tally
    from worker.steps import StepContext

# After that it is a person's matter, who has seen it waiting all the time.
LONGEST = timedelta(hours=26)


def ask_follow_up(
    ctx: StepContext, campus: CampusSettings, tallies: Mapping[tuple[str, str], Tally]
) -> int | None:
    """Ask for the run that goes on with what is still open; None when nothing is, or it took too long already."""
    if not any(state in posting.OPEN_STATES for state, _ in tallies):
        return None
    began_at = datetime.fromisoformat(ctx.run.options.get("open_since", ctx.now.isoformat()))
    longest = LONGEST
    if campus["posting"]["way"] == "import_file":
        longest = max(longest, timedelta(hours=campus["posting"]["import_confirm_hours"] + 4))
    if ctx.now - began_at > longest:
        return None
    follow_ups = int(ctx.run.options.get("follow_ups", 0))
    options = {
        "follows_run_id": ctx.run.id,
        "follow_ups": follow_ups + 1,
        "open_since": began_at.isoformat(),
    }
    with ctx.transaction() as session:
        known = posting.follow_up_of(session, ctx.run.id)
        if known is not None:
            return known
        new = runs.NewRun(posting.PIPELINE, "catch_up", "batch", options=options)
        run_id = runs.insert_run(session, new, actor=ctx.actor)
        runs.put_off(session, run_id, follow_up_after(follow_ups).total_seconds())
    return run_id
