"""Take every payment that is in no journal yet, and freeze what is booked where."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import PermanentError
from webapp.domain.journal import ANY_TYPE, Chartfields, JournalError, chartfields_of, read_map
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

    Raises: PermanentError when the campus has not said where all of the money is booked; then nothing is taken.
    """
    with ctx.transaction() as session:
        settings = dict(read_all(session)["gl"])
        known = _accounts(settings)
        layout = choose_layout_set(session, settings["layout"], ctx.now.date()).frozen()
    with ctx.transaction() as session:
        sums = _take(ctx, session, settings, known)
    result: dict[str, Any] = {
        "settings": settings,
        "layout": layout,
        "sums": [asdict(one) | {"on": one.on.isoformat()} for one in sums],
    }
    ctx.counts(
        {
            "payments_journalled": sum(one.count for one in sums),
            "cents_journalled": sum(one.cents for one in sums),
        }
    )
    if not sums:
        ctx.story("Every payment is in a journal already; nothing to send.")
        return Finish("nothing_to_send", result)
    return Continue(result)


def _refuse_unmapped(left: Sequence[Unmapped]) -> None:
    """A day's journal without a part of its money would not agree with what was deposited: it is refused whole."""
    if not left:
        return
    said = ", ".join(
        f"{one.fee_type or 'fees of a type that is not known'} ({one.count:,} "
        f"payment{'' if one.count == 1 else 's'}, {format_cents(one.cents)})"
        for one in left
    )
    add = next((one.fee_type for one in left if one.fee_type), ANY_TYPE)
    raise PermanentError(
        f"No chartfields are set for {said}. Add a line for each on the settings page GL journal, such as “{add} = account / "
        f"fund / dept”, or one for {ANY_TYPE}, which stands for every other type. Nothing was taken or sent; all payments "
        "are in the next journal."
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
) -> list[DaySum]:
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
    _refuse_unmapped(journals.unmapped(session))
    if ctx.run.dry_run:
        return journals.sums_of_events(session, zone)
    journals.take(session, ctx.tenant_id, ctx.run.id, zone)
    # What this very run took before it was interrupted is among them.
    return journals.sums_of_run(session, ctx.tenant_id, ctx.run.id)
