"""The judge's book: everything the sandbox did for its visitors, in order, for tests to compare their own story with."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from webapp.sandbox.clock import SandboxClock


class Book:
    """A list of events; each gets a number and the time. Safe to use from many threads at once."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._events: list[dict[str, Any]] = []

    def record(self, event: str, **facts: Any) -> None:
        """Add one event, such as ``record("pay", institution="01CALS_USM", fee_id="…", amount_cents=1250)``."""
        at = self._clock.now().isoformat()
        with self._lock:
            self._events.append({"number": len(self._events) + 1, "at": at, "event": event, **facts})

    def events(self) -> list[dict[str, Any]]:
        """All events so far, oldest first."""
        with self._lock:
            return list(self._events)
