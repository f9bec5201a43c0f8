"""What the campus's first page reads: is all well, what needs a person, what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, literal, or_, select, text
from sqlalchemy.orm import aliased

from webapp.models import Approval, Delivery, HoldRegister, QuarantinedRow, Run, Schedule
from webapp.models.scope import ScopedSession

WELL_ENDED = ("succeeded", "nothing_to_send")
UNDER_WAY = ("queued", "running", "delivering")
# Nothing failed may stay unseen for longer (docs/guides/operations.md); a run that takes an hour is worth a look.
SCHEDULE_OVERDUE = timedelta(minutes=5)
RUN_OVERDUE = timedelta(hours=1)
MOST_NEEDS = 20


@dataclass(frozen=True, slots=True)
class HomeCounts:
    """The figures of the page, in one read. ``*_cents`` are what patrons owe together."""

    holds: int
    holds_cents: int
    open_rows: int
    open_rows_cents: int
    oldest_open_row_at: datetime | None
    last_good_at: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True)
class DayOfHolds:
    """What PeopleSoft was told on one campus day."""

    day_on: date
    added: int
    updated: int
    released: int
    added_cents: int


@dataclass(frozen=True, slots=True)
class Need:
    """A run that needs a person. ``kind``: approval, failed, overdue or unknown; ``since_at``: how long it has."""

    kind: str
    run: Run
    since_at: datetime
    words: str


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
    row = session.execute(
        select(
            holds.c.holds, holds.c.cents, desk.c.rows, desk.c.cents, desk.c.oldest_at, good.c.at, func.now()
        )
        .select_from(holds)
        .join(desk, literal(True))
        .join(good, literal(True))
    ).one()
    return HomeCounts(row[0], int(row[1]), row[2], int(row[3]), row[4], row[5], row[6])


def schedules_of(session: ScopedSession) -> list[Schedule]:
    """The campus's schedules, by pipeline."""
    return list(session.scalars(select(Schedule).order_by(Schedule.pipeline)))


def last_runs(session: ScopedSession, limit: int) -> list[Run]:
    """The newest runs, newest first."""
    return list(session.scalars(select(Run).order_by(Run.created_at.desc(), Run.id.desc()).limit(limit)))


def runs_in_need(session: ScopedSession) -> list[Need]:
    """Runs that wait for a yes, failed and were not followed by a good one, are late, or whose delivery is unknown.

    A failed dry run changed nothing and needs nobody.
    """
    later = aliased(Run)
    is_repaired = (
        select(later.id)
        .where(
            later.pipeline == Run.pipeline,
            later.id > Run.id,
            later.state.in_(WELL_ENDED),
            later.dry_run.is_(False),
        )
        .exists()
    )
    unknown = (
        select(Delivery.id)
        .where(Delivery.run_id == Run.id, Delivery.state.in_(("unknown", "bounced")))
        .exists()
    )
    asked_at = select(func.max(Approval.requested_at)).where(Approval.run_id == Run.id).scalar_subquery()
    is_failed = and_(Run.state == "failed", Run.dry_run.is_(False), ~is_repaired)
    is_late = and_(Run.state.in_(UNDER_WAY), Run.scheduled_at < func.now() - RUN_OVERDUE)
    rows = session.execute(
        select(Run, asked_at, unknown)
        .where(or_(Run.state == "awaiting_approval", is_failed, is_late, unknown))
        .order_by(Run.id.desc())
        .limit(MOST_NEEDS)
    )
    return [_need(run, asked, is_unknown=is_unknown) for run, asked, is_unknown in rows]


def _need(run: Run, asked_at: datetime | None, *, is_unknown: bool) -> Need:
    if run.state == "awaiting_approval":
        return Need("approval", run, asked_at or run.scheduled_at, run.story)
    if run.state == "failed":
        error: Mapping[str, Any] = run.error or {}
        return Need("failed", run, run.finished_at or run.scheduled_at, str(error.get("message", run.story)))
    if is_unknown:
        return Need("unknown", run, run.finished_at or run.scheduled_at, run.story)
    return Need("overdue", run, run.scheduled_at, run.story)


def holds_per_day(session: ScopedSession, *, zone: str, days: int) -> list[DayOfHolds]:
    """Lines told per campus day over the last ``days`` days, every day present, oldest first."""
    rows = session.execute(
        text("""
            SELECT day::date, coalesce(sum((r.counts->>'added')::bigint), 0),
                   coalesce(sum((r.counts->>'updated')::bigint), 0),
                   coalesce(sum((r.counts->>'released')::bigint), 0),
                   coalesce(sum((r.counts->>'added_cents')::bigint), 0)
            FROM generate_series((now() AT TIME ZONE :zone)::date - (:days - 1),
                                 (now() AT TIME ZONE :zone)::date, interval '1 day') day
            LEFT JOIN run r
                ON r.tenant_id = :tenant_id AND r.state = 'succeeded' AND NOT r.dry_run
               AND r.created_at > now() - make_interval(days => :days + 2)
               AND (r.finished_at AT TIME ZONE :zone)::date = day::date
            GROUP BY 1 ORDER BY 1
        """),
        {"zone": zone, "days": days, "tenant_id": session.tenant_id},
    )
    return [DayOfHolds(row[0], int(row[1]), int(row[2]), int(row[3]), int(row[4])) for row in rows]
