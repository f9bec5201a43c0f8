"""The moments a rule is due, with every change of the clock settled."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Literal, NamedTuple

from webapp.domain.schedule.rule import LAST_DAY, ScheduleRule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

# Not strftime's names: those change with the machine's language.
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class Occurrence:
    """One time a rule is due.

    ``local_key`` is the scheduled wall clock in campus time ("2026-11-21T18:00"), unique per occurrence of a rule:
    when the clock skips that time it is still the time as scheduled, and ``note`` says what became of it.
    ``due_at`` is the moment in UTC.
    """

    local_key: str
    due_at: datetime
    note: str = ""


class Placement(NamedTuple):
    """The moment a wall-clock time stands for: ``once``, ``twice`` (the first is taken) or ``never`` on that day."""

    due_at: datetime
    shown: Literal["once", "twice", "never"]


def occurrences_after(rule: ScheduleRule, after: datetime) -> Iterator[Occurrence]:
    """Each occurrence due strictly after the aware moment ``after``, in order, without end (none for kind ``none``).

    A time that the clock skips is due at the first minute after the skip; one that the clock shows twice is due the
    first time only. No two occurrences share a moment: where a skip would make them, only the later key is left, and
    its note names the other.

    Raises:
        ValueError: ``after`` has no time zone.
    """
    if after.tzinfo is None:
        raise ValueError("occurrences are counted from an aware moment")
    zone = rule.zone_info
    waiting: Occurrence | None = None
    # By the time the clock shows a day, every time of the days before has come once or been skipped.
    for wall in _walls_from(rule, after):
        occurrence = _occurrence(wall, zone)
        if waiting is not None and waiting.due_at == occurrence.due_at:
            occurrence = _merged(waiting, occurrence)
        elif waiting is not None and waiting.due_at > after:
            yield waiting
        waiting = occurrence


def due_between(rule: ScheduleRule, after: datetime, until: datetime) -> list[Occurrence]:
    """The occurrences with ``after < due_at <= until``, in order.

    Raises:
        ValueError: either moment has no time zone.
    """
    if until.tzinfo is None:
        raise ValueError("occurrences are counted up to an aware moment")
    return list(takewhile(lambda occurrence: occurrence.due_at <= until, occurrences_after(rule, after)))


def walls_on(rule: ScheduleRule, day: date) -> list[datetime]:
    """The naive wall-clock times at which the rule plans a run on a local day, in order."""
    if rule.at is None or not _runs_on(rule, day):
        return []
    step = rule.step_minutes
    if step is None:
        return [datetime.combine(day, rule.at)]
    first = rule.at.hour * 60 + rule.at.minute
    minutes = range(first, _MINUTES_A_DAY, step)
    return [datetime.combine(day, time(minute // 60, minute % 60)) for minute in minutes]


def place(wall: datetime, zone: ZoneInfo) -> Placement:
    """The UTC moment of a naive wall-clock time, whole minutes."""
    early = wall.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    late = wall.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    if early >= late:
        moment = (wall - early).replace(tzinfo=UTC)
        return Placement(moment, "once" if early == late else "twice")
    # In a gap the offset before the change is `early`, the one after it `late`: the change lies between these two.
    changed_at = change_between((wall - late).replace(tzinfo=UTC), (wall - early).replace(tzinfo=UTC), zone)
    return Placement(_next_whole_minute(changed_at), "never")


def change_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first second at which the zone has the offset that it has at ``high``, given that it differs at ``low``."""
    after_change = high.astimezone(zone).utcoffset()
    seconds = int((high - low).total_seconds())
    lowest, highest = 0, seconds
    while highest - lowest > 1:
        middle = (lowest + highest) // 2
        if (low + timedelta(seconds=middle)).astimezone(zone).utcoffset() == after_change:
            highest = middle
        else:
            lowest = middle
    return low + timedelta(seconds=highest)


def _walls_from(rule: ScheduleRule, after: datetime) -> Iterator[datetime]:
    """The planned wall-clock times of the day of ``after`` and of those that follow; past ones may be left out."""
    if rule.kind == "none":
        return
    local = after.astimezone(rule.zone_info)
    day = local.date()
    # A rule of minutes has hundreds of times a day; what is surely past is not worth placing.
    today = walls_on(rule, day)
    if _is_steady(after, rule.zone_info):
        today = [wall for wall in today if wall > local.replace(tzinfo=None)]
    yield from today
    while day.year < date.max.year - 1:
        day += timedelta(days=1)
        yield from walls_on(rule, day)


def _is_steady(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock has not been changed within the last day or so: what it showed is past, and came once."""
    return moment.astimezone(zone).utcoffset() == (moment - timedelta(hours=26)).astimezone(zone).utcoffset()


def _runs_on(rule: ScheduleRule, day: date) -> bool:
    if day in rule.blackout_dates:
        return False
    if rule.business_days_only and (day.weekday() >= 5 or day in rule.holidays):
        return False
    if rule.kind == "weekdays":
        return day.weekday() in rule.weekdays
    if rule.kind == "month_days":
        is_last = day.day == monthrange(day.year, day.month)[1]
        return day.day in rule.month_days or (is_last and LAST_DAY in rule.month_days)
    return rule.kind != "none"


def _occurrence(wall: datetime, zone: ZoneInfo) -> Occurrence:
    placed = place(wall, zone)
    note = f"moved from {_missing(wall)}" if placed.shown == "never" else ""
    return Occurrence(f"{wall:%Y-%m-%dT%H:%M}", placed.due_at, note)


def _merged(dropped: Occurrence, kept: Occurrence) -> Occurrence:
    wall = datetime.fromisoformat(dropped.local_key)
    notes = [note for note in (kept.note, f"also stands for {_missing(wall)}") if note]
    return Occurrence(kept.local_key, kept.due_at, "; ".join(notes))


def _missing(wall: datetime) -> str:
    return f"{wall:%H:%M}, which does not exist on {wall.day} {MONTHS[wall.month - 1][:3]} {wall.year}"


def _next_whole_minute(moment: datetime) -> datetime:
    return moment if not moment.second else moment.replace(second=0) + timedelta(minutes=1)
