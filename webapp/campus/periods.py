"""The time filter of lists: from when on, on the campus's calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from webapp.web.listing import Choice

SINCE = Choice(
    "since", "Time", (("1", "today"), ("7", "last 7 days"), ("30", "last 30 days"), ("90", "last 90 days"))
)


def since_at(days: str, zone: str) -> datetime | None:
    """The beginning of the campus day ``days`` - 1 days ago; None for any time."""
    if not days:
        return None
    today = datetime.now(UTC).astimezone(ZoneInfo(zone)).date()
    return midnight(today - timedelta(days=int(days) - 1), zone)


def midnight(day_on: date, zone: str) -> datetime:
    """When a campus day begins."""
    return datetime.combine(day_on, time(), ZoneInfo(zone))
