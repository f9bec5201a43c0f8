"""What the pages about fees read: the search through the ledger, and what was asked for a fee."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, exists, func, literal, literal_column, or_, select, text

from webapp.models import (
    BursarRow,
    BursarTask,
    Difference,
    File,
    LedgerEntry,
    Person,
    QuarantinedRow,
    Run,
    SeenFee,
)
from webapp.store.charge_pages import BURSAR_PIPELINES
from webapp.store.ledger import ToldCharge, charges_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Select

    from webapp.models.scope import ScopedSession

EXPORT_BATCH = 2_000
COUNTED_UP_TO = 100_000
ROWS_SHOWN = 50
RUNS_LOOKED_AT = 200
EMPLID_DIGITS = 9


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which lines a list shows; empty means any. ``words``: a fee's reference or a patron's id, with or without zeros."""

    event: str = ""
    words: str = ""
    run_id: int | None = None
    from_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """A line of the ledger, and the file it went in or came from (empty: none)."""

    entry: LedgerEntry
    file_name: str


@dataclass(frozen=True, slots=True)
class AskedTask:
    """What a person asked for a fee, and who."""

    task: BursarTask
    created_by: str


@dataclass(frozen=True, slots=True)
class DecidedRow:
    """What a run decided about a fee."""

    row: BursarRow
    run: Run


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A row on the desk about a fee."""

    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class OpenDifference:
    """Something the books do not agree on, in words."""

    id: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class FeeSurroundings:
    """What is known of a fee beside its ledger lines: runs that met it, what was asked, what waits on the desk.

    ``differences``: what the books do not agree on about it, the oldest first.
    """

    rows: Sequence[DecidedRow]
    tasks: Sequence[AskedTask]
    held: Sequence[HeldRow]
    differences: Sequence[OpenDifference]


_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "at": LedgerEntry.id.expression,
    "fee": LedgerEntry.fee_ref.expression,
}


def count_entries(session: ScopedSession, wanted: LedgerFilter) -> int:
    """How many lines the list has, counted up to ``COUNTED_UP_TO``."""
    found = select(LedgerEntry.id).where(*_conditions(wanted)).limit(COUNTED_UP_TO)
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def list_entries(
    session: ScopedSession, wanted: LedgerFilter, *, sort: str, descending: bool, limit: int, offset: int
) -> list[ListedEntry]:
    """One page of the list."""
    query = _ordered(wanted, sort, descending=descending).limit(limit).offset(offset)
    return [ListedEntry(*row) for row in session.execute(query)]


def every_entry(
    session: ScopedSession, wanted: LedgerFilter, *, sort: str, descending: bool
) -> Iterator[ListedEntry]:
    """All lines of the list, fetched in batches, for an export."""
    query = _ordered(wanted, sort, descending=descending)
    for row in session.execute(query, execution_options={"yield_per": EXPORT_BATCH}):
        yield ListedEntry(*row)


def is_known_fee(session: ScopedSession, fee_ref: str) -> bool:
    """Whether exactly this fee is in the ledger, in a run's rows on their way, or asked about."""
    return bool(
        session.scalar(
            select(
                or_(
                    exists().where(LedgerEntry.fee_ref == fee_ref),
                    exists().where(BursarTask.fee_ref == fee_ref),
                    exists().where(*_met(fee_ref)),
                )
            )
        )
    )


def charges_of_patron(session: ScopedSession, patron_id: str) -> list[ToldCharge]:
    """The charges of a patron that a credit can still take back from, newest first."""
    if not patron_id:
        return []
    own = "SELECT fee_ref FROM ledger_entry WHERE tenant_id = :tenant_id AND patron_id = :patron_id AND event = 'charge'"
    rows = session.execute(text(charges_of(own)), {"tenant_id": session.tenant_id, "patron_id": patron_id})
    found = [ToldCharge(*row) for row in rows if row.remaining_cents > 0]
    return sorted(found, key=lambda charge: charge.entry_id, reverse=True)[:ROWS_SHOWN]


