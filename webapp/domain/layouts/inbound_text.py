"""An incoming file's bytes as records: encoding, line ends, quotes, lines to pass over, and damage."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from webapp.domain.layouts.inbound_model import InboundFault, InboundFileError, InboundLayout

LONGEST_LINE_BYTES: Final = 1_000_000
LONGEST_RECORD_LINES: Final = 200  # a quoted text of more lines is a quote that nobody closed
SHOWN_CHARS: Final = 200
_CHUNK_BYTES: Final = 64 * 1024
_UTF_8_BOM: Final = "\ufeff"
_UTF_16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the number of its first line, its text without the line end, and its cells when it is delimited."""

    line: int
    text: str
    cells: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        """Whether it holds nothing, or delimiters around nothing."""
        return not any(cell.strip() for cell in self.cells) if self.cells else not self.text.strip()


def read_records(
    source: Iterable[bytes] | BinaryIO, layout: InboundLayout, *, lines_before: int = 0
) -> Iterator[Record | InboundFault]:
    """The records between those that the layout passes over by number, without blank ones.

    The first lines are counted as an editor counts them; of the last, blank ones do not count. ``lines_before`` of the
    file, headings and titles too, are not in ``source`` any more.

    Raises:
        InboundFileError: not text, a line without end, a quote left open.
    """
    lines = _Lines(source, layout.encoding, lines_before)
    found: Iterator[Record | InboundFault] = (
        _delimited(lines, layout) if layout.mode == "delimited" else _positional(lines)
    )
    for _ in range(0 if lines_before else layout.skip_first):
        next(found, None)
    kept = (record for record in found if isinstance(record, InboundFault) or not record.is_blank)
    held: deque[Record | InboundFault] = deque()
    for record in kept:
        held.append(record)
        if len(held) > layout.skip_last:
            yield held.popleft()


def clipped(text: str) -> str:
    """Text fit to be kept with a refused line: not endless, and without NUL, which PostgreSQL cannot store."""
    shown = text.replace("\0", "\N{SYMBOL FOR NULL}").rstrip("\r\n")
    return shown if len(shown) <= SHOWN_CHARS else shown[:SHOWN_CHARS] + "…"


def _positional(lines: _Lines) -> Iterator[Record]:
    for line in lines:
        yield Record(lines.number, line.rstrip("\r\n"))
        lines.begin_record()


def _delimited(lines: _Lines, layout: InboundLayout) -> Iterator[Record | InboundFault]:
    reader = csv.reader(
        lines,
        delimiter=layout.delimiter,
        quoting=csv.QUOTE_NONE if layout.quote == "none" else csv.QUOTE_MINIMAL,
        strict=True,
    )
    while True:
        first = lines.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            if lines.finished or lines.number > first:
                # Which lines a stray quote swallowed cannot be told, so no line of the file can be trusted.
                raise _open_quote(first) from err
            reason = f"Line {first} cannot be split into cells; a quote in it is not as it should be."
            yield InboundFault(first, reason, {"line": clipped(lines.latest)}, lines.record)
        else:
            yield Record(first, lines.record, tuple(cells))


class _Lines:
    """The file's lines as text with their line ends, counting them and stopping what runs away."""

    def __init__(self, source: Iterable[bytes] | BinaryIO, encoding: str, lines_before: int) -> None:
        self.number = lines_before
        self.latest = ""
        self.finished = False
        self._record_start = lines_before + 1
        self._gathered: list[str] = []
        self._encoding = encoding
        self._lines = _byte_lines(source, lines_before)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.finished = True
            raise StopIteration
        self.number += 1
        if b"\0" in line or (self.number == 1 and line.startswith(_UTF_16_BOMS)):
            raise InboundFileError(
                f"Line {self.number} is not plain text; the file may be a spreadsheet, UTF-16 or damaged. Nothing of "
                "it was used. Save it as text or CSV UTF-8.",
                line=self.number,
            )
        if self.number - self._record_start >= LONGEST_RECORD_LINES:
            raise _open_quote(self._record_start)
        self.latest = decoded(line, self._encoding)
        if self.number == 1:
            self.latest = self.latest.removeprefix(_UTF_8_BOM)
        self._gathered.append(self.latest)
        return self.latest

    @property
    def record(self) -> str:
        """The text since the record began, of several lines where a quoted text holds line ends."""
        return "".join(self._gathered).rstrip("\r\n")

    def begin_record(self) -> int:
        """The number that the next line will have, remembered as the start of a record."""
        self._record_start = self.number + 1
        self._gathered.clear()
        return self._record_start


def decoded(text: bytes, encoding: str) -> str:
    """A line's bytes as text."""
    if encoding == "latin-1":
        return text.decode("latin-1")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        # Only a message for people is ever beyond ASCII; ids and amounts read the same either way.
        return text.decode("cp1252", errors="replace")


def _byte_lines(source: Iterable[bytes] | BinaryIO, number: int) -> Iterator[bytes]:
    r"""Lines ended by ``\n``, ``\r\n`` or ``\r``, whatever pieces the bytes arrive in; ``number`` came before."""
    rest = b""
    for piece in pieces_of(source):
        # A piece that ends in \r waits for the next: its \n may be there.
        lines = (rest + piece).splitlines(keepends=True)
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        number += len(lines)
        yield from lines
        if len(rest) > LONGEST_LINE_BYTES:
            raise InboundFileError(
                f"Line {number + 1} is longer than {LONGEST_LINE_BYTES:,} bytes. Nothing of the file was used; check "
                "that it is the right one.",
                line=number + 1,
            )
    if rest:
        yield rest


def pieces_of(source: Iterable[bytes] | BinaryIO) -> Iterator[bytes]:
    """The bytes of an open binary file, or of pieces of any size, in small pieces."""
    read = getattr(source, "read", None)
    if read is None:
        for piece in source:
            yield from (piece[at : at + _CHUNK_BYTES] for at in range(0, len(piece), _CHUNK_BYTES))
        return
    while piece := read(_CHUNK_BYTES):
        yield piece


def _open_quote(first: int) -> InboundFileError:
    return InboundFileError(
        f"A quote opened in line {first} is not closed as it should be. The file is half-written or damaged; nothing "
        "of it was used. Ask for it again.",
        line=first,
    )
