"""Why each column of a line reads as it does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from webapp.domain.layouts.check_set import fields_layout
from webapp.domain.layouts.check_texts import fields_before
from webapp.domain.layouts.compile import column_writers
from webapp.domain.layouts.compile_conditions import compile_condition
from webapp.domain.layouts.compile_lookups import matching_row
from webapp.domain.layouts.compile_pieces import PieceCompiler, RenderContext
from webapp.domain.layouts.faults import RowRefusedError
from webapp.domain.layouts.model import (
    Concat,
    FirstOf,
    FromRow,
    FromTerm,
    LookUp,
    Piece,
)
from webapp.domain.layouts.words import condition_words, rule_words, value_words

if TYPE_CHECKING:
    from webapp.domain.layouts.catalogue import Row
    from webapp.domain.layouts.compile_set import CompiledFile, CompiledSet
    from webapp.domain.layouts.model import Column, Condition, Layout


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a line: first and last position in it (from 1; last before first when empty), text, reason."""

    name: str
    start: int
    end: int
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """One line of a row; ``record`` is "detail" or "text"."""

    record: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The lines that a row becomes in the file that takes it."""

    file_index: int
    lines: tuple[ExplainedLine, ...]


def explain(compiled: CompiledSet, row: Row) -> Explanation:
    """Each line that the row becomes, column by column, with the reason of each value in words.

    Line numbers are shown as those of a first line. Raises: RowRefusedError, when the row cannot be written; its
    ``field`` and ``reason`` are the explanation then.
    """
    derived = compiled.derive(row)
    index = compiled.route(derived)
    file = compiled.files[index]
    numbers = file.lines.context.lines
    numbers.file = numbers.group = 1
    numbers.equal = {value.fields: 1 for value in file.lines.line_values}
    layout = file.file.layout
    lines = [ExplainedLine("detail", _cells(compiled, file, layout.detail, derived))]
    for line, (holds, _) in zip(layout.text, file.lines.text_lines, strict=True):
        try:
            is_written = holds is None or holds(derived)
        except ValueError as error:
            raise RowRefusedError("text (when)", str(error)) from error
        if is_written:
            lines.append(ExplainedLine("text", _cells(compiled, file, line.columns, derived)))
    return Explanation(index, tuple(lines))


def _cells(
    compiled: CompiledSet, file: CompiledFile, columns: tuple[Column, ...], row: Row
) -> tuple[Cell, ...]:
    layout, context = file.file.layout, file.lines.context
    reasons = _Reasons(layout, context, compiled.layouts.fields)
    cells = []
    following = 1
    for column, write in column_writers(layout, context, columns):
        text = write(row)
        end = following + len(text) - 1
        if column is not None:
            cells.append(Cell(column.name, following, end, text, reasons.of(column.piece, row)))
        following = end + 1 + (0 if layout.mode == "positional" else 1)
    return tuple(cells)


class _Reasons:
    """Finds the reasons of values by making them step by step; ``fields`` are the derived fields known here."""

    def __init__(self, layout: Layout, context: RenderContext, fields: dict[str, Piece]) -> None:
        self._layout = layout
        self._context = context
        self._fields = fields

    def of(self, piece: Piece, row: Row) -> str:
        """The reason of a piece's text, with what was done to it."""
        plain = replace(piece, fallback=None, required=False, width=None)
        bare, shaped = self._text(replace(plain, transforms=()), row), self._text(plain, row)
        if not shaped.strip() and piece.fallback is not None:
            return f"fallback because empty: {value_words(piece.value)}"
        words = [self._value(piece, row)]
        if piece.date_rule:
            words.append(rule_words(piece.date_rule))
        if (
            isinstance(piece.value, FromRow)
            and isinstance(raw := row.get(piece.value.field), str)
            and raw != bare
        ):
            words.append(f"written in {self._layout.encoding} without what would break the line: {raw!r}")
        if shaped != bare:
            words.append(f"shaped from {bare!r}")
        if piece.width is not None and self._size(shaped) > piece.width:
            words.append(f"cut to {piece.width} from {self._size(shaped)}")
        return "; ".join(words)

    def _size(self, text: str) -> int:
        return len(text.encode(self._layout.encoding)) if self._layout.width_in == "bytes" else len(text)

    def _text(self, piece: Piece, row: Row) -> str:
        """The piece's text; empty where only its fallback keeps it from refusing the row."""
        try:
            return PieceCompiler(self._layout, self._context, "").compile(piece, None, "")(row)
        except RowRefusedError:
            return ""

    def _value(self, piece: Piece, row: Row) -> str:  # noqa: PLR0911 - one case per kind of value
        match piece.value:
            case FromRow(name) if name in self._fields:
                inner = _Reasons(
                    fields_layout(self._layout), self._context, fields_before(name, self._fields)
                )
                return f"{name}: {inner.of(self._fields[name], row)}"
            case FromRow(name):
                return f"{name} is empty" if row.get(name) in {None, ""} else f"field {name}"
            case FromTerm(calendar, on, career):
                day = (
                    f" for {on.field} {row.get(on.field)}"
                    if isinstance(on, FromRow)
                    else " for the run's day"
                )
                whose = f" and career {row.get(career) or 'none'}" if career else ""
                return f"calendar {calendar}{day}{whose}"
            case LookUp(table, column):
                return self._look_up(table, column, row)
            case FirstOf(branches, otherwise):
                return self._branch(branches, otherwise, row)
            case Concat(pieces):
                return " + ".join(self.of(part, row) for part in pieces)
            case value:
                return value_words(value)

    def _look_up(self, table: str, column: str, row: Row) -> str:
        found = self._layout.tables[table]
        matched = matching_row(found, row)
        if matched is None:
            return f"look-up {table}: no row"
        text = matched[len(found.keys) + found.columns.index(column)]
        return f"look-up {table}: {','.join(matched[: len(found.keys)])} -> {text}"

    def _branch(
        self, branches: tuple[tuple[Condition, Piece], ...], otherwise: Piece | None, row: Row
    ) -> str:
        for condition, then in branches:
            if compile_condition(condition, self._context.catalogue, self._context.run_values())(row):
                return f"because {condition_words(condition)}: {self.of(then, row)}"
        return f"otherwise: {self.of(otherwise, row)}" if otherwise else "blank: no condition holds"
