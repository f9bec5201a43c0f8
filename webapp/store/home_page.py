"""What the campus's first page reads: is all well, what needs a person, what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    ScalarSelect,
    Subquery,
    and_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
)

from webapp.models import (
    Approval,
    Delivery,
    Difference,
    HoldRegister,
    InboundFile,
    MoneyCheck,
    PaymentLine,
    QuarantinedRow,
    Run,
    Schedule,
)
from webapp.store.idle_looks import is_idle_look
from webapp.store.money_pages import DESK_STATES

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from sqlalchemy.orm import InstrumentedAttribute

    from webapp.models.scope import ScopedSession

WELL_ENDED = ("succeeded", "nothing_to_send")
BOUNCES_SHOWN_FOR = timedelta(days=7)
MOST_ASKING = 50
REFUSED_SHOWN_FOR = timedelta(days=7)
MOST_ARRIVED = 10
FEES_TOLD_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """A file that arrived and needs a person: refused, or an answer of PeopleSoft's that nobody has read."""

    id: int
    name: str
    state: str
    message: str


@dataclass(frozen=True, slots=True)
class DeskMoney:
    """Parts of payments that wait for a person, and what the last look at all the money found.

    ``adds_up``: received is what was posted, waits and was set aside; ``open_since``: some is neither posted nor set aside.
    """

    parts: int = 0
    cents: int = 0
    oldest_at: datetime | None = None
    adds_up: bool = True
    open_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class HomeCounts:
    """The figures of the page, in one read. ``*_cents`` are what patrons owe together.

    ``arrived`` is newest first; ``fees_told`` were sent by conversions within 30 days.
    """

    holds: int
    holds_cents: int
    open_rows: int
    open_rows_cents: int
    oldest_open_row_at: datetime | None
    last_good_at: datetime | None
    now: datetime
    arrived: tuple[ArrivedFile, ...] = ()
    fees_told: int = 0
    fees_told_cents: int = 0
    money: DeskMoney = DeskMoney()
    differences: int = 0
    oldest_difference_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DayOfHolds:
    """What PeopleSoft was told on one campus day."""

    day_on: date
    added: int
    updated: int
    released: int
    added_cents: int


@dataclass(frozen=True, slots=True)
class AskingRun:
    """A run that needs a look. ``asked_at``: since when it waits for approval."""

    run: Run
    asked_at: datetime | None
    has_bounced: bool


def home_counts(session: ScopedSession) -> HomeCounts:
    """Holds in force, rows on the desk, the last run that ended well, and the database's clock."""
    holds = select(
        func.count().label("holds"), func.coalesce(func.sum(HoldRegister.amount_cents), 0).label("cents")
    ).subquery()
    desk = (
        select(
            func.count().label("rows"),
            func.coalesce(func.sum(QuarantinedRow.amount_cents), 0).label("cents"),
            func.min(QuarantinedRow.first_seen_at).label("oldest_at"),
        )
        .where(QuarantinedRow.resolved_at.is_(None))
        .subquery()
    )
    good = (
        select(func.max(Run.finished_at).label("at"))
        .where(Run.state.in_(WELL_ENDED), Run.dry_run.is_(False))
        .subquery()
    )
    told, money, apart = _fees_told(), _desk_money(), _open_differences()
    row = session.execute(
        select(
            holds.c.holds,
            holds.c.cents,
            desk.c.rows,
            desk.c.cents,
            desk.c.oldest_at,
            good.c.at,
            func.now(),
            _arrived(),
            told.c.rows,
            told.c.cents,
            money.c.parts,
            money.c.cents,
            money.c.oldest_at,
            apart.c.open,
            apart.c.oldest_at,
            _newest_check(MoneyCheck.is_equal),
            _newest_check(MoneyCheck.oldest_open_at),
        )
        .select_from(holds)
        .join(desk, literal(True))
        .join(good, literal(True))
        .join(told, literal(True))
        .join(money, literal(True))
        .join(apart, literal(True))
    ).one()
    arrived = tuple(ArrivedFile(**found) for found in row[7] or ())
    return HomeCounts(
        row[0],
        int(row[1]),
        row[2],
        int(row[3]),
        row[4],
        row[5],
        row[6],
        arrived,
        int(row[8]),
        int(row[9]),
        DeskMoney(row[10], int(row[11]), row[12], adds_up=row[15] is not False, open_since=row[16]),
        row[13],
        row[14],
    )


def _newest_check(column: InstrumentedAttribute[Any]) -> ScalarSelect[Any]:
    return select(column).order_by(MoneyCheck.at.desc()).limit(1).scalar_subquery()


