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
    HoldRegister,
    InboundFile,
    MoneyCheck,
    QuarantinedRow,
    Run,
    Schedule,
)
from webapp.store.idle_looks import is_idle_look

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from webapp.models.scope import ScopedSession

WELL_ENDED = ("succeeded", "nothing_to_send")
BOUNCES_SHOWN_FOR = timedelta(days=7)
MOST_ASKING = 50
REFUSED_SHOWN_FOR = timedelta(days=7)
MOST_ARRIVED = 10
FEES_TOLD_WITHIN = timedelta(days=30)
# An older one says nothing of today: the scheduler was away.
MONEY_CHECKED_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """A file that arrived and needs a person: refused, or an answer of PeopleSoft's that nobody has read."""

    id: int
    name: str
    state: str
    message: str


@dataclass(frozen=True, slots=True)
class MoneyNow:
    """The campus's last money check: whether it adds up, and since when money is neither posted nor set aside."""

    is_equal: bool
    oldest_open_at: datetime | None


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
    money: MoneyNow | None = None


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
    told = _fees_told()
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
            _money(),
        )
        .select_from(holds)
        .join(desk, literal(True))
        .join(good, literal(True))
        .join(told, literal(True))
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
        _money_now(row[10]),
    )


def _money() -> ScalarSelect[Any]:
    """The last money check within a day, as JSON."""
    newest = (
        select(MoneyCheck.is_equal, MoneyCheck.oldest_open_at)
        .where(MoneyCheck.at > func.now() - MONEY_CHECKED_WITHIN)
        .order_by(MoneyCheck.at.desc())
        .limit(1)
        .subquery("newest")
    )
    return select(func.to_jsonb(literal_column("newest"))).select_from(newest).scalar_subquery()


def _money_now(found: dict[str, Any] | None) -> MoneyNow | None:
    if found is None:
        return None
    since = found["oldest_open_at"]
    return MoneyNow(found["is_equal"], datetime.fromisoformat(since) if since else None)


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
