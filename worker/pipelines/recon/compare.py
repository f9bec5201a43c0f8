"""Lay the books side by side, type what is unequal, and make that the open differences."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.domain.reconcile import judge
from webapp.store import differences, money_check, reconcile
from webapp.store.clock import database_now
from worker.pipelines.recon.collect import NO_KEY, READ, window_of
from worker.pipelines.recon.days import Days
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from collections.abc import Collection

    from webapp.models.scope import ScopedSession
    from webapp.store.reconcile import Window

ALMA = "alma_ledger"
OUR_BOOKS = ("ledger_bursar", "files", "money")


def compare(ctx: StepContext) -> Continue:
    """What came of it, by kind. A rehearsal finds and counts, and changes no difference."""
    collected, holds = ctx.result("collect"), ctx.result("hold_list")
    is_complete = collected["alma"] in {READ, NO_KEY} and not holds["why"]
    books = (ALMA, *OUR_BOOKS) if collected["alma"] == READ else OUR_BOOKS
    ctx.progress(0, 0, "Laying the books side by side")
    with ctx.transaction() as session:
        now = database_now(session)
        window = window_of(_days(ctx, collected), _began_at(collected, now), collected["settings"])
        found = find_differences(session, window, books, now, collected["settings"]["timing_hours"])
        if ctx.run.dry_run:
            return Continue({"found": found, "taken": {}, "open": {}})
        taken = differences.take_judged(session, ctx.run.id, closes=books if is_complete else ())
        money_check.take_check(session)
        counts = differences.write_day(
            session, date.fromisoformat(collected["last_on"]), ctx.run.id, is_past=collected["is_past"]
        )
    return Continue(
        {
            "found": found,
            "taken": {
                "seen_again": taken.seen_again,
                "opened": taken.opened,
                "cleared": taken.cleared,
                "left_closed": taken.left_closed,
            },
            "open": {kind: [count, cents] for kind, (count, cents) in counts.items() if count},
        }
    )


def find_differences(
    session: ScopedSession, window: Window, books: Collection[str], now: datetime, timing_hours: int
) -> dict[str, int]:
    """What is unequal in these books, by kind; the rows are in the transaction's table ``judged``."""
    reconcile.lay_side_by_side(session, window)
    reconcile.find(session, window, books)
    found: dict[str, int] = {}
    with differences.judged_rows(session) as add:
        for beside in reconcile.found(session):
            finding = judge(beside, now, timing_hours)
            found[finding.kind] = found.get(finding.kind, 0) + 1
            add(beside, finding)
    return found


def _began_at(collected: dict[str, Any], now: datetime) -> datetime:
    said = collected.get("began_at")
    return datetime.fromisoformat(said) if said else now


def _days(ctx: StepContext, collected: dict[str, Any]) -> Days:
    zone = ZoneInfo(ctx.tenant.time_zone)
    last_on = date.fromisoformat(collected["last_on"])
    first_on = date.fromisoformat(collected["first_on"])
    return Days(first_on, last_on, last_on, zone, is_past=collected["is_past"])
