"""Terms as functions from a row to a term's code."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from webapp.domain.layouts.calendars import term_finder
from webapp.domain.layouts.model import Calendar, FromRow, FromTerm

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.domain.layouts.catalogue import Row


def term_reader(
    calendar: Calendar, value: FromTerm, run_at: datetime, *, has_fallback: bool
) -> Callable[[Row], str]:
    """A function from a row to its term; the empty text where none is found and the piece has a fallback.

    Raises: ValueError with a sentence, when called for a row without that date, or on a day without a term.
    """
    find = term_finder(calendar)
    name = value.on.field if isinstance(value.on, FromRow) else None

    def read(row: Row) -> str:
        day = row.get(name) if name is not None else run_at
        if isinstance(day, datetime):
            day = (day if day.tzinfo is None else day.astimezone(run_at.tzinfo)).date()
        career = row.get(value.career) if value.career is not None else None
        try:
            if not isinstance(day, date):
                return _without_day(calendar, name, day)
            return find(day, str(career or ""))
        except ValueError:
            if has_fallback:
                return ""
            raise

    return read


def _without_day(calendar: Calendar, name: str | None, day: object) -> str:
    if day is None and calendar.missing == "blank":
        return ""
    raise ValueError(
        f"there is no term without a date, and {name} is {'empty' if day is None else repr(day)}"
    )
