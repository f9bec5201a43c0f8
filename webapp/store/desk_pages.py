"""What the desk reads and writes: rows that may not go out until a person decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.orm import aliased

from webapp.models import Person, QuarantinedRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from webapp.models.scope import ScopedSession

EXPORT_BATCH = 500
MOST_SOURCES = 50


@dataclass(frozen=True, slots=True)
class DeskFilter:
    """Which rows the desk shows; empty means any. ``state``: open or resolved; ``owner_id`` 0: rows that nobody has."""

    state: str = "open"
    source: str = ""
    pipeline: str = ""
    rule: str = ""
    owner_id: int | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class DeskRow:
    """A row on the desk, who resolved it, and who looks after it."""

    row: QuarantinedRow
    resolved_by: str
    owner: str


@dataclass(frozen=True, slots=True)
class DeskTotals:
    """How much of the desk the filter shows."""

    rows: int
    cents: int


_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "age": QuarantinedRow.first_seen_at.expression,
    "seen": QuarantinedRow.last_seen_at.expression,
    "reason": QuarantinedRow.reason.expression,
    "source": QuarantinedRow.source.expression,
    "amount": QuarantinedRow.amount_cents.expression,
}


def desk_sources(session: ScopedSession) -> list[str]:
    """The sources that rows came from, to choose among."""
    return list(
        session.scalars(
            select(QuarantinedRow.source).distinct().order_by(QuarantinedRow.source).limit(MOST_SOURCES)
        )
    )


def desk_rules(session: ScopedSession) -> list[tuple[str, str]]:
    """The (pipeline, rule) of open rows, to choose among."""
    rows = session.execute(
        select(QuarantinedRow.pipeline, QuarantinedRow.rule)
        .where(QuarantinedRow.resolved_at.is_(None))
        .distinct()
        .order_by(QuarantinedRow.pipeline, QuarantinedRow.rule)
        .limit(MOST_SOURCES)
    )
    return [(row[0], row[1]) for row in rows]


def count_ready(session: ScopedSession, pipeline: str) -> tuple[int, int]:
    """Open rows of a pipeline, and how many of them a person corrected or let go."""
    row = session.execute(
        select(
            func.count(),
            func.count().filter(or_(QuarantinedRow.patch != {}, QuarantinedRow.decision == "released")),
        ).where(QuarantinedRow.resolved_at.is_(None), QuarantinedRow.pipeline == pipeline)
    ).one()
    return row[0], row[1]


def desk_totals(session: ScopedSession, wanted: DeskFilter) -> DeskTotals:
    """Rows and cents under the filter."""
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(QuarantinedRow.amount_cents), 0))
        .select_from(QuarantinedRow)
        .where(*_conditions(wanted))
    ).one()
    return DeskTotals(row[0], int(row[1] or 0))


def list_desk(
    session: ScopedSession, wanted: DeskFilter, *, sort: str, descending: bool, limit: int, offset: int
) -> list[DeskRow]:
    """One page of the desk."""
    query = _ordered(wanted, sort, descending=descending).limit(limit).offset(offset)
    return [DeskRow(*row) for row in session.execute(query)]


def every_desk_row(
    session: ScopedSession, wanted: DeskFilter, *, sort: str, descending: bool
) -> Iterator[DeskRow]:
    """All rows under the filter, fetched in batches, for an export."""
    query = _ordered(wanted, sort, descending=descending)
    for row in session.execute(query, execution_options={"yield_per": EXPORT_BATCH}):
        yield DeskRow(*row)


def desk_row(session: ScopedSession, row_id: int) -> DeskRow | None:
    """One row of the scope's campus."""
    found = session.execute(_select().where(QuarantinedRow.id == row_id)).first()
    return None if found is None else DeskRow(*found)


def resolve(
    session: ScopedSession, row_id: int, *, person_id: int | None, decision: str, resolution: str
) -> bool:
    """Close a row if it is still open; whether it was."""
    closed = session.execute(
        update(QuarantinedRow)
        .where(QuarantinedRow.id == row_id, QuarantinedRow.resolved_at.is_(None))
        .values(resolved_at=func.now(), resolved_by=person_id, decision=decision, resolution=resolution)
        .returning(QuarantinedRow.id)
        .execution_options(synchronize_session=False)
    )
    return closed.first() is not None


def _select() -> Select[QuarantinedRow, str, str]:
    owner = aliased(Person)
    return (
        select(QuarantinedRow, func.coalesce(Person.full_name, ""), func.coalesce(owner.full_name, ""))
        .outerjoin(Person, Person.id == QuarantinedRow.resolved_by)
        .outerjoin(owner, owner.id == QuarantinedRow.owner_id)
    )


def _ordered(wanted: DeskFilter, sort: str, *, descending: bool) -> Select[QuarantinedRow, str, str]:
    order = _ORDERS[sort]
    query = _select().where(*_conditions(wanted))
    if descending:
        return query.order_by(order.desc().nulls_last(), QuarantinedRow.id.desc())
    return query.order_by(order.asc().nulls_last(), QuarantinedRow.id.asc())


def _conditions(wanted: DeskFilter) -> list[ColumnElement[bool]]:
    resolved_at = QuarantinedRow.resolved_at
    found: list[ColumnElement[bool]] = [
        resolved_at.is_(None) if wanted.state == "open" else resolved_at.is_not(None)
    ]
    found.extend(
        column == value
        for column, value in (
            (QuarantinedRow.source, wanted.source),
            (QuarantinedRow.pipeline, wanted.pipeline),
            (QuarantinedRow.rule, wanted.rule),
        )
        if value
    )
    if wanted.owner_id is not None:
        owner_id = QuarantinedRow.owner_id
        found.append(owner_id == wanted.owner_id if wanted.owner_id else owner_id.is_(None))
    found.extend(
        or_(
            QuarantinedRow.reason.icontains(word, autoescape=True),
            QuarantinedRow.row_ref.icontains(word, autoescape=True),
        )
        for word in wanted.words.split()
    )
    return found
