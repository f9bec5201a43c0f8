"""Moments as PeopleSoft, databases and cashier systems write them: a day, most often with a time of day behind it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final

from webapp.domain.violations.dates import parse_date

_LONGEST_TEXT: Final = 60
_CLOCK: Final = re.compile(
    # The day, then a mark between, then 2:10:05PM, 14.10.05.000000 (PeopleSoft's own form), 02:10 AM -07:00.
    r"(?P<day>.*?[0-9])(?:[Tt]|,?\s+(?:at\s+)?|-(?=[0-9]{2}\.[0-9]{2}\.))"
    r"(?P<hour>[0-2]?[0-9])[:.](?P<minute>[0-5][0-9])(?:[:.](?P<second>[0-5][0-9])(?:[.,:](?P<part>[0-9]{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?(?:\s*(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2}|[A-Za-z]{2,4}))?"
)
_COMPACT: Final = re.compile(
    r"(?P<day>[0-9]{8})[ T]?(?P<hour>[0-2][0-9])(?P<minute>[0-5][0-9])(?P<second>[0-5][0-9])"
)
# The letters that files of the United States put behind a time, in hours from UTC.
_ZONES: Final = {
    "Z": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10,
}  # fmt: skip


def parse_moment(text: str, *, day_first: bool = False) -> datetime:
    """The day and time that ``text`` names: aware when a zone or offset is written, else the clock on the wall.

    Read are the days of ``parse_date``, alone (midnight) or before a time: ``09/18/2025  2:10:05PM``,
    ``2025-09-18T14:10:05-07:00``, ``2025-09-18-14.10.05.000000``, ``Sep 18 2025  2:10PM``, ``20250918141005``.

    Raises:
        ValueError: with a phrase saying that it is no such moment.
    """
    bare = text.strip()
    if len(bare) > _LONGEST_TEXT:
        raise ValueError(f"{bare[:_LONGEST_TEXT]!r} is too long to be a date and time")
    match = _COMPACT.fullmatch(bare) or _CLOCK.fullmatch(bare)
    if match is None:
        return datetime.combine(parse_date(bare, day_first=day_first), time())
    found = match.groupdict()
    clock = _clock_of(found, bare)
    return datetime.combine(
        parse_date(found["day"], day_first=day_first), clock, _zone_of(found.get("zone"), bare)
    )


def moment_of(day: date, parts: dict[str, str | None]) -> datetime:
    """A day with the ``hour``, ``minute`` and ``second`` that a pattern found in a text. Raises: ValueError."""
    return datetime.combine(day, _clock_of(parts, ":".join(filter(None, parts.values()))))


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """The moment in UTC; a clock on the wall is taken to hang in ``zone``, the first time round when clocks go back."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return aware.astimezone(UTC)


def _clock_of(found: dict[str, str | None], bare: str) -> time:
    hour, half = int(found.get("hour") or 0), (found.get("half") or "").upper()
    if half and not 1 <= hour <= 12:
        raise ValueError(f"{bare!r} has no hour of a twelve-hour clock")
    if half:
        hour = hour % 12 + (12 if half == "P" else 0)
    if hour > 23:
        raise ValueError(f"{bare!r} has an hour that no day has")
    micros = int((found.get("part") or "0").ljust(6, "0")[:6])
    return time(hour, int(found.get("minute") or 0), int(found.get("second") or 0), micros)


def _zone_of(word: str | None, bare: str) -> tzinfo | None:
    if not word:
        return None
    if word[0] in "+-":
        away = timedelta(hours=int(word[1:3]), minutes=int(word[-2:]))
        if away >= timedelta(hours=24):
            raise ValueError(f"{bare!r} has an offset that no place has")
        return timezone(-away if word[0] == "-" else away)
    hours = _ZONES.get(word.upper())
    if hours is None:
        raise ValueError(f"{bare!r} names a time zone that is not known")
    return timezone(timedelta(hours=hours)) if hours else UTC
