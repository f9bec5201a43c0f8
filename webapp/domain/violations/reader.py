"""A violations file's bytes as rows: encoding, delimiter, quotes and damage."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, BinaryIO

from webapp.domain.fees import OutstandingFee, RefusedRow
from webapp.domain.violations.headings import (
    ViolationFileError,
    ViolationMapping,
    check_columns,
    find_columns,
)
from webapp.domain.violations.rows import SOURCE, RowReader, clipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DELIMITERS = "\t,;|"
LONGEST_LINE_BYTES = 1_000_000
LONGEST_RECORD_LINES = 200  # a quoted text of more lines is a quote that nobody closed

_CHUNK_BYTES = 64 * 1024
_UTF_8_BOM = b"\xef\xbb\xbf"
_UTF_16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def read_violations(
    source: Iterable[bytes] | BinaryIO, mapping: ViolationMapping
) -> Iterator[OutstandingFee | RefusedRow]:
    """Every row of a parking system's CSV or TSV file, in order: a fee, or the row refused with its line and reason.

    ``source`` is an open binary file or its bytes in pieces of any size; it is read as a stream. The first line that
    is not blank holds the headings; they decide the delimiter (tab, comma, semicolon or pipe) and the columns. Text
    is UTF-8, with or without its mark, and where a line is not, Windows-1252. Blank rows are passed over.

    A file can turn out to be damaged only at its end, so nothing may be used before the iterator has finished.

    Raises:
        ViolationFileError: headings missing, empty or not text, or a quote left open as in a half-written file.
    """
    lines = _Lines(source)
    heading_line = lines.first_not_blank()
    if heading_line is None:
        raise ViolationFileError(
            "The file was not read: it is empty, without even headings. Ask for it again."
        )
    if "\0" in heading_line:
        raise _not_text()
    delimiter, headings = _headings(heading_line, mapping)
    columns = find_columns(headings, mapping)
    check_columns(headings, columns, mapping, lines.number)
    rows = RowReader(headings, columns, mapping)
    for number, cells in _records(lines, delimiter):
        if isinstance(cells, RefusedRow):
            yield cells
        elif any(cell.strip() for cell in cells):
            yield rows.read(number, cells, is_ended=lines.latest.endswith(("\n", "\r")))


def _headings(line: str, mapping: ViolationMapping) -> tuple[str, list[str]]:
    """The delimiter that yields most known headings (then most columns), and the headings it yields."""
    splits = [(delimiter, _split(line, delimiter)) for delimiter in DELIMITERS]
    return max(splits, key=lambda split: (len(find_columns(split[1], mapping)), len(split[1])))


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return [line]


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str] | RefusedRow]]:
    """Each record with the number of its first line."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        first = lines.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            if lines.finished or lines.number > first:
                # Which lines a stray quote swallowed cannot be told, so no row of the file can be trusted.
                raise _open_quote(first, lines.number, at_end=lines.finished) from err
            reason = f"Line {first} cannot be split into cells; a quote or an over-long text in it is not as it should be."
            yield first, RefusedRow(SOURCE, f"line {first}", reason, raw={"line": clipped(lines.latest)})
        else:
            yield first, cells


class _Lines:
    """The file's lines as text with their line ends, counting them and stopping what runs away."""

    def __init__(self, source: Iterable[bytes] | BinaryIO) -> None:
        self.number = 0
        self.latest = ""
        self.finished = False
        self._record_start = 1
        self._lines = _byte_lines(source)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.finished = True
            raise StopIteration
        self.number += 1
        if self.number == 1:
            if line.startswith(_UTF_16_BOMS):
                raise _not_text()
            line = line.removeprefix(_UTF_8_BOM)
        if self.number - self._record_start >= LONGEST_RECORD_LINES:
            raise _open_quote(self._record_start, self.number, at_end=False)
        self.latest = _decoded(line)
        return self.latest

    def first_not_blank(self) -> str | None:
        """The next line that holds more than blanks and delimiters; None when there is none."""
        for line in self:
            if line.strip(DELIMITERS + " \r\n"):
                return line
            self.begin_record()
        return None

    def begin_record(self) -> int:
        """The number that the next line will have, remembered as the start of a record."""
        self._record_start = self.number + 1
        return self._record_start


def _byte_lines(source: Iterable[bytes] | BinaryIO) -> Iterator[bytes]:
    r"""Lines ended by ``\n``, ``\r\n`` or ``\r``, whatever pieces the bytes arrive in."""
    rest = b""
    number = 0
    for piece in _pieces(source):
        # A piece that ends in \r waits for the next: its \n may be there.
        lines = (rest + piece).splitlines(keepends=True)
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for line in lines:
            number += 1
            yield line
        if len(rest) > LONGEST_LINE_BYTES:
            raise ViolationFileError(
                f"The file was not read: line {number + 1} is longer than {LONGEST_LINE_BYTES:,} bytes, "
                "which no violation is. Check that it is the right file.",
                line=number + 1,
            )
    if rest:
        yield rest


def _pieces(source: Iterable[bytes] | BinaryIO) -> Iterator[bytes]:
    read = getattr(source, "read", None)
    if read is None:
        for piece in source:
            yield from (piece[at : at + _CHUNK_BYTES] for at in range(0, len(piece), _CHUNK_BYTES))
        return
    while piece := read(_CHUNK_BYTES):
        yield piece


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _open_quote(first: int, last: int, *, at_end: bool) -> ViolationFileError:
    where = "before the file ends" if at_end else f"as it should be by line {last}"
    return ViolationFileError(
        f"The file was not read: a quote opened in the row of line {first} is not closed {where}. The file is "
        "half-written or damaged; nothing of it was used. Ask for it again.",
        line=first,
    )


def _not_text() -> ViolationFileError:
    return ViolationFileError(
        "The file was not read: it is not plain text (it may be a spreadsheet or UTF-16). Save it as CSV UTF-8.",
        line=1,
    )
