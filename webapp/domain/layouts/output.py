"""What goes out: bytes counted and hashed on their way, and the totals of the rows they stand for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from webapp.domain.layouts.catalogue import Aggregates, Row

if TYPE_CHECKING:
    from collections.abc import Callable


class Tally:
    """Counts and sums the rows that were written."""

    def __init__(self, total_of: str) -> None:
        self.total_of = total_of
        self.count = self.total_cents = self.credits_count = self.credits_total_cents = 0

    def add(self, rows: list[Row]) -> None:
        """Count these rows too; a row without the amount counts, and adds nothing."""
        name = self.total_of
        cents = [value for row in rows if type(value := row.get(name)) is int]
        self.count += len(rows)
        self.total_cents += sum(cents)
        if cents and min(cents) < 0:
            credits_cents = [value for value in cents if value < 0]
            self.credits_count += len(credits_cents)
            self.credits_total_cents += sum(credits_cents)

    def aggregates(self) -> Aggregates:
        """The totals so far."""
        return Aggregates(self.count, self.total_cents, self.credits_count, self.credits_total_cents)


class Output:
    """Hands bytes on and hashes them; keeps the last line end back where the file shall not end with one."""

    def __init__(self, write: Callable[[bytes], object], line_end: bytes, *, final_newline: bool) -> None:
        self._write = write
        self._line_end = line_end
        self._final_newline = final_newline
        self._held = b""
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, octets: bytes) -> None:
        """Whole lines, as many as are at hand."""
        if not octets:
            return
        ready, self._held = self._held, octets
        if self._final_newline:
            ready, self._held = octets, b""
        self._emit(ready)

    def close(self) -> None:
        """The end of the file: what was kept back, without its line end."""
        self._emit(self._held.removesuffix(self._line_end))

    def _emit(self, octets: bytes) -> None:
        if octets:
            self.size += len(octets)
            self.digest.update(octets)
            self._write(octets)
