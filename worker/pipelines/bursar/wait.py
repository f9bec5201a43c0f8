"""Wait for the cut-off: until then a fee can be recalled, and is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from worker.steps import Continue, StepContext, Wait


def wait(ctx: StepContext) -> Continue | Wait:
    """Go on when the campus's time is over. A rehearsal waits for nobody, nor does the desk sent at once."""
    leaves_at = datetime.fromisoformat(ctx.result("decide")["leaves_at"])
    if ctx.run.dry_run or ctx.run.options.get("only_desk") or now() >= leaves_at:
        return Continue({})
    wall = leaves_at.astimezone(ZoneInfo(ctx.tenant.time_zone)).strftime("%H:%M")
    return Wait(leaves_at, f"Leaves at {wall}; until then a fee can be recalled.")


def now() -> datetime:
    """This moment; the step is asked again at every wake-up, so a wrong clock shortens no wait by more than itself."""
    return datetime.now(UTC)
