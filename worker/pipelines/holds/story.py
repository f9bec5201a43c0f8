"""The run's story, told from its own counts: the one place that every page, mail and command reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from webapp.adapters.errors import PermanentError
from webapp.domain.holds import EXCLUDED, KEPT, QUARANTINED, HoldCounts, tell_story
from webapp.store import runs
from worker.steps import StepContext


def run_counts(ctx: StepContext) -> dict[str, int]:
    """The run's named counts as they stand."""
    with ctx.transaction() as session:
        run = runs.run_by_id(session, ctx.run.id)
        return dict(run.counts) if run else {}


def tell(ctx: StepContext, delivered: Sequence[str]) -> str:
    """Write the story down; ``delivered`` are clauses about what left. Returns it."""
    file = ctx.results.get("collect", {}).get("source", {}).get("file", "")
    counts = _hold_counts(run_counts(ctx), ctx.results.get("decide", {}).get("reasons", ()))
    story = tell_story(counts, [*delivered, *([f"read from {file}"] if file else [])])
    ctx.story(story)
    return story


def check_counts(ctx: StepContext) -> None:
    """Nothing leaves unless every row and cent that came in still stands under exactly one name.

    Raises: PermanentError.
    """
    counts = run_counts(ctx)
    names = (*KEPT, *EXCLUDED, *QUARANTINED)
    rows = sum(counts.get(f"rows_{name}", 0) for name in names)
    cents = sum(counts.get(f"cents_{name}", 0) for name in names)
    if (rows, cents) != (counts["collected_rows"], counts["collected_cents"]):
        raise PermanentError(
            f"{counts['collected_rows']:,} rows came in and {rows:,} are accounted for (difference "
            f"{counts['collected_cents'] - cents} cents). Nothing was sent."
        )


def _hold_counts(counts: Mapping[str, int], reasons: Sequence[Sequence[Any]]) -> HoldCounts:
    met = [(words, rows) for words, rows in reasons]
    # Lines that do not fit are only found when the files are built.
    if unprintable := counts.get("rows_unprintable", 0):
        met.append((QUARANTINED["unprintable"], unprintable))
    return HoldCounts(
        added=counts.get("added", 0),
        added_cents=counts.get("added_cents", 0),
        updated=counts.get("updated", 0),
        released=counts.get("released", 0),
        held_back=counts.get("held_back", 0),
        quarantined={name: rows for name in QUARANTINED if (rows := counts.get(f"rows_{name}", 0))},
        reasons=met,
    )
