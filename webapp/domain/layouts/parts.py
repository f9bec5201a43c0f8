"""Which part of a file a row belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.domain.layouts.catalogue import Row
    from webapp.domain.layouts.external_sort import Key
    from webapp.domain.layouts.part_lines import PartLines


class Parts:
    """The parts of one file: a row goes into the first that has room and no row with its ``one_per`` values.

    ``together`` gives those of the values by which the rows come in order: when they change, older values are
    forgotten.
    """

    def __init__(
        self,
        max_rows: int | None,
        one_per: Callable[[Row], Key] | None,
        new: Callable[[int], PartLines],
        *,
        together: Callable[[Row], Key],
    ) -> None:
        self.all: list[PartLines] = []
        self._max_rows = max_rows
        self._one_per = one_per
        self._new = new
        self._together = together
        self._last_together: Key = ()
        self._first_open = 0
        self._last_part: dict[Key, int] = {}
        self._fresh: PartLines | None = None

    def place_for(self, row: Row) -> PartLines:
        """The part for this row; a new one belongs to the file once ``took`` is told.

        Raises: RowRefusedError, when the values that must not be there twice are of a wrong kind.
        """
        first = self._last_part.get(self._one_per(row), -1) + 1 if self._one_per else 0
        for index in range(max(first, self._first_open), len(self.all)):
            if not self._is_full(self.all[index]):
                return self.all[index]
        if self._fresh is None or self._fresh.part.number != len(self.all) + 1:
            self._fresh = self._new(len(self.all) + 1)
        return self._fresh

    def room(self, lines: PartLines, wanted: int) -> int:
        """How many of the wanted rows still fit."""
        return wanted if self._max_rows is None else min(wanted, self._max_rows - lines.rows)

    def took(self, lines: PartLines, row: Row) -> None:
        """Remember that the part took the row; a part that is full is finished."""
        if lines is self._fresh:
            self.all.append(lines)
            self._fresh = None
        if self._one_per:
            if (together := self._together(row)) != self._last_together:
                self._last_together = together
                self._last_part.clear()
            self._last_part[self._one_per(row)] = lines.part.number - 1
        if self._is_full(lines):
            lines.end_group()
        if self._is_full(lines):
            lines.finish()
        while self._first_open < len(self.all) and self._is_full(self.all[self._first_open]):
            self._first_open += 1

    def _is_full(self, lines: PartLines) -> bool:
        return self._max_rows is not None and lines.rows >= self._max_rows
