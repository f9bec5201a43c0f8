"""Match the news to fees and book it: payments, lines, ledger and items become true together, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import PermanentError
from webapp.domain.money import format_cents
from webapp.services.payment_file import match_rules
from webapp.store import inbound, payment_match, payment_rows, payments, runs
from worker.pipelines.payments.story import tell
from worker.steps import Continue, Finish, StepContext

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession


def book(ctx: StepContext) -> Continue | Finish:
    """One transaction; done again it finds that it was done. Raises: PermanentError when a cent is unaccounted for."""
    taken, came = ctx.result("receive"), ctx.result("read")
    section = came["settings"]["payments"]
    ctx.progress(0, came["rows"], "Matching money to fees")
    with ctx.transaction() as session:
        if not payments.is_booked(session, ctx.run.id):
            payment_rows.news_of_run(session, ctx.run.id)
            payment_match.match(session, match_rules(section))
            _check_plan(session, came["new_cents"])
            plan = payment_match.plan_totals(session)
            runs.merge_counts(session, ctx.run.id, _counts(came, plan))
            if not ctx.run.dry_run:
                _book(ctx, session, section["source"], taken)
    result = {"story": tell(ctx)}
    if ctx.run.dry_run:
        return Finish("succeeded", result)
    return Continue(result)


def _book(ctx: StepContext, session: ScopedSession, source: str, taken: dict[str, object]) -> None:
    came = ctx.result("read")
    inbound_file_id, name = int(str(taken["inbound_file_id"])), str(taken["name"])
    booked = payments.book(session, ctx.run.id, inbound_file_id, source=source, file_name=name)
    if not booked.cents == booked.line_cents == came["new_cents"]:
        raise PermanentError(
            f"{format_cents(came['new_cents'])} are new, {format_cents(booked.cents)} were booked in lines of "
            f"{format_cents(booked.line_cents)}. Nothing of it is kept."
        )
    inbound.note_rows(session, inbound_file_id, rows=came["rows"], cents=came["new_cents"])
    inbound.settle_file(session, inbound_file_id, "done")


def _check_plan(session: ScopedSession, cents: int) -> None:
    planned = sum(total for _, total in payment_match.plan_totals(session).values())
    if planned != cents:
        raise PermanentError(
            f"{format_cents(cents)} are new, and {format_cents(planned)} of it were given a place. Nothing was booked."
        )


def _counts(came: dict[str, object], plan: dict[tuple[str, str], tuple[int, int]]) -> dict[str, int]:
    counts = {
        "rows": int(str(came["rows"])),
        "new_rows": int(str(came["new_rows"])),
        "new_cents": int(str(came["new_cents"])),
    }
    for state in ("waiting", "unapplied"):
        mine = [total for (its, _), total in plan.items() if its == state]
        counts[f"{state}_lines"] = sum(lines for lines, _ in mine)
        counts[f"{state}_cents"] = sum(cents for _, cents in mine)
    return counts
