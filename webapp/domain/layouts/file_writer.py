"""Writing the rows of one file of a set: in order, in parts, each row whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from webapp.domain.layouts.catalogue import Row
from webapp.domain.layouts.check_set import patron_fields
from webapp.domain.layouts.compile_set import PartTotals
from webapp.domain.layouts.external_sort import OrderCheck, Sorter, sort_key
from webapp.domain.layouts.faults import RowRefusedError
from webapp.domain.layouts.part_lines import PartLines
from webapp.domain.layouts.part_writer import PartWriter, Sink
from webapp.domain.layouts.parts import Parts
from webapp.domain.layouts.patron_rows import PatronRows, fees_of

if TYPE_CHECKING:
    from webapp.domain.layouts.compile_set import CompiledSet

_CHUNK_ROWS: Final = 1_000
OpenPart = Callable[[str, int], Sink]
OnRefused = Callable[[Row, RowRefusedError], object]
OnLine = Callable[[Row, int, int, int], object]


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One finished part: its name, rows and totals (integer cents), bytes and their SHA-256, the layout's own totals.

    ``rows`` are the fees that stand in it, ``lines`` its detail lines (fewer, where a line is a patron's);
    ``aggregates`` are counts and integer cents; the least and greatest of amounts are there if there is one.
    """

    kind: str
    part: int
    name: str
    rows: int
    total_cents: int
    credits_count: int
    credits_cents: int
    size: int
    sha256: str
    aggregates: dict[str, int]
    lines: int = 0


class FileWriter:
    """Takes the rows of one file and writes its parts."""

    def __init__(
        self,
        compiled: CompiledSet,
        index: int,
        open_part: OpenPart,
        on_refused: OnRefused,
        on_line: OnLine | None,
        *,
        presorted: bool,
    ) -> None:
        self._set = compiled
        self._index = index
        self._compiled = compiled.files[index]
        self._open_part = open_part
        self._tell_refused = on_refused
        self._on_line = on_line
        file, catalogue = self._compiled.file, compiled.catalogue
        patron = patron_fields(compiled.layouts.subject, file.layout)
        order = file.layout.sort or file.layout.group_by or patron
        key = sort_key(order, catalogue) if order else None
        self._sorter = Sorter(key) if key and not presorted else None
        self._order = OrderCheck(key, order) if key and presorted else None
        self._patrons = (
            PatronRows(sort_key(patron, catalogue), compiled.derive, on_refused) if patron else None
        )
        self._fees: dict[int, int] = {}
        self._parts = Parts(
            file.max_rows,
            sort_key(file.one_per, catalogue) if file.one_per else None,
            self._new,
            together=sort_key(tuple(takewhile(lambda name: name in file.one_per, order)), catalogue),
        )
        lines = self._compiled.lines
        self._is_plain = not (file.one_per or file.layout.group_by or lines.text_lines or lines.line_values)

    def add(self, rows: list[Row]) -> None:
        """Write these rows, or keep them until all have come where they are to be sorted."""
        if self._sorter is None:
            self._write(rows)
            return
        for row in rows:
            try:
                self._sorter.add(row)
            except RowRefusedError as error:
                self._on_refused(row, error)

    def finish(self) -> Iterator[RenderedFile]:
        """End every part and tell what it became."""
        if self._sorter is not None:
            remaining = self._sorter.rows()
            while rows := list(islice(remaining, _CHUNK_ROWS)):
                self._write(rows)
        if self._patrons is not None:
            self._write_lines(self._patrons.finish())
        for lines in self._parts.all:
            lines.finish()
            if lines.part.rows:
                yield self._rendered(lines.part)

    def release(self) -> None:
        """Drop temporary files."""
        if self._sorter is not None:
            self._sorter.close()
        for lines in self._parts.all:
            lines.part.release()

    def _write(self, rows: list[Row]) -> None:
        if self._order is not None:
            rows = self._checked(self._order, rows)
        self._write_lines(rows if self._patrons is None else self._patrons.take(rows))

    def _write_lines(self, rows: list[Row]) -> None:
        if self._is_plain:
            self._write_plain(rows)
            return
        for row in rows:
            try:
                lines = self._parts.place_for(row)
                lines.add(row)
                self._parts.took(lines, row)
            except RowRefusedError as error:
                self._on_refused(row, error)

    def _checked(self, order: OrderCheck, rows: list[Row]) -> list[Row]:
        kept = []
        for row in rows:
            try:
                order.check(row)
            except RowRefusedError as error:
                self._on_refused(row, error)
            else:
                kept.append(row)
        return kept

    def _write_plain(self, rows: list[Row]) -> None:
        """The quick way for lines that stand by themselves: all at once."""
        text = self._compiled.lines.detail_text
        try:
            texts = [text(row) for row in rows]
        except RowRefusedError:
            texts, rows = self._one_by_one(rows)
        while rows:
            lines = self._parts.place_for(rows[0])
            room = self._parts.room(lines, len(rows))
            try:
                lines.part.write(texts[:room], rows[:room])
            except RowRefusedError as error:
                # The header of a new part cannot be made with its first row: the next row is asked.
                self._on_refused(rows[0], error)
                texts, rows = texts[1:], rows[1:]
            else:
                self._written(lines.part, rows[:room])
                self._parts.took(lines, rows[0])
                texts, rows = texts[room:], rows[room:]

    def _one_by_one(self, rows: list[Row]) -> tuple[list[str], list[Row]]:
        texts, kept = [], []
        for row in rows:
            try:
                texts.append(self._compiled.lines.detail_text(row))
            except RowRefusedError as error:
                self._on_refused(row, error)
            else:
                kept.append(row)
        return texts, kept

    def _new(self, number: int) -> PartLines:
        kind = self._compiled.file.kind
        part = PartWriter(self._compiled, number, lambda: self._open_part(kind, number))
        return PartLines(self._compiled, part, self._written, self._on_refused)

    def _written(self, part: PartWriter, rows: list[Row]) -> None:
        if self._patrons is not None:
            so_far = self._fees.get(part.number, 0)
            self._fees[part.number] = so_far + sum(len(fees_of(row)) for row in rows)
        if self._on_line is not None:
            for number, row in enumerate(rows, part.rows - len(rows) + 1):
                for fee in fees_of(row):
                    self._on_line(fee, self._index, part.number, number)

    def _on_refused(self, row: Row, error: RowRefusedError) -> None:
        for fee in fees_of(row):
            self._tell_refused(fee, error)

    def _rendered(self, part: PartWriter) -> RenderedFile:
        tally = part.tally
        term = (part.first_row or {}).get("term")
        numbers = {name: value for name, value in part.own_totals.items() if isinstance(value, int)}
        totals = PartTotals(tally.count, tally.total_cents, numbers, str(term or ""))
        return RenderedFile(
            kind=self._compiled.file.kind,
            part=part.number,
            name=self._set.file_name(self._index, part.number, totals),
            rows=self._fees.get(part.number, tally.count),
            total_cents=tally.total_cents,
            credits_count=tally.credits_count,
            credits_cents=tally.credits_total_cents,
            size=part.size,
            sha256=part.sha256,
            aggregates=numbers,
            lines=tally.count,
        )
