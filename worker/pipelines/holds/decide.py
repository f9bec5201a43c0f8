"""Apply the policy to the frozen rows, compare with what PeopleSoft was last told, and account for every cent."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import PermanentError
from webapp.domain.holds import EXCLUDED, KEPT, QUARANTINED, Tally
from webapp.domain.holds.story import REASONS_NAMED, group_reasons
from webapp.domain.money import format_cents
from webapp.store import hold_decision, holds, quarantine
from webapp.store.collected import CollectionChangedError, FrozenFile, load_collected
from worker.pipelines.holds.frame import frame_of
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from webapp.models.scope import ScopedSession

_CHUNK = 1 << 20


_MOST_REASONS = 500


def decide(ctx: StepContext) -> Continue:
    """One transaction: load, decide, park doubtful rows, prove that nothing was lost."""
    collected, frame = ctx.result("collect"), frame_of(ctx)
    covers_everyone = collected["source"]["covers_everyone"]
    ctx.progress(0, collected["rows"], "Comparing with what PeopleSoft was last told")
    with _fetched(ctx, collected) as frozen, ctx.transaction() as session:
        _load(session, frozen)
        outcome = hold_decision.decide_holds(
            session,
            _known(collected),
            tenant_id=ctx.tenant_id,
            run_id=ctx.run.id,
            policy=frame.policy,
            run_on=frame.run_on,
        )
        totals = holds.change_totals(session, ctx.tenant_id, ctx.run.id)
        check_conservation(outcome.tallies, collected["rows"], collected["cents"])
        check_added(outcome.tallies, totals)
        reasons = []
        if any(name in QUARANTINED for name in outcome.tallies):
            met = quarantine.reasons_met(
                session, policy=frame.policy, run_on=frame.run_on, limit=_MOST_REASONS
            )
            reasons = group_reasons(met)[: REASONS_NAMED + 1]
        # A rehearsal leaves the desk as it is; its counts say what it would have put there.
        if not ctx.run.dry_run and any(name in QUARANTINED for name in outcome.tallies):
            quarantine.park_collected(
                session,
                tenant_id=ctx.tenant_id,
                run_id=ctx.run.id,
                policy=frame.policy,
                run_on=frame.run_on,
            )
        if covers_everyone and not ctx.run.dry_run:
            quarantine.resolve_gone(session, tenant_id=ctx.tenant_id, run_id=ctx.run.id, of_layout=False)
        # Where only patrons who were read can be released, a row of nobody's endangers nobody.
        asks = covers_everyone and collected["refused_rows"]
        unidentified = hold_decision.unidentified_rows(session) if asks else 0
        in_grace = hold_decision.in_grace(session) if frame.policy.grace_days else []
    ctx.counts(counts_of(outcome.tallies, outcome.held_back, totals))
    return Continue(
        {
            "tallies": {name: [tally.rows, tally.cents] for name, tally in outcome.tallies.items()},
            "held_back": outcome.held_back,
            "changes": outcome.changes,
            "unidentified_rows": unidentified,
            "in_grace": in_grace,
            "reasons": [list(reason) for reason in reasons],
        }
    )


def _known(collected: Mapping[str, Any]) -> hold_decision.CollectedRows:
    return hold_decision.CollectedRows(
        kinds=[tuple(kind) for kind in collected["kinds"]],
        fee_rows=collected["fee_rows"],
        refused_rows=collected["refused_rows"],
        covers_everyone=collected["source"]["covers_everyone"],
        each_fee_once=collected["source"]["each_fee_once"],
        is_copy=collected["source"]["kind"] == "analytics",
    )


@contextmanager
def _fetched(ctx: StepContext, collected: Mapping[str, Any]) -> Iterator[list[FrozenFile]]:
    """Both frozen files on this machine's disk: a transaction does not wait for a slow file store."""
    with ExitStack() as kept:
        yield [_fetch(ctx, collected[part], kept) for part in ("fees", "others")]


def _fetch(ctx: StepContext, part: Mapping[str, str], kept: ExitStack) -> FrozenFile:
    local = kept.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    with ctx.files.open(part["key"]) as source:
        while chunk := source.read(_CHUNK):
            ctx.stop_if_asked()
            local.write(chunk)
    local.seek(0)
    return FrozenFile(lambda: local, part["sha256"])


def _load(session: ScopedSession, frozen: list[FrozenFile]) -> None:
    try:
        load_collected(session, *frozen)
    except CollectionChangedError as err:
        raise PermanentError(f"{err} Nothing was decided on it; run again to read the source anew.") from err


def check_conservation(tallies: Mapping[str, Tally], rows: int, cents: int) -> None:
    """Rows and cents in = kept + quarantined + excluded. Raises: PermanentError with the difference."""
    unnamed = set(tallies) - {*EXCLUDED, *KEPT, *QUARANTINED}
    found_rows = sum(tally.rows for tally in tallies.values())
    found_cents = sum(tally.cents for tally in tallies.values())
    if (found_rows, found_cents) != (rows, cents) or unnamed:
        raise PermanentError(
            f"{rows:,} rows with {format_cents(cents)} came in, but {found_rows:,} rows with {format_cents(found_cents)} "
            f"are accounted for (difference {rows - found_rows:,} rows, {format_cents(cents - found_cents)}). "
            "Nothing was sent. Give this run's number to the people who look after Feebridge.",
            evidence={"unnamed": ", ".join(sorted(unnamed))},
        )


def check_added(tallies: Mapping[str, Tally], totals: list[holds.ChangeTotals]) -> None:
    """What is to be told must be what the rows add up to. Raises: PermanentError."""
    for action, name in (("A", "added"), ("U", "updated")):
        told_cents = sum(total.cents for total in totals if total.action == action)
        told_items = sum(total.item_rows for total in totals if total.action == action)
        tally = tallies.get(name, Tally())
        if (told_items, told_cents) != (tally.rows, tally.cents):
            raise PermanentError(
                f"The holds {name} tell {format_cents(told_cents)} of {told_items:,} rows, but the rows counted for them are "
                f"{tally.rows:,} with {format_cents(tally.cents)}. Nothing was sent."
            )


def counts_of(
    tallies: Mapping[str, Tally], held_back: int, totals: list[holds.ChangeTotals]
) -> dict[str, int]:
    """The run's named counts and cents: the lines to tell, and every row that came in under its rule."""
    counts = {"held_back": held_back, "changed": sum(total.rows for total in totals)}
    for action, name in (("A", "added"), ("U", "updated"), ("R", "released")):
        counts[name] = sum(total.rows for total in totals if total.action == action)
        counts[f"{name}_cents"] = sum(total.cents for total in totals if total.action == action)
    for group, names in (("excluded", EXCLUDED), ("quarantined", QUARANTINED)):
        found = [tallies[name] for name in names if name in tallies]
        counts[group] = sum(tally.rows for tally in found)
        counts[f"{group}_cents"] = sum(tally.cents for tally in found)
    for name, tally in tallies.items():
        counts[f"rows_{name}"], counts[f"cents_{name}"] = tally.rows, tally.cents
    return counts