def _desk_money() -> Subquery:
    """Money without a fee, posted or not, or to be refunded."""
    return (
        select(
            func.count().label("parts"),
            func.coalesce(func.sum(PaymentLine.amount_cents), 0).label("cents"),
            func.min(PaymentLine.created_at).label("oldest_at"),
        )
        .where(PaymentLine.state.in_(DESK_STATES))
        .subquery()
    )


def _open_differences() -> Subquery:
    """What the books do not agree on and time alone does not clear."""
    return (
        select(func.count().label("open"), func.min(Difference.first_seen_at).label("oldest_at"))
        .where(Difference.closed_at.is_(None), Difference.kind != "timing")
        .subquery()
    )


def _fees_told() -> Subquery:
    """Rows and cents that conversions sent lately."""
    rows, cents = (
        func.coalesce(func.sum(cast(Run.counts[name].astext, BigInteger)), 0)
        for name in ("rows_sent", "cents_sent")
    )
    return (
        select(rows.label("rows"), cents.label("cents"))
        .where(
            Run.state == "succeeded",
            Run.dry_run.is_(False),
            Run.counts.has_key("rows_sent"),
            Run.created_at > func.now() - FEES_TOLD_WITHIN,
        )
        .subquery()
    )


def _arrived() -> ScalarSelect[Any]:
    """Files refused within a week, and answers that nobody has read, as one JSON list."""
    found = (
        select(InboundFile.id, InboundFile.name, InboundFile.state, InboundFile.message)
        .where(
            or_(
                and_(
                    InboundFile.state == "refused", InboundFile.received_at > func.now() - REFUSED_SHOWN_FOR
                ),
                and_(InboundFile.kind == "load_result", InboundFile.state == "waiting"),
            )
        )
        .order_by(InboundFile.id.desc())
        .limit(MOST_ARRIVED)
        .subquery("found")
    )
    return select(func.jsonb_agg(func.to_jsonb(literal_column("found")))).select_from(found).scalar_subquery()


def schedules_of(session: ScopedSession) -> list[Schedule]:
    """The campus's schedules, by pipeline."""
    return list(session.scalars(select(Schedule).order_by(Schedule.pipeline)))


def last_runs(session: ScopedSession, limit: int) -> list[Run]:
    """The newest runs, newest first, without looks that found nothing."""
    query = select(Run).where(~is_idle_look()).order_by(Run.created_at.desc(), Run.id.desc())
    return list(session.scalars(query.limit(limit)))


def runs_that_ask(session: ScopedSession, others: Collection[int]) -> list[AskingRun]:
    """Runs that wait for approval or whose mail came back, and ``others`` by id; newest first."""
    bounced = select(Delivery.id).where(Delivery.run_id == Run.id, Delivery.state == "bounced").exists()
    asked_at = (
        select(func.max(Approval.requested_at))
        .where(Approval.run_id == Run.id, Approval.decision.is_(None))
        .scalar_subquery()
    )
    rows = session.execute(
        select(Run, asked_at, bounced)
        .where(
            or_(
                Run.state == "awaiting_approval",
                Run.id.in_(others),
                and_(bounced, Run.created_at > func.now() - BOUNCES_SHOWN_FOR),
            )
        )
        .order_by(Run.id.desc())
        .limit(MOST_ASKING)
    )
    return [AskingRun(*row) for row in rows]


def holds_per_day(session: ScopedSession, *, zone: str, days: int) -> list[DayOfHolds]:
    """Lines confirmed as told per campus day over the last ``days`` days, every day present, oldest first."""
    rows = session.execute(
        text("""
            SELECT day::date, count(*) FILTER (WHERE told.action = 'A'), count(*) FILTER (WHERE told.action = 'U'),
                   count(*) FILTER (WHERE told.action = 'R'),
                   coalesce(sum(told.amount_cents) FILTER (WHERE told.action = 'A'), 0)
            FROM generate_series((now() AT TIME ZONE :zone)::date - (:days - 1),
                                 (now() AT TIME ZONE :zone)::date, interval '1 day') day
            LEFT JOIN (
                SELECT h.action, h.amount_cents, (h.confirmed_at AT TIME ZONE :zone)::date AS told_on
                FROM run r JOIN hold_change h ON h.tenant_id = r.tenant_id AND h.run_id = r.id
                -- A file may be fetched, or sent again, some time after its run.
                WHERE r.tenant_id = :tenant_id AND r.created_at > now() - make_interval(days => :days + 30)
                  AND h.confirmed_at IS NOT NULL
            ) told ON told.told_on = day::date
            GROUP BY 1 ORDER BY 1
        """),
        {"zone": zone, "days": days, "tenant_id": session.tenant_id},
    )
    return [DayOfHolds(row[0], int(row[1]), int(row[2]), int(row[3]), int(row[4])) for row in rows]
