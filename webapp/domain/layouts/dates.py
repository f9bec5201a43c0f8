"""Date patterns: YYYY YY MM M DDD DD D MON Mon Q GGGG WW HH mm ss, anything else written as it stands, letters in [brackets]."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.domain.layouts.model import DateStep

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TOKEN: Final = re.compile(r"\[[^\[\]]*\]|MON|Mon|YYYY|YY|GGGG|WW|Q|MM|M|DDD|DD|D|HH|mm|ss|.", re.DOTALL)
_PARTS: Final[dict[str, Callable[[datetime], str]]] = {
    "YYYY": lambda at: f"{at.year:04d}",
    "YY": lambda at: f"{at.year % 100:02d}",
    "MON": lambda at: _MONTHS[at.month - 1].upper(),
    "Mon": lambda at: _MONTHS[at.month - 1],
    "MM": lambda at: f"{at.month:02d}",
    "M": lambda at: str(at.month),
    "DDD": lambda at: f"{at.timetuple().tm_yday:03d}",
    "Q": lambda at: str((at.month + 2) // 3),
    "GGGG": lambda at: f"{at.isocalendar().year:04d}",
    "WW": lambda at: f"{at.isocalendar().week:02d}",
    "DD": lambda at: f"{at.day:02d}",
    "D": lambda at: str(at.day),
    "HH": lambda at: f"{at.hour:02d}",
    "mm": lambda at: f"{at.minute:02d}",
    "ss": lambda at: f"{at.second:02d}",
}
_CLOCK: Final = frozenset({"HH", "mm", "ss"})
_CACHE_SIZE: Final = 4_096
_ALLOWED: Final = (
    "allowed: YYYY YY MM M DD D MON Mon, DDD (day of the year), Q, GGGG WW (ISO year and week), HH mm (minutes) ss,"
    " and letters in [brackets]"
)
DEFAULT_DATE_FORMAT: Final = "YYYY-MM-DD"


def pattern_fault(pattern: str, *, has_clock: bool) -> str | None:
    """Why the pattern is impossible, or None; ``has_clock`` is false for values that are a day without a time."""
    tokens = _TOKEN.findall(pattern)
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if token in _PARTS:
            if following in _PARTS and following[0] == token[-1]:
                return (
                    f"{token + following!r} in date pattern {pattern!r} is not a part of a date; {_ALLOWED}"
                )
            if token in _CLOCK and not has_clock:
                return f"{token!r} in date pattern {pattern!r} is a time of day, and this value is a day only; {_ALLOWED}"
        elif token.isalpha() or token in {"[", "]"}:
            return f"{token!r} in date pattern {pattern!r} is not a part of a date; {_ALLOWED}"
        elif not (token.isascii() and token.isprintable()):
            return (
                f"date pattern {pattern!r} holds {token!r}; only printable ASCII may stand between the parts"
            )
    if not _PARTS.keys() & set(tokens):
        return f"date pattern {pattern!r} shows no part of a date; {_ALLOWED}"
    return None


def pattern_sample(pattern: str) -> str:
    """The longest text the pattern can give; for width and delimiter checks."""
    return date_formatter(pattern, None)(datetime(2026, 12, 28, 23, 58, 59))  # noqa: DTZ001 - only its digits matter


def date_formatter(
    pattern: str, zone: tzinfo | None, rule: tuple[DateStep, ...] = ()
) -> Callable[[object], str]:
    """A function from a date, or a datetime told in ``zone``, to the text of the day that the rule makes of it.

    Results are remembered, since a file holds few different days. Raises: TypeError when called with anything else,
    ValueError with a sentence when the rule leaves the calendar.
    """
    parts = [
        _PARTS.get(token) or token.removeprefix("[").removesuffix("]") for token in _TOKEN.findall(pattern)
    ]
    seen: dict[object, str] = {}

    def write(value: object) -> str:
        if isinstance(value, datetime):
            moment = value if value.tzinfo is None or zone is None else value.astimezone(zone)
        elif isinstance(value, date):
            moment = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a day has no zone
        else:
            raise TypeError("not a date")
        for step in rule:
            moment = _moved(moment, step)
        return "".join(part if isinstance(part, str) else part(moment) for part in parts)

    def remember(value: object) -> str:
        try:
            return seen[value]
        except (KeyError, TypeError):
            text = write(value)
        if len(seen) >= _CACHE_SIZE:
            seen.clear()
        seen[value] = text
        return text

    return remember


def _moved(moment: datetime, step: DateStep) -> datetime:
    """One step of a date rule; where a month is too short for the day, its last day is taken."""
    try:
        if step.kind == "add_days":
            return moment + timedelta(days=step.number)
        year, month, day = moment.year, moment.month, moment.day
        if step.kind == "add_months":
            years, month0 = divmod(month - 1 + step.number, 12)
            year, month = year + years, month0 + 1
        else:
            day = step.number or 31
        return moment.replace(year=year, month=month, day=min(day, monthrange(year, month)[1]))
    except (OverflowError, ValueError) as error:
        raise ValueError(f"the date rule leads from {moment.date()} out of the calendar") from error
