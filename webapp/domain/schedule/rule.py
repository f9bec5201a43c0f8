"""A schedule rule as a campus sets it, checked when it is made, and its JSON form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time
from typing import TYPE_CHECKING, Any, Literal, get_args
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Kind = Literal["none", "daily", "weekdays", "month_days", "every_hours", "minutes"]

DEFAULT_ZONE = "America/Los_Angeles"
LAST_DAY = -1  # among month_days: the last day, whatever its number

_WEEKEND = frozenset({5, 6})
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
# Region names only: "localtime" and its like mean whatever the machine they run on says.
_ZONE_NAME = re.compile(r"UTC|[A-Z][A-Za-z]+(?:/[A-Za-z0-9_+-]+)+")


class ScheduleError(ValueError):
    """The rule cannot be used; ``faults`` holds every reason as a sentence, ``by_field`` those of known fields."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__(" ".join(message for _, message in faults))
        self.faults = tuple(message for _, message in faults)
        self.by_field: dict[str, str] = {}
        for name, message in faults:
            if name:
                self.by_field[name] = f"{self.by_field.get(name, '')} {message}".strip()


@dataclass(frozen=True)
class ScheduleRule:
    """When runs are due, on the wall clock of the IANA zone ``zone``.

    - ``none``: never. - ``daily``: every day at ``at``. - ``weekdays``: on ``weekdays`` (Monday is 0) at ``at``.
    - ``month_days``: on these days of each month (1 to 31, ``LAST_DAY`` for the last) at ``at``; a month without the
      day has no run for it. - ``every_hours``: each local day at ``at`` and then every ``every_hours`` hours of wall
      clock until midnight, starting afresh from ``at`` the next day: every 6 hours from 02:00 is 02:00, 08:00, 14:00
      and 20:00; every 5 hours from 06:00 is 06:00, 11:00, 16:00 and 21:00. - ``minutes``: likewise every
      ``every_minutes`` minutes, 5 to 60.

    Days in ``blackout_dates``, and with ``business_days_only`` also Saturdays, Sundays and ``holidays``, are skipped;
    their runs are not moved to another day. Fields that the kind does not use are kept and ignored.

    Raises:
        ScheduleError: on construction, with every fault found.
    """

    kind: Kind
    at: time | None = None
    weekdays: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    every_hours: int | None = None
    every_minutes: int | None = None
    zone: str = DEFAULT_ZONE
    blackout_dates: frozenset[date] = frozenset()
    business_days_only: bool = False
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        faults = list(_faults(vars(self)))
        if faults:
            raise ScheduleError(faults)

    @property
    def step_minutes(self) -> int | None:
        """The minutes of wall clock between two runs of a day; None where a day has one run."""
        if self.kind == "every_hours" and self.every_hours is not None:
            return self.every_hours * 60
        return self.every_minutes if self.kind == "minutes" else None

    @property
    def zone_info(self) -> ZoneInfo:
        """The zone's clock changes."""
        return ZoneInfo(self.zone)


def rule_to_json(rule: ScheduleRule) -> dict[str, Any]:
    """The rule as JSON values: times as ``hh:mm``, dates as ``YYYY-MM-DD``, sets as sorted lists."""
    return {
        "kind": rule.kind,
        "at": None if rule.at is None else f"{rule.at:%H:%M}",
        "weekdays": sorted(rule.weekdays),
        "month_days": sorted(rule.month_days),
        "every_hours": rule.every_hours,
        "every_minutes": rule.every_minutes,
        "zone": rule.zone,
        "blackout_dates": [day.isoformat() for day in sorted(rule.blackout_dates)],
        "business_days_only": rule.business_days_only,
        "holidays": [day.isoformat() for day in sorted(rule.holidays)],
    }


def rule_from_json(obj: Mapping[str, Any]) -> ScheduleRule:
    """The rule that ``rule_to_json`` wrote or a form or an API client sent; absent fields have their defaults.

    Raises:
        ScheduleError: with every fault found, not only the first.
    """
    faults = [
        ("", f"There is no schedule setting called {name!r:.60}.") for name in obj if name not in _READERS
    ]
    fields: dict[str, Any] = {"kind": None, "zone": DEFAULT_ZONE}
    unreadable = set()
    for name in [name for name in _READERS if name in obj]:
        try:
            fields[name] = _READERS[name](obj[name])
        except ValueError as err:
            unreadable.add(name)
            faults.append((name, str(err)))
    faults += [(name, message) for name, message in _faults(fields) if name not in unreadable]
    if faults:
        raise ScheduleError(faults)
    return ScheduleRule(**fields)


