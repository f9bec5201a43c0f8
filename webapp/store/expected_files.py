"""The calendar of files: what was due on each day of a month, and what went."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from sqlalchemy import text

from webapp.domain.expected_days import DayFacts, DayState, RunOfDay, day_state, why_at_rest
from webapp.domain.schedule import ScheduleError, ScheduleRule, rule_from_json
from webapp.domain.schedule.occurrences import due_between

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["DayState", "expected_month"]

READS_FILES: Final = frozenset({"bursar_conversion"})
# Every some minutes is a look for files, not a promise of one.
_LOOKS: Final = frozenset({"minutes", "none"})
_PIPELINES: Final = ("bursar_conversion", "balance_export", "holds_export")
_HABIT_WEEKS: Final = 3


def expected_month(session: Session, tenant_id: int, year: int, month: int, zone: str) -> list[DayState]:
    """A state for every day of the month and every pipeline that has a schedule, runs or files of its own then.

    Days are the campus's own, in ``zone``; by day, then by pipeline.
    """
    zone_info = ZoneInfo(zone)
    first = date(year, month, 1)
    days = [first + timedelta(days=n) for n in range(monthrange(year, month)[1])]
    now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    window = _moment(first, zone_info), _moment(days[-1] + timedelta(days=1), zone_info)
    dues, rules = _dues(session, tenant_id, window, zone_info)
    runs = _runs(session, tenant_id, window, zone)
    came = _arrivals(session, tenant_id, first - timedelta(weeks=_HABIT_WEEKS), days[-1], zone)
    active = {pipeline for pipeline, _ in [*dues, *runs]} | set(rules)
    if came:
        active |= READS_FILES
    return [
        day_state(
            DayFacts(
                day=day,
                pipeline=pipeline,
                dues=tuple(sorted(dues.get((pipeline, day), ()))),
                runs=tuple(runs.get((pipeline, day), ())),
                reads_files=pipeline in READS_FILES,
                came=came.get(day, 0),
                usually_comes=_usually_comes(came, day),
                rest=why_at_rest(rules.get(pipeline), day),
            ),
            now,
            zone_info,
        )
        for day in days
        for pipeline in _PIPELINES
        if pipeline in active
    ]


def _dues(
    session: Session, tenant_id: int, window: tuple[datetime, datetime], zone: ZoneInfo
) -> tuple[dict[tuple[str, date], set[datetime]], dict[str, ScheduleRule]]:
    """The moments that were due: as admitted, and after the schedule's last change also as its rule plans them."""
    found: dict[tuple[str, date], set[datetime]] = defaultdict(set)
    rules: dict[str, ScheduleRule] = {}
    schedules = session.execute(
        text("SELECT id, pipeline, rule, is_enabled, updated_at FROM schedule WHERE tenant_id = :tenant_id"),
        {"tenant_id": tenant_id},
    ).all()
    for row in schedules:
        try:
            rule = rule_from_json(row.rule)
        except ScheduleError:
            continue
        if row.pipeline not in _PIPELINES or rule.kind in _LOOKS:
            continue
        admitted = session.scalars(
            text("""
                SELECT due_at FROM occurrence
                WHERE tenant_id = :tenant_id AND schedule_id = :id AND due_at >= :first AND due_at < :last
            """),
            {"tenant_id": tenant_id, "id": row.id, "first": window[0], "last": window[1]},
        )
        planned: list[datetime] = []
        if row.is_enabled:
            rules[row.pipeline] = rule
            since = max(window[0] - timedelta(microseconds=1), row.updated_at)
            planned = [due.due_at for due in due_between(rule, since, window[1] - timedelta(microseconds=1))]
        for due_at in (*admitted, *planned):
            found[row.pipeline, due_at.astimezone(zone).date()].add(due_at)
    return found, rules


def _runs(
    session: Session, tenant_id: int, window: tuple[datetime, datetime], zone: str
) -> dict[tuple[str, date], list[RunOfDay]]:
    rows = session.execute(
        text("""
            SELECT r.pipeline, (r.scheduled_at AT TIME ZONE :zone)::date AS day, r.id, r.state, r.scheduled_at,
                   coalesce(made.files, 0) AS files, coalesce(made.confirmed, 0) AS confirmed,
                   coalesce(made.taken, 0) AS taken, coalesce(made.rows, 0) AS rows, coalesce(made.cents, 0) AS cents,
                   EXISTS (SELECT FROM inbound_file i WHERE i.tenant_id = r.tenant_id AND i.run_id = r.id) AS had_input
            FROM run r
            LEFT JOIN LATERAL (
                SELECT count(*) AS files, count(f.confirmed_at) AS confirmed, sum(f.row_count)::bigint AS rows,
                       sum(f.total_cents)::bigint AS cents,
                       count(*) FILTER (WHERE EXISTS (
                           SELECT FROM delivery d WHERE d.tenant_id = f.tenant_id AND d.file_id = f.id
                             AND d.acknowledged_at IS NOT NULL)) AS taken
                FROM file f WHERE f.tenant_id = r.tenant_id AND f.run_id = r.id AND f.kind <> 'collected'
            ) made ON true
            WHERE r.tenant_id = :tenant_id AND r.pipeline = ANY(:pipelines) AND NOT r.dry_run
              AND r.scheduled_at >= :first AND r.scheduled_at < :last
            ORDER BY r.id
        """),
        {
            "tenant_id": tenant_id,
            "pipelines": list(_PIPELINES),
            "zone": zone,
            "first": window[0],
            "last": window[1],
        },
    )
    found: dict[tuple[str, date], list[RunOfDay]] = defaultdict(list)
    for pipeline, day, *facts in rows:
        found[pipeline, day].append(RunOfDay(*facts))
    return found


def _arrivals(session: Session, tenant_id: int, first: date, last: date, zone: str) -> dict[date, int]:
    """How many of Alma's files arrived on each day; those that repeat an earlier one do not count."""
    rows = session.execute(
        text("""
            SELECT (received_at AT TIME ZONE :zone)::date, count(*) FROM inbound_file
            WHERE tenant_id = :tenant_id AND kind = 'bursar_xml' AND state <> 'duplicate'
              AND received_at >= CAST(:first AS timestamp) AT TIME ZONE :zone
              AND received_at < CAST(:last AS timestamp) AT TIME ZONE :zone
            GROUP BY 1
        """),
        {"tenant_id": tenant_id, "zone": zone, "first": first, "last": last + timedelta(days=1)},
    )
    return {day: int(count) for day, count in rows}


def _usually_comes(came: dict[date, int], day: date) -> bool:
    return all(came.get(day - timedelta(weeks=n)) for n in range(1, _HABIT_WEEKS + 1))


def _moment(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
