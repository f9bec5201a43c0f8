"""The run's story, told from its own counts: the one sentence that pages, mails and commands read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.domain.money import format_cents
from webapp.store import runs
from worker.pipelines.bursar.frame import first_result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.steps import StepContext

_REASONS_TOLD = 2


def run_counts(ctx: StepContext) -> dict[str, int]:
    """The run's named counts as they stand."""
    with ctx.transaction() as session:
        run = runs.run_by_id(session, ctx.run.id)
        return dict(run.counts) if run else {}


def tell(ctx: StepContext, delivered: Sequence[str]) -> str:
    """Write the story down; ``delivered`` are clauses about what left. Returns it."""
    file = first_result(ctx).get("file", "")
    clauses = _clauses(run_counts(ctx), ctx.results.get("decide", {}).get("reasons", ()))
    told = "; ".join([*clauses, *delivered, *([f"read from {file}"] if file else [])])
    story = f"{told[0].upper()}{told[1:]}."
    ctx.story(story)
    return story


def _clauses(counts: Mapping[str, int], reasons: Sequence[Sequence[object]]) -> list[str]:
    if not counts.get("rows_sent"):
        clauses = ["nothing to tell the bursar"]
    else:
        clauses = [
            _lines(counts, name, word)
            for name, word in (("charges", "charge"), ("credits", "credit"), ("reversals", "reversal"))
            if counts.get(name)
        ] or [f"{_number(counts['rows_sent'], 'fee')} ({format_cents(counts['cents_sent'])})"]
        clauses = [", ".join(clauses)]
    if waiting := counts.get("rows_quarantined", 0):
        because = "; ".join(f"{words}" for words, _rows in list(reasons)[:_REASONS_TOLD])
        clauses.append(f"{waiting:,} held back" + (f" because {because}" if because else ""))
    if left_out := counts.get("rows_excluded", 0):
        clauses.append(f"{left_out:,} left out by rule")
    return clauses


def _lines(counts: Mapping[str, int], name: str, word: str) -> str:
    return f"{_number(counts[name], word)} ({format_cents(counts[f'{name}_cents'])})"


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