def surroundings(session: ScopedSession, fee_ref: str) -> FeeSurroundings:
    """What is known of a fee beside the ledger, newest first."""
    rows = session.execute(
        select(BursarRow, Run)
        .join(Run, and_(Run.tenant_id == BursarRow.tenant_id, Run.id == BursarRow.run_id))
        .where(*_met(fee_ref))
        .order_by(BursarRow.run_id.desc(), BursarRow.n)
        .limit(ROWS_SHOWN)
    )
    held = (
        select(QuarantinedRow.id, QuarantinedRow.reason)
        .where(QuarantinedRow.resolved_at.is_(None), QuarantinedRow.row_ref == f"fee {fee_ref}")
        .order_by(QuarantinedRow.id.desc())
        .limit(ROWS_SHOWN)
        .subquery("held")
    )
    differing = _differing(fee_ref).subquery("differing")
    one = select(literal(1)).subquery("one")
    asked = session.execute(
        select(
            select(func.jsonb_agg(func.to_jsonb(literal_column("held")))).select_from(held).scalar_subquery(),
            select(func.jsonb_agg(func.to_jsonb(literal_column("differing"))))
            .select_from(differing)
            .scalar_subquery(),
            BursarTask,
            func.coalesce(Person.full_name, ""),
        )
        .select_from(one)
        .outerjoin(BursarTask, BursarTask.fee_ref == fee_ref)
        .outerjoin(Person, Person.id == BursarTask.created_by)
        .order_by(BursarTask.id.desc())
        .limit(ROWS_SHOWN)
    ).all()
    return FeeSurroundings(
        [DecidedRow(*row) for row in rows],
        [AskedTask(row[2], row[3]) for row in asked if row[2] is not None],
        [HeldRow(**row) for row in asked[0][0] or ()],
        [OpenDifference(**row) for row in asked[0][1] or ()],
    )


def _differing(fee_ref: str) -> Select[int, str, str]:
    """Open differences of the fee, under either of its names."""
    ids = select(SeenFee.fee_id).where(SeenFee.bursar_ref == fee_ref, SeenFee.bursar_ref != "")
    refs = select(SeenFee.bursar_ref).where(SeenFee.fee_id == fee_ref, SeenFee.bursar_ref != "")
    return (
        select(Difference.id, Difference.kind, Difference.reason)
        .where(
            Difference.closed_at.is_(None),
            or_(Difference.fee_ref == fee_ref, Difference.fee_ref.in_(ids), Difference.fee_ref.in_(refs)),
        )
        .order_by(Difference.first_seen_at, Difference.id)
        .limit(ROWS_SHOWN)
    )


def _ordered(wanted: LedgerFilter, sort: str, *, descending: bool) -> Select[LedgerEntry, str]:
    order = _ORDERS[sort]
    query = (
        select(LedgerEntry, func.coalesce(File.name, ""))
        .outerjoin(File, and_(File.tenant_id == LedgerEntry.tenant_id, File.id == LedgerEntry.file_id))
        .where(*_conditions(wanted))
    )
    if descending:
        return query.order_by(order.desc(), LedgerEntry.id.desc())
    return query.order_by(order.asc(), LedgerEntry.id.asc())


def _conditions(wanted: LedgerFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.event:
        found.append(LedgerEntry.event == wanted.event)
    if wanted.run_id is not None:
        found.append(LedgerEntry.run_id == wanted.run_id)
    if wanted.from_at is not None:
        found.append(LedgerEntry.at >= wanted.from_at)
    # Exact, so that the two indexes answer; an id that lost its zeros somewhere is the same id.
    found.extend(
        or_(
            LedgerEntry.fee_ref == word,
            LedgerEntry.patron_id.in_({word, word.lstrip("0"), word.zfill(EMPLID_DIGITS)} - {""}),
        )
        for word in wanted.words.split()
    )
    return found


def _met(fee_ref: str) -> list[ColumnElement[bool]]:
    """A fee among the rows of the last runs; they are indexed by run."""
    last = (
        select(Run.id).where(Run.pipeline.in_(BURSAR_PIPELINES)).order_by(Run.id.desc()).limit(RUNS_LOOKED_AT)
    )
    return [BursarRow.fee_ref == fee_ref, BursarRow.run_id.in_(last.scalar_subquery())]
