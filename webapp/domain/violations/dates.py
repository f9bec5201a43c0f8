"""Dates as parking systems, spreadsheets and people write them."""

from __future__ import annotations

import re
from datetime import date

_LONGEST_TEXT = 60
_EARLIEST_YEAR, _LATEST_YEAR = 1970, 2100
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip

_WEEKDAY = re.compile(r"\A(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]?\s+", re.IGNORECASE)
_TIME_OF_DAY = re.compile(
    r"(?:T|,?\s+)(?:at\s+)?[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?"
    r"(?:\s*[AP]\.?M\.?)?(?:\s*(?:Z|[+-][0-9]{2}:?[0-9]{2}|[A-Z]{2,4}))?\Z",
    re.IGNORECASE,
)
# Two digits for month and day: a shorter one may be the last cell of a file that was cut off.
_ISO = re.compile(r"([0-9]{4})([-/.])([0-9]{2})\2([0-9]{2})")
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_NUMBERS = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})\.?[\s-]+([0-9]{1,2})(?:st|nd|rd|th)?,?[\s-]+([0-9]{4})")
_DAY_FIRST = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?[\s/-]+([A-Za-z]{3,9})\.?,?[\s/-]+([0-9]{4}|[0-9]{2})")


def parse_date(text: str, *, day_first: bool = False) -> date:
    """The calendar day that ``text`` names; a time of day and zone after it are dropped, not converted.

    Read are ``2026-11-21``, ``20261121``, ``11/21/2026 3:05 PM``, ``Nov 21, 2026``, ``21-Nov-26`` and their like.
    Of ``4/5/2026`` only ``day_first`` can tell whether it is April or May; where one number is above 12 it cannot
    be the month, whatever ``day_first`` says. Two-digit years are of this century.

    Raises:
        ValueError: with a phrase saying that it is no such date.
    """
    bare = text.strip()
    if len(bare) <= _LONGEST_TEXT:
        numbers = _year_month_day(_TIME_OF_DAY.sub("", _WEEKDAY.sub("", bare, count=1)), day_first=day_first)
        if numbers and _EARLIEST_YEAR <= numbers[0] <= _LATEST_YEAR:
            try:
                return date(*numbers)
            except ValueError as err:
                raise ValueError(f"{bare!r} is not a date in any calendar") from err
    raise ValueError(f"{bare[:_LONGEST_TEXT]!r} is not a date such as 2026-11-21 or 11/21/2026")


def _year_month_day(text: str, *, day_first: bool) -> tuple[int, int, int] | None:
    if match := _ISO.fullmatch(text):
        return int(match[1]), int(match[3]), int(match[4])
    if match := _COMPACT.fullmatch(text):
        return int(match[1]), int(match[2]), int(match[3])
    if match := _NUMBERS.fullmatch(text):
        first, second = int(match[1]), int(match[3])
        first_is_day = first > 12 or (day_first and second <= 12)
        month, day = (second, first) if first_is_day else (first, second)
        return _full_year(match[4]), month, day
    if (match := _MONTH_FIRST.fullmatch(text)) and (month := _month(match[1])):
        return int(match[3]), month, int(match[2])
    if (match := _DAY_FIRST.fullmatch(text)) and (month := _month(match[2])):
        return _full_year(match[3]), month, int(match[1])
    return None


def _month(name: str) -> int:
    """1 to 12, or 0 for a word that is no month."""
    word = name.lower()
    if word == "sept":
        return 9
    for names in (_MONTHS, _FULL_MONTHS):
        if word in names:
            return names.index(word) + 1
    return 0


def _full_year(digits: str) -> int:
    return int(digits) + (2000 if len(digits) == 2 else 0)
