"""A layout made ready for one file: records as functions from a row to a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webapp.domain.layouts.check import errors_of, find_faults
from webapp.domain.layouts.check_texts import outcomes
from webapp.domain.layouts.compile_conditions import Test, compile_condition
from webapp.domain.layouts.compile_pieces import PieceCompiler, RenderContext, Step, Write
from webapp.domain.layouts.dates import DEFAULT_DATE_FORMAT, pattern_sample
from webapp.domain.layouts.faults import LayoutError
from webapp.domain.layouts.geometry import place_columns
from webapp.domain.layouts.model import (
    Column,
    Concat,
    FirstOf,
    FromGroup,
    FromLine,
    FromRow,
    FromRun,
    FromTotals,
    Layout,
    Piece,
    SignOf,
    ValueNode,
)
from webapp.domain.layouts.text import cleaner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.domain.layouts.catalogue import Aggregates, Row, Value

_LINE_ENDS: Final = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}
_ANY_WIDTH: Final = 1 << 30
_BOM: Final = "\ufeff"


class CompiledLayout:
    """Writes the lines of one file; made by ``compile_layout``."""

    def __init__(self, layout: Layout, context: RenderContext) -> None:
        self.layout = layout
        self.context = context
        self.line_end = _LINE_ENDS[layout.line_end]
        self.detail_text: Write = _record(layout, context, layout.detail)
        self.header_totals = _shown_totals(layout.header)
        of_row = tuple(column for column in layout.header if not _shown_totals((column,)))
        self.header_of_row = _record(layout, context, of_row)
        self.shown_totals = self.header_totals | _shown_totals(layout.trailer)
        self.header_text = _record(layout, context, layout.header) if layout.header else None
        self.patron_header_text = (
            _record(layout, context, layout.patron_header) if layout.patron_header else None
        )
        self.patron_trailer_text = (
            _record(layout, context, layout.patron_trailer) if layout.patron_trailer else None
        )
        self.text_lines: list[tuple[Test | None, Write]] = [
            (
                compile_condition(line.when, context.catalogue, context.run_values()) if line.when else None,
                _record(layout, context, line.columns),
            )
            for line in layout.text
        ]
        numbered = (*layout.detail, *(column for line in layout.text for column in line.columns))
        self.line_values = [value for value in _values(numbered) if isinstance(value, FromLine)]
        self.trailer_text = _record(layout, context, layout.trailer) if layout.trailer else None
        self.heading_text = _heading(layout) if layout.heading else None
        self.bom = _BOM if layout.bom else ""

    def line(self, row: Row) -> bytes:
        """One detail line with its line end.

        Raises: RowRefusedError when the row cannot be written as the layout asks.
        """
        return (self.detail_text(row) + self.line_end).encode(self.layout.encoding)

    def header(self, aggregates: Aggregates) -> bytes:
        """Everything before the first detail line: byte order mark, header record, heading row; maybe nothing.

        Raises: RowRefusedError when a total does not fit its column.
        """
        lines = [] if self.header_text is None else [self.header_text(self.totals(aggregates))]
        lines += [] if self.heading_text is None else [self.heading_text]
        return (self.bom + "".join(line + self.line_end for line in lines)).encode(self.layout.encoding)

    def trailer(self, aggregates: Aggregates) -> bytes:
        """The trailer record with its line end; maybe nothing.

        Raises: RowRefusedError when a total does not fit its column.
        """
        if self.trailer_text is None:
            return b""
        return (self.trailer_text(self.totals(aggregates)) + self.line_end).encode(self.layout.encoding)

    def totals(self, aggregates: Aggregates) -> dict[str, Value]:
        """TOTAL_FIELDS with their values in this file; ``shown_totals`` are those that header or trailer may state."""
        extra_lines = sum(
            part is not None for part in (self.header_text, self.heading_text, self.trailer_text)
        )
        return aggregates.values(extra_lines)


def compile_layout(layout: Layout, context: RenderContext) -> CompiledLayout:
    """The layout ready to write one file for this run.

    Raises: LayoutError when the layout does not fit the fields of ``context.catalogue``.
    """
    faults = errors_of(find_faults(layout, context.catalogue))
    if faults:
        raise LayoutError(faults)
    return CompiledLayout(layout, context)


def _record(layout: Layout, context: RenderContext, columns: tuple[Column, ...]) -> Write:
    writers = [write for _, write in column_writers(layout, context, columns)]
    between = "" if layout.mode == "positional" else layout.delimiter
    return lambda row: between.join([write(row) for write in writers])


def column_writers(
    layout: Layout, context: RenderContext, columns: tuple[Column, ...]
) -> list[tuple[Column | None, Write]]:
    """The columns of a record in the order of the line, each as a function; a gap between positions has no column."""
    if layout.mode == "delimited":
        return [(column, _delimited(layout, context, column)) for column in columns]
    separated = layout.mode == "positional_separated"
    guard = _split_guard(layout) if separated else None
    placed, _ = place_columns(columns, separated=separated)
    writers: list[tuple[Column | None, Write]] = []
    reached = 0
    for item in placed:
        # Separators stand between the columns; without them a gap is blank.
        if not separated and item.first > reached + 1:
            writers.append((None, _blanks(item.first - reached - 1)))
        piece = item.column.piece
        write = PieceCompiler(layout, context, item.column.name).compile(piece, guard, " ")
        if isinstance(piece.value, FromRow) and context.catalogue[piece.value.field] == "text":
            write = _quick_text(piece, layout.delimiter, " ", write)
        writers.append((item.column, write))
        reached = item.last
    return writers


def _blanks(count: int) -> Write:
    text = " " * count
    return lambda _row: text


def _delimited(layout: Layout, context: RenderContext, column: Column) -> Write:
    piece = column.piece
    safe = _never_splits(piece, context, layout.delimiter)
    guard = None if safe or layout.quote != "none" else _split_guard(layout)
    write = PieceCompiler(layout, context, column.name).compile(piece, guard, "")
    if (
        isinstance(piece.value, FromRow)
        and context.catalogue[piece.value.field] == "text"
        and layout.quote != "all"
    ):
        write = _quick_text(piece, layout.delimiter, "", write)
    if layout.quote == "all":
        return lambda row: _quoted(write(row))
    if layout.quote == "minimal" and not safe:
        return _quoted_when_needed(write, layout.delimiter)
    return write


def _quick_text(piece: Piece, delimiter: str, default_pad: str, careful: Write) -> Write:
    """The same text by a short way: most ids and types are plain words that need no step but the padding."""
    if piece.transforms or not isinstance(piece.value, FromRow):
        return careful
    name, width = piece.value.field, piece.width or _ANY_WIDTH
    pad = (default_pad if piece.pad is None else piece.pad) if piece.width else ""
    fit = str.rjust if piece.justify == "right" else str.ljust

    def write(row: Row) -> str:
        value = row.get(name)
        if (
            isinstance(value, str)
            and value.isascii()
            and value.isprintable()
            and value[:1] > " "
            and len(value) <= width
            and '"' not in value
            and delimiter not in value
        ):
            return fit(value, width, pad) if pad else value
        return careful(row)

    return write


def _never_splits(piece: Piece, context: RenderContext, delimiter: str) -> bool:
    """Whether a column's text can hold neither the delimiter nor a quote, whatever the row says."""
    if piece.fallback is not None or piece.pad == delimiter:
        return False
    match piece.value:
        case FromRow(name):
            kind = context.catalogue[name]
        case FromTotals(name) | FromRun(name):
            kind = "count" if name in {"count", "lines", "sequence"} else "text"
        case FromLine():
            kind = "count"
        case _:
            return False
    if kind in {"cents", "count"}:
        return delimiter != " " and not piece.pad
    if kind == "date":
        sample = pattern_sample(piece.date_format or DEFAULT_DATE_FORMAT)
        return delimiter not in sample and '"' not in sample and not piece.pad
    return False


