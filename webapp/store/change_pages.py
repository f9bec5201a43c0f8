"""What the page with every line of a run reads: who is added, changed or released, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from webapp.models import HoldChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from webapp.models.scope import ScopedSession

EXPORT_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which lines of one run are shown; empty means any. ``words`` is part of an EMPLID or a name."""

    run_id: int
    action: str = ""
    words: str = ""


_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "emplid": HoldChange.emplid.expression,
    "action": HoldChange.action.expression,
    "before": HoldChange.previous_cents.expression,
    "now": HoldChange.amount_cents.expression,
}


def count_changes(session: ScopedSession, wanted: ChangeFilter) -> int:
    """How many lines there are."""
    return session.scalar(select(func.count()).select_from(HoldChange).where(*_conditions(wanted))) or 0


def list_changes(
    session: ScopedSession, wanted: ChangeFilter, *, sort: str, descending: bool, limit: int, offset: int
) -> list[HoldChange]:
    """One page of the lines."""
    return list(session.scalars(_ordered(wanted, sort, descending=descending).limit(limit).offset(offset)))


def every_change(
    session: ScopedSession, wanted: ChangeFilter, *, sort: str, descending: bool
) -> Iterator[HoldChange]:
    """All lines, fetched in batches, for an export."""
    query = _ordered(wanted, sort, descending=descending)
    yield from session.scalars(query, execution_options={"yield_per": EXPORT_BATCH})


def _ordered(wanted: ChangeFilter, sort: str, *, descending: bool) -> Select[HoldChange]:
    order = _ORDERS[sort]
    way = order.desc() if descending else order.asc()
    return (
        select(HoldChange).where(*_conditions(wanted)).order_by(way, HoldChange.emplid, HoldChange.hold_code)
    )


def _conditions(wanted: ChangeFilter) -> list[ColumnElement[bool]]:
    found = [HoldChange.run_id == wanted.run_id]
    if wanted.action:
        found.append(HoldChange.action == wanted.action)
    found.extend(
        or_(
            HoldChange.emplid.contains(word, autoescape=True),
            HoldChange.patron_name.icontains(word, autoescape=True),
        )
        for word in wanted.words.split()
    )
    return found
