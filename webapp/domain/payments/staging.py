"""A file of payments as PostgreSQL COPY text, to be staged at once: a million lines in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import chain
from typing import BinaryIO, Final

from webapp.domain.layouts.inbound import (
    InboundFault,
    InboundLayout,
    InboundRow,
    find_heading,
    read_rows,
    rows_of,
)
from webapp.domain.layouts.inbound_text import LONGEST_LINE_BYTES, Record, decoded, pieces_of, read_records
from webapp.domain.payments.copy_text import COPY_COLUMNS, copy_line
from webapp.domain.payments.quick_states import Campus, QuickStates, is_quick
from webapp.domain.payments.rows import RowFault, row_reader

__all__ = ["COPY_COLUMNS", "CopiedRows", "copy_payments"]

_BLOCK_BYTES: Final = 256 * 1024
_ROWS_A_WRITE: Final = 500

Write = Callable[[bytes], object]


@dataclass(slots=True)
class CopiedRows:
    """How many rows were written, how many of them are lines that cannot be used, and where each business unit begins.

    ``units`` has the first line of each business unit that a usable row names.
    """

    rows: int = 0
    faults: int = 0
    units: dict[str, int] = field(default_factory=dict)


def copy_payments(
    source: Iterable[bytes] | BinaryIO,
    layout: InboundLayout,
    write: Write,
    *,
    emplid_digits: int | None,
    emplid_pad: bool,
    zone: tzinfo,
    on_rows: Callable[[int], object] = lambda _rows: None,
) -> CopiedRows:
    """Write every row and fault of ``read_payments`` as lines of COPY text in UTF-8, in the order of ``COPY_COLUMNS``.

    ``write`` gets whole lines, many at a time; ``on_rows`` is told after each how many there are. Nothing of what was written may be used when an error is raised.

    Raises: InboundFileError as ``read_payments``.
    """
    copier = _Copier(layout, write, on_rows, Campus(emplid_digits, emplid_pad, zone))
    if is_quick(layout):
        copier.copy_states(source)
    else:
        copier.copy(read_rows(source, layout))
    return copier.copied


class _Copier:
    """Writes rows and counts them."""

    def __init__(
        self, layout: InboundLayout, write: Write, on_rows: Callable[[int], object], campus: Campus
    ) -> None:
        self.copied = CopiedRows()
        self._layout = layout
        self._write = write
        self._on_rows = on_rows
        self._campus = campus
        self._understand = row_reader(
            layout, emplid_digits=campus.emplid_digits, emplid_pad=campus.emplid_pad, zone=campus.zone
        )

    def copy(self, rows: Iterable[InboundRow | InboundFault]) -> None:
        """Row by row."""
        texts: list[str] = []
        for row in rows:
            texts.append(self._text(row))
            if len(texts) >= _ROWS_A_WRITE:
                self._send(texts)
                texts.clear()
        self._send(texts)

    def copy_states(self, source: Iterable[bytes] | BinaryIO) -> None:
        """Block by block, as long as each line is a record; from the first that is not, row by row."""
        layout, blocks = self._layout, _blocks(source)
        first = next(blocks, b"")
        heading, places = find_heading(read_records([first], layout), layout)
        quick = QuickStates(
            layout, places, len(heading.cells), self._campus, lambda record: self._careful(record, places)
        )
        passed = heading.line - 1 + len(heading.text.encode("utf-8", "replace").splitlines())
        before = 0
        for block in chain([first], blocks):
            lines = _lines(block, layout)
            texts = quick.copy_lines(lines[passed:], before + passed + 1) if lines else None
            if lines is None or texts is None:
                kept = block.splitlines(keepends=True)[passed:]
                rest = read_records(chain(kept, blocks), layout, lines_before=before + passed)
                self.copy(rows_of(rest, layout, places))
                return
            self._send(texts)
            for unit, line in quick.units.items():
                self._note_unit(unit, line)
            before, passed = before + len(lines), 0

    def _careful(self, record: Record, places: dict[str, int]) -> str:
        rows = rows_of(iter([record]), self._layout, places)
        return "".join(map(self._text, rows))

    def _text(self, row: InboundRow | InboundFault) -> str:
        understood = self._understand(row)
        if isinstance(understood, RowFault):
            self.copied.faults += 1
        else:
            self._note_unit(understood.item_key.partition("|")[0], understood.line)
        return copy_line(understood)

    def _note_unit(self, unit: str, line: int) -> None:
        if unit:
            self.copied.units[unit] = min(line, self.copied.units.get(unit, line))

    def _send(self, texts: list[str]) -> None:
        self.copied.rows += len(texts) - texts.count("")
        if texts:
            self._write("".join(texts).encode("utf-8", "replace"))
            self._on_rows(self.copied.rows)


def _blocks(source: Iterable[bytes] | BinaryIO) -> Iterator[bytes]:
    """The bytes in blocks that end where a line ends."""
    rest: list[bytes] = []
    length = 0
    for piece in pieces_of(source):
        rest.append(piece)
        length += len(piece)
        if length < _BLOCK_BYTES:
            continue
        block = b"".join(rest)
        # The last byte may be the first half of a line end.
        end = 1 + (block.rfind(b"\n") if b"\n" in block else block.rfind(b"\r", 0, -1))
        if end:
            yield block[:end]
        rest, length = [block[end:]], len(block) - end
        if length > LONGEST_LINE_BYTES:
            yield rest.pop()
            length = 0
    if length:
        yield b"".join(rest)


def _lines(block: bytes, layout: InboundLayout) -> list[str] | None:
    """The lines of a block without their ends; None when the block is not plain text or has no lines to speak of."""
    if b"\0" in block or len(block) > LONGEST_LINE_BYTES:
        return None
    try:
        whole = block.decode(layout.encoding)
    except UnicodeDecodeError:
        return [decoded(line, layout.encoding) for line in block.splitlines()]
    lines = whole.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    return lines