def _split_guard(layout: Layout) -> Step:
    """A step for values that stand unquoted: no delimiter survives in them, nor (where quotes mean something) a quote.

    Raises: ValueError with a sentence, when called with such a value under on_break "refuse".
    """
    delimiter, refuse = layout.delimiter, layout.on_break == "refuse"
    gap = " " if layout.on_break == "space" and delimiter != " " else layout.replacement
    quotes = layout.mode == "delimited"
    quote_gap = "'" if layout.on_break == "space" else layout.replacement

    def guard(text: str) -> str:
        if delimiter not in text and not (quotes and '"' in text):
            return text
        if refuse:
            raise ValueError(f"the value {text!r} holds the delimiter or a quote, and values are not quoted")
        text = text.replace(delimiter, gap)
        return text.replace('"', quote_gap) if quotes else text

    return guard


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _quoted_when_needed(write: Write, delimiter: str) -> Write:
    def quote(row: Row) -> str:
        text = write(row)
        return _quoted(text) if delimiter in text or '"' in text else text

    return quote


def _heading(layout: Layout) -> str:
    clean = cleaner(layout.encoding, layout.replacement, "space")
    names = [clean(column.name) for column in layout.detail]
    if layout.quote == "all":
        names = [_quoted(name) for name in names]
    elif layout.quote == "minimal":
        names = [_quoted(name) if layout.delimiter in name or '"' in name else name for name in names]
    return layout.delimiter.join(names)


def _shown_totals(columns: tuple[Column, ...]) -> frozenset[str]:
    found = set()
    for value in _values(columns):
        match value:
            case FromTotals(name) | FromGroup(name) | SignOf(FromTotals(name) | FromGroup(name)):
                found.add(name)
            case _:
                pass
    return frozenset(found)


def _values(columns: tuple[Column, ...]) -> Iterator[ValueNode]:
    """Every value in these columns, however deep."""
    waiting = [column.piece for column in columns]
    while waiting:
        value = waiting.pop().value
        yield value
        match value:
            case Concat(pieces):
                waiting += pieces
            case FirstOf():
                waiting += outcomes(value)
            case _:
                pass
