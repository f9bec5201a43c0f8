"""The run's story: how much was booked on which days."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from webapp.domain.money import format_cents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.steps import StepContext


def tell(ctx: StepContext, delivered: Sequence[str]) -> str:
    """Write the story down; ``delivered`` are clauses about what left. Returns it."""
    gathered = ctx.result("gather")
    sums = gathered["sums"]
    count, cents = sum(one["count"] for one in sums), sum(one["cents"] for one in sums)
    days = sorted({date.fromisoformat(one["on"]) for one in sums})
    when = f"{days[0]:%m/%d/%Y}" if len(days) == 1 else f"{days[0]:%m/%d/%Y} to {days[-1]:%m/%d/%Y}"
    clauses = [
        f"{count:,} payment{'' if count == 1 else 's'} of {when} in the journal, {format_cents(cents)}",
        *delivered,
    ]
    story = f"{'; '.join(clauses)}."
    ctx.story(story)
    return story
