"""The run's story: what was new in the file, where it goes, and what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.domain.money import format_cents
from webapp.store import runs

if TYPE_CHECKING:
    from worker.steps import StepContext

KNOWN = {"unchanged": "unchanged", "superseded": "said again in the file", "older": "older than what is known",
         "repeated": "known from an earlier file", "nothing": "without money"}  # fmt: skip


def tell(ctx: StepContext) -> str:
    """Write the story down and return it."""
    came, name = ctx.result("read"), ctx.result("receive")["name"]
    with ctx.transaction() as session:
        run = runs.run_by_id(session, ctx.run.id)
        counts = dict(run.counts) if run else {}
    clauses = [
        f"{name}: {_number(came['new_rows'], 'row')} of {came['rows']:,} with news, {format_cents(came['new_cents'])}"
    ]
    if counts.get("waiting_lines"):
        word = "would be posted" if ctx.run.dry_run else "to be posted"
        clauses.append(
            f"{_number(counts['waiting_lines'], 'line')} ({format_cents(counts['waiting_cents'])}) {word}"
        )
    if counts.get("unapplied_lines"):
        clauses.append(
            f"{_number(counts['unapplied_lines'], 'line')} ({format_cents(counts['unapplied_cents'])}) without a fee, for a person"
        )
    known = [(rule, rows) for verdict, rule, rows, _ in came["tallies"] if verdict == "known"]
    clauses += [f"{rows:,} {KNOWN.get(rule, rule)}" for rule, rows in known]
    if came["faults"]:
        clauses.append(
            f"{_number(came['faults'], 'row')} could not be read and went into a file for the sender"
        )
    story = f"{'; '.join(clauses)}."
    ctx.story(story)
    return story


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
