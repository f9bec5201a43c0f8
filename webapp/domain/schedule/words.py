"""A schedule in sentences for the people who set it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from webapp.domain.schedule.occurrences import MONTHS, change_between, occurrences_after, place, walls_on
from webapp.domain.schedule.rule import LAST_DAY, ScheduleRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ZONE_WORDS = {
    "America/Los_Angeles": "Pacific time",
    "America/Denver": "Mountain time",
    "America/Phoenix": "Arizona time",
    "America/Chicago": "Central time",
    "America/New_York": "Eastern time",
    "America/Anchorage": "Alaska time",
    "Pacific/Honolulu": "Hawaii time",
    "UTC": "UTC",
}
_DATES_NAMED = 5  # a longer list of blackout dates is counted instead
_TIMES_NAMED = 6


class _ClockChange(NamedTuple):
    """The wall-clock times from ``start`` up to ``end`` are skipped, or come twice."""

    start: datetime
    end: datetime
    skipped: bool


def describe(rule: ScheduleRule) -> str:
    """The rule in one line: "Every day at 18:00 (Pacific time)"; days left out are named after a semicolon."""
    if rule.at is None or rule.kind == "none":
        return "Not scheduled"
    return "; ".join([f"{_when(rule)} ({_zone_words(rule.zone)})", *_left_out(rule)])


def next_times(rule: ScheduleRule, after: datetime, n: int = 5) -> list[str]:
    """The next ``n`` starts after the aware moment ``after``, such as "Saturday 21 November 2026 at 18:00".

    A start that a clock change touches says so in brackets.
    """
    return [
        _start_words(occurrence.due_at.astimezone(rule.zone_info), rule.zone_info, occurrence.note)
        for occurrence in islice(occurrences_after(rule, after), n)
    ]


def describe_dst(rule: ScheduleRule, year: int) -> list[str]:
    """One sentence for each change of the clock in a year and what it does to the runs; none where no clock changes."""
    return [
        f"On {_day(change.start)} the clock {_change_words(change)}; {_effect(rule, change)}."
        for change in _changes_in(year, rule.zone_info)
    ]


def _when(rule: ScheduleRule) -> str:
    at = f"{rule.at:%H:%M}"
    if rule.kind == "weekdays":
        return f"Every {_listed([WEEKDAYS[number] for number in sorted(rule.weekdays)])} at {at}"
    if rule.kind == "month_days":
        return _when_in_month(rule, at)
    if rule.step_minutes is not None:
        return _when_in_day(rule, at, rule.step_minutes)
    return f"Every day at {at}"


def _when_in_month(rule: ScheduleRule, at: str) -> str:
    numbers = sorted(rule.month_days - {LAST_DAY})
    names = [_ordinal(number) for number in numbers] + (["last day"] if LAST_DAY in rule.month_days else [])
    words = f"On the {_listed(names)} of each month at {at}"
    if numbers and numbers[-1] > 28:
        words += ", only in months that have that day"
    return words


def _when_in_day(rule: ScheduleRule, at: str, step_minutes: int) -> str:
    times = [f"{wall:%H:%M}" for wall in walls_on(_on_every_day(rule), date(2001, 1, 1))]
    hours, minutes = divmod(step_minutes, 60)
    step = f"{minutes} minutes" if minutes else "hour" if hours == 1 else f"{hours} hours"
    if len(times) == 1:
        return f"Every day at {at}"
    if len(times) <= _TIMES_NAMED:
        return f"Every {step} from {at}: each day at {_listed(times)}"
    return f"Every {step} from {at} to {times[-1]} each day"


def _on_every_day(rule: ScheduleRule) -> ScheduleRule:
    return replace(rule, blackout_dates=frozenset(), business_days_only=False)


def _left_out(rule: ScheduleRule) -> Iterator[str]:
    if rule.business_days_only:
        skipped = ["Saturdays", "Sundays"]
        if rule.holidays:
            skipped.append(_counted(len(rule.holidays), "holiday"))
        yield f"business days only ({_listed(skipped)} are skipped, not moved)"
    if 0 < len(rule.blackout_dates) <= _DATES_NAMED:
        days = [f"{day.day} {MONTHS[day.month - 1]} {day.year}" for day in sorted(rule.blackout_dates)]
        yield f"not on {_listed(days)} (skipped, not moved)"
    elif rule.blackout_dates:
        yield f"not on {_counted(len(rule.blackout_dates), 'blackout date')} (skipped, not moved)"


def _start_words(local: datetime, zone: ZoneInfo, note: str) -> str:
    if not note and place(local.replace(tzinfo=None), zone).shown == "twice":
        note = "the first of two such times"
    return f"{_day(local)} at {local:%H:%M}" + (f" ({note})" if note else "")


def _changes_in(year: int, zone: ZoneInfo) -> Iterator[_ClockChange]:
    # Two days more at either end: the local year begins and ends up to 14 hours away from the UTC year.
    moment = datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=2)
    before = _offset(moment, zone)
    while moment.year <= year or moment.day <= 2:
        following = moment + timedelta(days=1)
        after = _offset(following, zone)
        if after != before:
            changed_at = change_between(moment, following, zone).replace(tzinfo=None)
            walls = sorted((changed_at + before, changed_at + after))
            if walls[0].year == year:
                yield _ClockChange(walls[0], walls[1], skipped=after > before)
        moment, before = following, after


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _change_words(change: _ClockChange) -> str:
    start, end = f"{change.start.hour}:{change.start:%M}", f"{change.end.hour}:{change.end:%M}"
    if change.end.date() > change.start.date():
        end = "midnight" if end == "0:00" else f"{end} on {_day(change.end)}"
    if change.skipped:
        return f"skips from {start} to {end}"
    return f"goes back from {end} to {start}, so {start} to {end} comes twice"


def _effect(rule: ScheduleRule, change: _ClockChange) -> str:
    if rule.kind == "none":
        return "nothing is scheduled"
    days = [change.start.date() + timedelta(days=n) for n in range((change.end - change.start).days + 2)]
    planned = [wall for day in days for wall in walls_on(rule, day)]
    touched = [wall for wall in planned if change.start <= wall < change.end]
    if not touched:
        return "no run is planned in that time, so nothing changes"
    if not change.skipped:
        names = _times_words(touched)
        if len(touched) == 1:
            return f"the {names} run starts once, the first time"
        return f"the {names} runs start once each, the first time"
    return _moved_words(touched, planned, rule.zone_info)


def _moved_words(touched: Sequence[datetime], planned: Sequence[datetime], zone: ZoneInfo) -> str:
    starts = place(touched[0], zone).due_at.astimezone(zone).replace(tzinfo=None)
    starts_words = (
        f"{starts:%H:%M}" if starts.date() == touched[0].date() else f"{starts:%H:%M} on {_day(starts)}"
    )
    joined = [*touched, starts] if starts in planned else list(touched)
    names = _times_words(joined)
    if len(joined) == 1:
        return f"the {names} run starts at {starts_words}"
    return f"the {names} runs become one, which starts at {starts_words}"


def _times_words(walls: Sequence[datetime]) -> str:
    """Times by name, or the first and last of many."""
    times = [f"{wall:%H:%M}" for wall in walls]
    return _listed(times) if len(times) <= _TIMES_NAMED else f"{times[0]} to {times[-1]}"


def _zone_words(zone: str) -> str:
    return _ZONE_WORDS.get(zone) or f"{zone.rsplit('/', 1)[-1].replace('_', ' ')} time"


def _day(moment: datetime) -> str:
    return f"{WEEKDAYS[moment.weekday()]} {moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def _ordinal(number: int) -> str:
    if 10 < number < 14:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("" if count == 1 else "s")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
