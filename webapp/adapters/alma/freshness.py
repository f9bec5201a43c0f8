"""How old the data of a report is: Analytics is a copy of Alma that is made once a night."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from webapp.adapters.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webapp.adapters.alma.page import Heading

_PHRASE = re.compile(r"\s*data\s+(?:is\s+)?updated\s+as\s+of\s*:?\s*", re.IGNORECASE)
_FORMS = (
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d-%b-%Y %H:%M:%S",
    "%d-%b-%Y",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y %I:%M %p",
)


def find_updated_at(headings: Sequence[Heading], first_row: Sequence[str], zone: str) -> datetime | None:
    """The moment in "Data updated as of", in UTC: from a column of that name, or from a heading or cell that says it.

    Raises:
        PermanentError: it is there but unreadable.
    """
    for heading, cell in zip(headings, first_row, strict=True):
        for said in (heading.heading, cell):
            phrase = _PHRASE.match(said)
            if phrase is None:
                continue
            moment = said[phrase.end() :].strip() or (cell.strip() if said is heading.heading else "")
            if moment:
                return _moment(moment, zone)
    return None


def check_age(updated_at: datetime, now: datetime, max_age_hours: float, path: str) -> None:
    """Refuse data that is too old to hold people by.

    Raises:
        PermanentError: it names the age and the limit.
    """
    age_hours = (now - updated_at).total_seconds() / 3600
    if age_hours > max_age_hours:
        raise PermanentError(
            f"The data in the report {path} is {age_hours:.0f} hours old (updated as of {updated_at:%Y-%m-%d %H:%M} UTC), "
            f"and {max_age_hours:g} hours are allowed. No hold was computed from it. Wait for Alma's nightly refresh, or "
            "allow more hours in the settings.",
            evidence={"updated_at": updated_at.isoformat(), "age_hours": f"{age_hours:.1f}"},
        )


def _moment(text: str, zone: str) -> datetime:
    read = _read_moment(text)
    if read is None:
        raise PermanentError(
            f"The report says that its data was updated as of {text[:60]!r}, which is not a date that can be read, so its "
            "age is unknown. No hold was computed from it. Format that column as YYYY-MM-DD HH:MM:SS."
        )
    return (read if read.tzinfo else read.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _read_moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is put on by the caller
        except ValueError:
            continue
    return None
