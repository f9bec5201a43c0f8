"""What the pages about reconciliation read: whether the books agree, what is open, and how that went over the days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text
from sqlalchemy.orm import aliased

from webapp.models import Difference, MoneyCheck, Payment, Person, Run
from webapp.store.emplids import spellings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime

    from webapp.models.scope import ScopedSession

PIPELINE = "reconciliation"
EXPORT_BATCH = 2_000
COUNTED_UP_TO = 100_000
ABOUT_SHOWN = 5


@dataclass(frozen=True, slots=True)
class DifferenceFilter:
    """Which differences a list shows; empty means any.

    ``state``: open or closed. ``owner_id`` 0: those that nobody has. ``words``: a fee or a patron, the whole id.
    """

    state: str = "open"
    kind: str = ""
    books: str = ""
    owner_id: int | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class ListedDifference:
    """A difference, who looks after it, who closed it, and the reference of the payment it is about (empty: none)."""

    difference: Difference
    owner: str
    closed_by: str
    payment_ref: str


@dataclass(frozen=True, slots=True)
class OpenTotals:
    """What is open: how many, how many of them are only a matter of time, and since when the oldest other one is."""

    count: int
    timing: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class BooksNow:
    """Whether the books agree: the last look at the money, the last two ends of a comparison, and what is open."""

    check: MoneyCheck | None
    last_run: Run | None
    last_good_at: datetime | None
    totals: OpenTotals
    now: datetime


@dataclass(frozen=True, slots=True)
class OpenDay:
    """What was open after a day's comparison: differences that need somebody, and those that time may clear."""

    day_on: date
    asking: int
    timing: int


_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "age": Difference.first_seen_at.expression,
    "kind": Difference.kind.expression,
    "ours": Difference.ours_cents.expression,
    "theirs": Difference.theirs_cents.expression,
    "closed": Difference.closed_at.expression,
}


def books_now(session: ScopedSession) -> BooksNow:
    """The figures at the top of the page, in three reads."""
    check = session.scalars(select(MoneyCheck).order_by(MoneyCheck.at.desc()).limit(1)).first()
    real = and_(Run.pipeline == PIPELINE, Run.dry_run.is_(False))
    good = select(func.max(Run.finished_at)).where(real, Run.state == "succeeded").scalar_subquery()
    run = session.execute(
        select(Run, good).where(real).order_by(Run.created_at.desc(), Run.id.desc()).limit(1)
    ).first()
    is_timing = Difference.kind == "timing"
    row = session.execute(
        select(
            func.count(),
            func.count().filter(is_timing),
            func.min(Difference.first_seen_at).filter(~is_timing),
            func.now(),
        ).where(Difference.closed_at.is_(None))
    ).one()
    totals = OpenTotals(row[0], row[1], row[2])
    return BooksNow(check, run[0] if run else None, run[1] if run else None, totals, row[3])


def count_differences(session: ScopedSession, wanted: DifferenceFilter) -> int:
    """How many the list has, counted up to ``COUNTED_UP_TO``."""
    found = select(Difference.id).where(*_conditions(wanted)).limit(COUNTED_UP_TO)
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def list_differences(
    session: ScopedSession, wanted: DifferenceFilter, *, sort: str, descending: bool, limit: int, offset: int
) -> list[ListedDifference]:
    """One page of the list."""
    query = _ordered(wanted, sort, descending=descending).limit(limit).offset(offset)
    return [ListedDifference(*row) for row in session.execute(query)]


def every_difference(
    session: ScopedSession, wanted: DifferenceFilter, *, sort: str, descending: bool
) -> Iterator[ListedDifference]:
    """All differences of the list, fetched in batches, for an export."""
    query = _ordered(wanted, sort, descending=descending)
    for row in session.execute(query, execution_options={"yield_per": EXPORT_BATCH}):
        yield ListedDifference(*row)


def difference(session: ScopedSession, difference_id: int) -> ListedDifference | None:
    """One difference of the scope's campus, open or closed."""
    found = session.execute(_select().where(Difference.id == difference_id)).first()
    return None if found is None else ListedDifference(*found)


def open_about_payment(session: ScopedSession, payment_id: int) -> list[Difference]:
    """What the books do not agree on now about a payment, the oldest first."""
    query = select(Difference).where(Difference.closed_at.is_(None), Difference.payment_id == payment_id)
    return list(session.scalars(query.order_by(Difference.first_seen_at, Difference.id).limit(ABOUT_SHOWN)))


def open_days(session: ScopedSession, *, zone: str, days: int) -> list[OpenDay]:
    """What was open after each campus day's comparison; a day without one shows what the day before left. Oldest first."""
    rows = session.execute(
        text("""
            SELECT day::date, coalesce(sum(d.open_count) FILTER (WHERE d.kind <> 'timing'), 0),
                   coalesce(sum(d.open_count) FILTER (WHERE d.kind = 'timing'), 0)
            FROM generate_series((now() AT TIME ZONE :zone)::date - (:days - 1),
                                 (now() AT TIME ZONE :zone)::date, interval '1 day') day
            LEFT JOIN reconciliation_day d ON d.tenant_id = :tenant_id AND d.on_date = (
                SELECT max(e.on_date) FROM reconciliation_day e
                WHERE e.tenant_id = :tenant_id AND e.on_date <= day::date)
            GROUP BY 1 ORDER BY 1
        """),
        {"zone": zone, "days": days, "tenant_id": session.tenant_id},
    )
    return [OpenDay(row[0], int(row[1]), int(row[2])) for row in rows]


def _select() -> Select[Difference, str, str, str]:
    owner, closer = aliased(Person), aliased(Person)
    return (
        select(
            Difference,
            func.coalesce(owner.full_name, ""),
            func.coalesce(closer.full_name, ""),
            func.coalesce(Payment.ref, ""),
        )
        .outerjoin(owner, owner.id == Difference.owner_id)
        .outerjoin(closer, closer.id == Difference.closed_by)
        .outerjoin(
            Payment, and_(Payment.tenant_id == Difference.tenant_id, Payment.id == Difference.payment_id)
        )
    )


def _ordered(wanted: DifferenceFilter, sort: str, *, descending: bool) -> Select[Difference, str, str, str]:
    order = _ORDERS[sort]
    query = _select().where(*_conditions(wanted))
    if descending:
        return query.order_by(order.desc().nulls_last(), Difference.id.desc())
    return query.order_by(order.asc().nulls_last(), Difference.id.asc())


def _conditions(wanted: DifferenceFilter) -> list[ColumnElement[bool]]:
    closed_at = Difference.closed_at
    found: list[ColumnElement[bool]] = [
        closed_at.is_(None) if wanted.state == "open" else closed_at.is_not(None)
    ]
    if wanted.kind:
        found.append(Difference.kind == wanted.kind)
    if wanted.books:
        found.append(Difference.books == wanted.books)
    if wanted.owner_id is not None:
        owner_id = Difference.owner_id
        found.append(owner_id == wanted.owner_id if wanted.owner_id else owner_id.is_(None))
    found.extend(
        or_(Difference.fee_ref == word, Difference.emplid.in_(spellings(word)))
        for word in wanted.words.split()
    )
    return found
