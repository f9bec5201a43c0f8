"""From pieces to functions: each piece becomes one function from a row to its text, built once per file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from webapp.domain.layouts.amounts import USUAL_AMOUNT, amount_formatter
from webapp.domain.layouts.catalogue import HOLD_FIELDS, Catalogue, FieldKind, Row, Value
from webapp.domain.layouts.check_pieces import kind_of
from webapp.domain.layouts.compile_conditions import Test, compile_condition
from webapp.domain.layouts.compile_lookups import look_up_reader
from webapp.domain.layouts.compile_terms import term_reader
from webapp.domain.layouts.dates import DEFAULT_DATE_FORMAT, date_formatter
from webapp.domain.layouts.faults import RowRefusedError
from webapp.domain.layouts.model import (
    Concat,
    Const,
    FirstOf,
    FromGroup,
    FromLine,
    FromRow,
    FromRun,
    FromTerm,
    FromTotals,
    Layout,
    LookUp,
    Piece,
    SignOf,
    Transform,
)
from webapp.domain.layouts.text import cleaner
from webapp.domain.layouts.widths import fitter

if TYPE_CHECKING:
    from datetime import date, datetime

Write = Callable[[Row], str]
Step = Callable[[str], str]


@dataclass(slots=True)
class LineNumbers:
    """Where the line that is being written stands, from 1: in its file, in its group, by fields among equal values."""

    file: int = 1
    group: int = 1
    equal: dict[tuple[str, ...], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RenderContext:
    """What a file's run knows. ``run_at`` is aware and in campus time: its zone is the zone of every date written."""

    run_at: datetime
    campus: str
    kind: str
    sequence: int = 1
    hold_code: str | None = None
    catalogue: Catalogue = field(default_factory=lambda: HOLD_FIELDS)
    campus_name: str = ""
    profile_code: str = ""
    export_number: str = ""
    lines: LineNumbers = field(default_factory=LineNumbers)

    def __post_init__(self) -> None:
        if self.run_at.tzinfo is None:
            raise ValueError("run_at must be aware, in the campus's time zone")

    def run_values(self) -> dict[str, Value]:
        """RUN_FIELDS with their values."""
        return {
            "date": self.run_at,
            "campus": self.campus,
            "kind": self.kind,
            "sequence": self.sequence,
            "hold_code": self.hold_code,
            "campus_name": self.campus_name,
            "profile_code": self.profile_code,
            "export_number": self.export_number,
        }


