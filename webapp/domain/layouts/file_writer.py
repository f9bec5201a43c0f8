"""Writing the rows of one file of a set: in order, in parts, each row whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from webapp.domain.layouts.catalogue import Row
from webapp.domain.layouts.compile_set import PartTotals
from webapp.domain.layouts.faults import RowRefusedError
from webapp.domain.layouts.part_writer import PartWriter, Sink

if TYPE_CHECKING:
    from webapp.domain.layouts.compile_set import CompiledSet

OpenPart = Callable[[str, int], Sink]
OnRefused = Callable[[Row, RowRefusedError], object]
OnLine = Callable[[Row, int, int, int], object]


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One finished part: its name, rows and totals (integer cents), bytes and their SHA-256, the layout's own totals."""

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
        self._text = self._compiled.lines.detail_text
        self._open_part = open_part
        self._on_refused = on_refused
        self._on_line = on_line
        self._presorted = presorted
        self._parts: list[PartWriter] = []

    def add(self, rows: list[Row]) -> None:
        """Write these rows, or keep them until the order is known."""
        try:
            texts = [self._text(row) for row in rows]
        except RowRefusedError:
            texts, rows = self._one_by_one(rows)
        while rows and not self._write(texts, rows):
            texts, rows = texts[1:], rows[1:]

    def finish(self) -> Iterator[RenderedFile]:
        """End every part and tell what it became."""
        for part in self._parts:
            part.finish()
            yield self._rendered(part)

    def release(self) -> None:
        """Drop temporary files."""
        for part in self._parts:
            part.release()

    def _write(self, texts: list[str], rows: list[Row]) -> bool:
        """Whether they were written; no, when a new part's header cannot be made with the first row."""
        part = self._parts[-1] if self._parts else self._new_part(1)
        before = part.rows
        try:
            part.write(texts, rows)
        except RowRefusedError as error:
            self._on_refused(rows[0], error)
            return False
        if not self._parts:
            self._parts.append(part)
        if self._on_line is not None:
            for number, row in enumerate(rows, before + 1):
                self._on_line(row, self._index, part.number, number)
        return True

    def _new_part(self, number: int) -> PartWriter:
        kind = self._compiled.file.kind
        return PartWriter(self._compiled, number, lambda: self._open_part(kind, number))

    def _one_by_one(self, rows: list[Row]) -> tuple[list[str], list[Row]]:
        texts, kept = [], []
        for row in rows:
            try:
                texts.append(self._text(row))
            except RowRefusedError as error:
                self._on_refused(row, error)
            else:
                kept.append(row)
        return texts, kept

    def _rendered(self, part: PartWriter) -> RenderedFile:
        tally = part.tally
        term = (part.first_row or {}).get("term")
        totals = PartTotals(tally.count, tally.total_cents, part.own_totals, str(term or ""))
        return RenderedFile(
            kind=self._compiled.file.kind,
            part=part.number,
            name=self._set.file_name(self._index, part.number, totals),
            rows=tally.count,
            total_cents=tally.total_cents,
            credits_count=tally.credits_count,
            credits_cents=tally.credits_total_cents,
            size=part.size,
            sha256=part.sha256,
            aggregates=dict(part.own_totals),
        )