def _faults(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each fault as (field, sentence)."""
    kind = fields.get("kind")
    if kind not in get_args(Kind):
        yield "kind", f"The kind of schedule is {kind!r:.60}; it may be {', '.join(get_args(Kind))}."
    at = fields.get("at")
    if at is None and kind != "none":
        yield "at", "The schedule has no time of day; give one as hh:mm."
    elif at is not None and (at.second or at.microsecond or at.tzinfo):
        yield "at", f"The time of day {at.isoformat()} must be whole minutes of the campus's own clock."
    every_hours = fields.get("every_hours")
    if (every_hours is not None and not 1 <= every_hours <= 24) or (
        every_hours is None and kind == "every_hours"
    ):
        yield "every_hours", "The number of hours between runs must be from 1 to 24."
    every_minutes = fields.get("every_minutes")
    if (every_minutes is not None and not 5 <= every_minutes <= 60) or (
        every_minutes is None and kind == "minutes"
    ):
        yield "every_minutes", "The number of minutes between runs must be from 5 to 60."
    if not _is_zone(zone := fields.get("zone")):
        yield "zone", f"There is no time zone {zone!r:.60}; use a name such as America/Los_Angeles."
    yield from _day_faults(fields)


def _day_faults(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = fields.get("kind")
    weekdays = fields.get("weekdays", frozenset())
    if not weekdays <= set(range(7)):
        yield "weekdays", "Weekdays are numbers from 0 (Monday) to 6 (Sunday)."
    if kind == "weekdays" and not weekdays:
        yield "weekdays", "No weekday is chosen."
    elif kind == "weekdays" and weekdays <= _WEEKEND and fields.get("business_days_only"):
        yield (
            "weekdays",
            "Only weekend days are chosen, but runs are for business days only: it would never run.",
        )
    month_days = fields.get("month_days", frozenset())
    if not month_days <= {LAST_DAY, *range(1, 32)}:
        yield "month_days", "Days of the month are numbers from 1 to 31, or -1 for the last day."
    if kind == "month_days" and not month_days:
        yield "month_days", "No day of the month is chosen."


def _is_zone(name: object) -> bool:
    if not isinstance(name, str) or not _ZONE_NAME.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: a folder of zones, or a name too long for the disk
        return False
    return True


def _read_text(value: Any) -> Any:
    return value  # kind and zone are checked by name in _faults, whatever their type


def _read_time(value: Any) -> time | None:
    if value is None or isinstance(value, time):
        return value
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"The time of day {value!r:.60} is not hh:mm between 00:00 and 23:59.")
    return time(int(match[1]), int(match[2]))


def _whole(what: str) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        if value is None or _is_integer(value):
            return value  # type: ignore[no-any-return]
        raise ValueError(f"The number of {what} between runs {value!r:.60} is not a whole number.")

    return read


def _read_flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"business_days_only is {value!r:.60}; it may be true or false.")


def _integers(name: str) -> Callable[[Any], frozenset[int]]:
    def read(value: Any) -> frozenset[int]:
        if isinstance(value, list) and all(_is_integer(number) for number in value):
            return frozenset(value)
        raise ValueError(f"{name} is {value!r:.60}; it must be a list of whole numbers.")

    return read


def _dates(name: str) -> Callable[[Any], frozenset[date]]:
    def read(value: Any) -> frozenset[date]:
        if not isinstance(value, list):
            raise ValueError(f"{name} is {value!r:.60}; it must be a list of dates.")  # noqa: TRY004
        wrong = [item for item in value if not _is_iso_date(item)]
        if wrong:
            raise ValueError(f"{name} has {wrong[0]!r:.60}, which is not a date such as 2026-12-24.")
        return frozenset(date.fromisoformat(item) for item in value)

    return read


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_iso_date(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


_READERS: dict[str, Callable[[Any], Any]] = {
    "kind": _read_text,
    "at": _read_time,
    "weekdays": _integers("weekdays"),
    "month_days": _integers("month_days"),
    "every_hours": _whole("hours"),
    "every_minutes": _whole("minutes"),
    "zone": _read_text,
    "blackout_dates": _dates("blackout_dates"),
    "business_days_only": _read_flag,
    "holidays": _dates("holidays"),
}
