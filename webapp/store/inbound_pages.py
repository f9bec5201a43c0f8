"""What the page about files from Alma reads: the list, and one file with what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from webapp.models import InboundFile, Person, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from webapp.models.scope import ScopedSession

EXPORT_BATCH = 500
REPEATS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class InboundFilter:
    """Which files the list shows; empty means any."""

    kind: str = ""
    state: str = ""
    origin: str = ""
    words: str = ""
    from_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedInbound:
    """A file that arrived, the state of the run that took it (empty: none did), and the name of the file it repeats."""

    file: InboundFile
    run_state: str
    repeats_name: str
    received_by: str


_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "received": InboundFile.received_at.expression,
    "name": InboundFile.name.expression,
    "state": InboundFile.state.expression,
    "rows": InboundFile.row_count.expression,
    "total": InboundFile.total_cents.expression,
}


def count_inbound(session: ScopedSession, wanted: InboundFilter) -> int:
    """How many files the list has."""
    return session.scalar(select(func.count()).select_from(InboundFile).where(*_conditions(wanted))) or 0


def list_inbound(
    session: ScopedSession, wanted: InboundFilter, *, sort: str, descending: bool, limit: int, offset: int
) -> list[ListedInbound]:
    """One page of the list."""
    query = _ordered(wanted, sort, descending=descending).limit(limit).offset(offset)
    return [ListedInbound(*row) for row in session.execute(query)]


def every_inbound(
    session: ScopedSession, wanted: InboundFilter, *, sort: str, descending: bool
) -> Iterator[ListedInbound]:
    """All files of the list, fetched in batches, for an export."""
    query = _ordered(wanted, sort, descending=descending)
    for row in session.execute(query, execution_options={"yield_per": EXPORT_BATCH}):
        yield ListedInbound(*row)


def inbound_file(session: ScopedSession, inbound_id: int) -> ListedInbound | None:
    """One file of the scope's campus."""
    found = session.execute(_select().where(InboundFile.id == inbound_id)).first()
    return None if found is None else ListedInbound(*found)


def repeats_of(session: ScopedSession, inbound_id: int) -> list[InboundFile]:
    """Later files with the same content, newest first."""
    query = select(InboundFile).where(InboundFile.repeats_id == inbound_id)
    return list(session.scalars(query.order_by(InboundFile.id.desc()).limit(REPEATS_SHOWN)))


def count_waiting(session: ScopedSession) -> int:
    """How many of Alma's files no run has taken yet."""
    query = (
        select(func.count())
        .select_from(InboundFile)
        .where(InboundFile.kind == "bursar_xml", InboundFile.state == "waiting")
    )
    return session.scalar(query) or 0


def _select() -> Select[InboundFile, str, str, str]:
    repeated = aliased(InboundFile)
    return (
        select(
            InboundFile,
            func.coalesce(Run.state, ""),
            func.coalesce(repeated.name, ""),
            func.coalesce(Person.full_name, ""),
        )
        .outerjoin(Run, and_(Run.tenant_id == InboundFile.tenant_id, Run.id == InboundFile.run_id))
        .outerjoin(
            repeated,
            and_(repeated.tenant_id == InboundFile.tenant_id, repeated.id == InboundFile.repeats_id),
        )
        .outerjoin(Person, Person.id == InboundFile.received_by)
    )


def _ordered(wanted: InboundFilter, sort: str, *, descending: bool) -> Select[InboundFile, str, str, str]:
    order = _ORDERS[sort]
    query = _select().where(*_conditions(wanted))
    if descending:
        return query.order_by(order.desc().nulls_last(), InboundFile.id.desc())
    return query.order_by(order.asc().nulls_last(), InboundFile.id.asc())


def _conditions(wanted: InboundFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (InboundFile.kind, wanted.kind),
            (InboundFile.state, wanted.state),
            (InboundFile.origin, wanted.origin),
        )
        if value
    ]
    if wanted.from_at is not None:
        found.append(InboundFile.received_at >= wanted.from_at)
    found.extend(
        or_(
            InboundFile.name.icontains(word, autoescape=True),
            InboundFile.export_number.startswith(word, autoescape=True),
            InboundFile.sha256.startswith(word.lower(), autoescape=True),
        )
        for word in wanted.words.split()
    )
    return found
