"""A wall-clock limit that holds even when a library waits for ever."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Watchdog:
    """Closes a line when the whole took longer than ``limit_s`` seconds, or nothing moved for ``stall_s``.

    Socket time-outs are not enough: a peer that answers one byte a second never meets them, and a library may
    loop over them. Use it as a context manager, ``guard`` what is to be closed, ``touch`` it at each step forward.
    """

    def __init__(self, *, limit_s: float, stall_s: float) -> None:
        self.limit_s = limit_s
        self.stall_s = stall_s
        self._started = self._touched = time.monotonic()
        self._lock = threading.Lock()
        self._closers: list[Callable[[], object]] = []
        self._expired = ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._started = self._touched = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._done.set()

    @property
    def expired(self) -> str:
        """Why the line was closed, as part of a sentence; empty as long as all is well."""
        return self._expired

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def touch(self) -> None:
        """Say that something moved."""
        self._touched = time.monotonic()

    def guard(self, close: Callable[[], object]) -> None:
        """Have ``close`` called on expiry, at once if that is past. It must wake whoever waits, and not block."""
        with self._lock:
            self._closers.append(close)
            late = bool(self._expired)
        if late:
            close()

    def _watch(self) -> None:
        while not self._done.wait(max(0.0, self._due_at() - time.monotonic())):
            if time.monotonic() >= self._due_at():
                self._expire()
                return

    def _due_at(self) -> float:
        return min(self._started + self.limit_s, self._touched + self.stall_s)

    def _expire(self) -> None:
        whole = time.monotonic() >= self._started + self.limit_s
        with self._lock:
            self._expired = (
                f"the {self.limit_s:g} s allowed for the whole were over"
                if whole
                else f"nothing moved for {self.stall_s:g} s"
            )
            closers = list(self._closers)
        for close in closers:
            close()
