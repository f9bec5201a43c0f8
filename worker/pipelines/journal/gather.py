"""Take every payment that is in no journal yet, and freeze what is booked where."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import PermanentError
from webapp.domain.journal import Chartfields, JournalError, chartfields_of, read_map
from webapp.domain.money import format_cents
from webapp.services.campus_settings import read_all
from webapp.services.choose_layout_set import choose_layout_set
from webapp.store import journals
from worker.steps import Continue, Finish, StepContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from webapp.models.scope import ScopedSession
    from webapp.store.journals import DaySum, Unmapped


def gather(ctx: StepContext) -> Continue | Finish:
    """The run's sums by day and chartfields. A rehearsal takes nothing.

    Raises: PermanentError when the campus has not said where money is booked.
    """
    with ctx.transaction() as session:
        settings = dict(read_all(session)["gl"])
        known = _accounts(settings)
        layout = choose_layout_set(session, settings["layout"], ctx.now.date()).frozen()
    with ctx.transaction() as session:
        sums, left = _take(ctx, session, settings, known)
    result: dict[str, Any] = {
        "settings": settings,
        "layout": layout,
        "sums": [asdict(one) | {"on": one.on.isoformat()} for one in sums],
        "left": [asdict(one) for one in left],
    }
    ctx.counts(
        {
            "payments_journalled": sum(one.count for one in sums),
            "cents_journalled": sum(one.cents for one in sums),
            "payments_left": sum(one.count for one in left),
        }
    )
    if not sums:
        ctx.story(f"{tell_left(left) or 'Every payment is in a journal already; nothing to send'}.")
        return Finish("nothing_to_send", result)
    return Continue(result)


def tell_left(left: Sequence[Unmapped]) -> str:
    """What stays behind, as a clause; empty when nothing does."""
    if not left:
        return ""
    names = ", ".join(one.fee_type or "without a fee type" for one in left)
    cents = format_cents(sum(one.cents for one in left))
    count = sum(one.count for one in left)
    return (
        f"{count:,} payment{'' if count == 1 else 's'} ({cents}) left for the next journal because no chartfields are set "
        f"for {names}"
    )


def _accounts(settings: Mapping[str, Any]) -> dict[str, Chartfields]:
    if not settings["business_unit"]:
        raise PermanentError(
            "The business unit is empty, so no journal can be made. Fill it in on the settings page GL journal. Nothing was sent."
        )
    try:
        Chartfields.read(settings["clearing"])
        return read_map(settings["chartfields"])
    except JournalError as err:
        raise PermanentError(
            f"The accounts on the settings page GL journal cannot be used. {err} Nothing was sent."
        ) from err


def _take(
    ctx: StepContext, session: ScopedSession, settings: Mapping[str, Any], known: Mapping[str, Chartfields]
) -> tuple[list[DaySum], list[Unmapped]]:
    zone = ctx.tenant.time_zone
    if not ctx.run.dry_run:
        journals.give_back_dead(session, ctx.tenant_id)
    journals.find_events(session, ctx.tenant_id, sources=settings["sources"], until_at=ctx.now)
    named = {
        fee_type: found.as_json()
        for fee_type in journals.fee_types(session)
        if (found := chartfields_of(fee_type, known))
    }
    journals.name_chartfields(session, named)
    left = journals.unmapped(session)
    if ctx.run.dry_run:
        return journals.sums_of_events(session, zone), left
    journals.take(session, ctx.tenant_id, ctx.run.id, zone)
    # What this very run took before it was interrupted is among them.
    return journals.sums_of_run(session, ctx.tenant_id, ctx.run.id), left