class PieceCompiler:
    """Compiles the pieces of one column; ``column`` names it in refusals.

    ``as_is`` leaves letters and line breaks of texts alone, for a derived field: the columns that show it treat them.
    """

    def __init__(self, layout: Layout, context: RenderContext, column: str, *, as_is: bool = False) -> None:
        self.layout = layout
        self.context = context
        self.column = column
        self.clean: Step = str if as_is else cleaner(layout.encoding, layout.replacement, layout.on_break)

    def compile(self, piece: Piece, guard: Step | None, default_pad: str) -> Write:
        """A function from a row to the piece's text: shaped, clean, guarded against the delimiter, and fitted.

        That function raises RowRefusedError.
        """
        kind = kind_of(piece.value, self.context.catalogue, self.layout.aggregates) or "text"
        read = self._reader(piece, kind)
        steps = self._steps(piece, kind, guard, default_pad)
        column = self.column

        def write(row: Row) -> str:
            try:
                text = read(row)
                for step in steps:
                    text = step(text)
            except RowRefusedError:
                raise
            except ValueError as error:
                raise RowRefusedError(column, str(error)) from error
            return text

        return write

    def _steps(self, piece: Piece, kind: FieldKind, guard: Step | None, default_pad: str) -> list[Step]:
        steps: list[Step] = [_shaper(transform) for transform in piece.transforms]
        if kind == "text":
            steps.append(self.clean)
        if piece.fallback is not None or piece.required:
            steps.append(_filler(None if piece.fallback is None else self.clean(piece.fallback)))
        if piece.required:
            steps.append(_insist)
        if guard is not None:
            steps.append(guard)
        if piece.width is not None:
            justify = piece.justify or ("right" if kind in {"cents", "count"} else "left")
            pad = default_pad if piece.pad is None else piece.pad
            encoding = self.layout.encoding if self.layout.width_in == "bytes" else None
            blank = "" if self.layout.mode == "delimited" else " "
            steps.append(fitter(piece.width, justify, pad, piece.overflow, encoding, blank))
        return steps

    def _reader(self, piece: Piece, kind: FieldKind) -> Write:  # noqa: PLR0911 - one case per kind of value
        match piece.value:
            case Const(text):
                return lambda _row: text
            case FromRow(name) | FromTotals(name):
                turn = self._turner(piece, kind, name)
                return lambda row: turn(row.get(name))
            case FromRun(name):
                turn = self._turner(piece, kind, name)
                known = turn(self.context.run_values()[name])
                return lambda _row: known
            case FromGroup(name):
                turn = self._turner(piece, kind, name)
                return lambda row: turn(row.get(group_key(name)))
            case FromLine():
                return self._line_number(piece.value)
            case FromTerm():
                return self._term(piece)
            case _:
                return self._composite(piece)

    def _line_number(self, value: FromLine) -> Write:
        lines = self.context.lines
        match value.scope:
            case "file":
                return lambda _row: str(lines.file)
            case "group":
                return lambda _row: str(lines.group)
            case "equal":
                return lambda _row: str(lines.equal[value.fields])

    def _term(self, piece: Piece) -> Write:
        value = piece.value
        if not isinstance(value, FromTerm):
            raise TypeError(value)
        return term_reader(
            self.layout.calendars[value.calendar],
            value,
            self.context.run_at,
            has_fallback=piece.fallback is not None,
        )

    def _composite(self, piece: Piece) -> Write:
        match piece.value:
            case Concat(pieces):
                parts = [self.compile(part, None, "") for part in pieces]
                return lambda row: "".join([part(row) for part in parts])
            case LookUp(table, column):
                return look_up_reader(
                    self.layout.tables[table], column, has_fallback=piece.fallback is not None
                )
            case SignOf():
                return _sign_reader(piece.value)
            case FirstOf():
                return self._first_of(piece.value)
            case _:
                raise AssertionError(piece.value)

    def _turner(self, piece: Piece, kind: FieldKind, name: str) -> Callable[[Value], str]:
        """A function from one value of this kind to text; an absent value is the empty text."""
        if kind == "text":
            return lambda value: _text(value, name)
        if kind == "count":
            return lambda value: "" if value is None else str(_whole(value, name))
        if kind == "cents":
            zeros = piece.width if piece.pad == "0" and piece.justify != "left" else None
            amount = amount_formatter(piece.amount or USUAL_AMOUNT, zeros)
            return lambda value: "" if value is None else amount(_whole(value, name))
        zone = ZoneInfo(piece.date_zone) if piece.date_zone else self.context.run_at.tzinfo
        day = date_formatter(piece.date_format or DEFAULT_DATE_FORMAT, zone, piece.date_rule)
        return lambda value: "" if value is None else _day(value, name, day)

    def _first_of(self, value: FirstOf) -> Write:
        branches: list[tuple[Test, Write]] = [
            (
                compile_condition(condition, self.context.catalogue, self.context.run_values()),
                self.compile(then, None, ""),
            )
            for condition, then in value.branches
        ]
        otherwise = self.compile(value.otherwise, None, "") if value.otherwise is not None else None

        def read(row: Row) -> str:
            for holds, then in branches:
                if holds(row):
                    return then(row)
            return otherwise(row) if otherwise is not None else ""

        return read


def group_key(name: str) -> str:
    """Under what a group's total stands in the row of a patron record; no field can have such a name."""
    return f"group:{name}"


def _sign_reader(value: SignOf) -> Write:
    match value.source:
        case FromRow(name) | FromTotals(name):
            pass
        case FromGroup(group_total):
            name = group_key(group_total)

    def read(row: Row) -> str:
        cents = _whole(row.get(name), name)
        return value.zero if cents == 0 else value.positive if cents > 0 else value.negative

    return read


def _filler(fallback: str | None) -> Step:
    return lambda text: text if text and not text.isspace() else fallback if fallback is not None else ""


def _insist(text: str) -> str:
    if not text or text.isspace():
        raise ValueError("is required and has no value")
    return text


def _shaper(transform: Transform) -> Step:
    match transform.kind:
        case "upper":
            return str.upper
        case "lower":
            return str.lower
        case "trim":
            return str.strip
        case "strip_zeros":
            return lambda text: text.lstrip("0") or text[-1:]
        case "last":
            return lambda text: text[-transform.length :]
        case "substring":
            first = transform.start - 1
            return lambda text: text[first : first + transform.length]


def _text(value: Value, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} should be text and is {value!r}")  # noqa: TRY004 - becomes a refused row
    return value


def _whole(value: Value, name: str) -> int:
    if type(value) is not int:
        raise ValueError(f"{name} should be a whole number and is {value!r}")
    return value


def _day(value: date | str | int, name: str, write: Callable[[object], str]) -> str:
    try:
        return write(value)
    except TypeError as error:
        raise ValueError(f"{name} should be a date and is {value!r}") from error
