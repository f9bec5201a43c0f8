"""The sandbox's own time: the real one, or a fixed day for pictures and tests that must not change."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from datetime import time as day_time

START_HOUR_UTC = 18  # mid-morning in California, so that both time zones agree on the date


class SandboxClock:
    """Tells the time; with ``today`` given the clock starts at 18:00 UTC on that day and runs on from there."""

    def __init__(self, today: date | None = None, first_day: date | None = None) -> None:
        self._start = None if today is None else datetime.combine(today, day_time(START_HOUR_UTC), tzinfo=UTC)
        self._started_s = time.monotonic()
        self.first_day = first_day or self.today()

    def now(self) -> datetime:
        """The sandbox's present moment, aware, in UTC."""
        if self._start is None:
            return datetime.now(UTC)
        return datetime.fromtimestamp(self._start.timestamp() + time.monotonic() - self._started_s, UTC)

    def today(self) -> date:
        """The present date in UTC."""
        return self.now().date()
