"""Every minute of every day on which the clock changes, against a brute force that shares nothing with the rules.

The brute force walks the real minutes of UTC, asks what the wall clock shows, and takes the first real minute that
shows the wanted time, or, where none does, the first that shows a later one.
"""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from webapp.domain.schedule import ScheduleRule, due_between

ZONES = ["America/Los_Angeles", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"]
YEARS = range(2025, 2041)
MINUTE = timedelta(minutes=1)
HOURS_AROUND = 27  # a local day of any zone lies within this of its own noon in UTC


def change_days(zone: str, year: int) -> list[date]:
    hours = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(366 * 24)]
    local = [hour.astimezone(ZoneInfo(zone)) for hour in hours]
    return [
        later.date()
        for earlier, later in itertools.pairwise(local)
        if earlier.utcoffset() != later.utcoffset()
    ]


@cache
def wall_clock(zone: str, day: date) -> dict[datetime, datetime]:
    """Naive wall time -> the first real minute, for all wall times shown around the day."""
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    tz = ZoneInfo(zone)
    shown: dict[datetime, datetime] = {}
    for n in range(-HOURS_AROUND * 60, HOURS_AROUND * 60):
        moment = noon + n * MINUTE
        shown.setdefault(moment.astimezone(tz).replace(tzinfo=None), moment)
    return shown


def real_minute(zone: str, wall: datetime) -> datetime:
    shown = wall_clock(zone, wall.date())
    while wall not in shown:
        wall += MINUTE
    return shown[wall]


def window(day: date) -> tuple[datetime, datetime]:
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    return noon - timedelta(hours=HOURS_AROUND), noon + timedelta(hours=HOURS_AROUND)


@pytest.mark.parametrize("zone", ZONES)
def test_all_1440_minutes_of_every_change_day_from_2025_to_2040_run_once_and_on_time(zone):
    """Sixty hourly rules, one per minute of the hour, plan each minute of the day."""
    for day in (day for year in YEARS for day in change_days(zone, year)):
        start, end = window(day)
        for minute in range(60):
            rule = ScheduleRule("every_hours", at=time(0, minute), every_hours=1, zone=zone)
            expected: dict[datetime, str] = {}
            for hour in range(24):
                wall = datetime.combine(day, time(hour, minute))
                expected[real_minute(zone, wall)] = (
                    f"{wall:%Y-%m-%dT%H:%M}"  # of two at one moment the later stays
                )
            due = {
                occurrence.due_at: occurrence.local_key
                for occurrence in due_between(rule, start, end)
                if occurrence.local_key[:10] == day.isoformat()
            }
            assert due == expected, (zone, day, minute)


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_run_at_any_minute_of_a_change_day_comes_exactly_once(zone):
    for day in change_days(zone, 2027):
        start, end = window(day)
        for minute in range(24 * 60):
            at = time(*divmod(minute, 60))
            rule = ScheduleRule("daily", at=at, zone=zone)
            wall = datetime.combine(day, at)
            due = [o for o in due_between(rule, start, end) if o.local_key == f"{wall:%Y-%m-%dT%H:%M}"]
            assert [occurrence.due_at for occurrence in due] == [real_minute(zone, wall)]
            assert bool(due[0].note) == (wall not in wall_clock(zone, day))


@pytest.mark.parametrize("zone", ZONES)
def test_each_local_day_from_2025_to_2040_has_its_run_once(zone):
    rule = ScheduleRule("daily", at=time(2, 15), zone=zone)
    due = due_between(rule, datetime(2024, 12, 31, 12, tzinfo=UTC), datetime(2041, 1, 1, 12, tzinfo=UTC))
    days = [occurrence.local_key[:10] for occurrence in due]
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    assert days == [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    assert last - first >= timedelta(days=16 * 365)


def test_the_brute_force_sees_both_change_days_of_each_year():
    for zone in ZONES:
        assert all(len(change_days(zone, year)) == 2 for year in YEARS)
