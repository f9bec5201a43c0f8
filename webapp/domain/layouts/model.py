"""A layout as the engine holds it: read from JSON once, never changed. Paths point back into the JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["delimited", "positional", "positional_separated"]
RecordKind = Literal["header", "detail", "trailer"]
RECORD_KINDS: tuple[RecordKind, ...] = ("header", "detail", "trailer")


@dataclass(frozen=True, slots=True)
class Const:
    """Fixed text; blanks are the empty text."""

    text: str


@dataclass(frozen=True, slots=True)
class FromRow:
    """A field of the row."""

    field: str


@dataclass(frozen=True, slots=True)
class FromRun:
    """Something known about the run (RUN_FIELDS)."""

    name: str


@dataclass(frozen=True, slots=True)
class FromTotals:
    """A total of the whole file (TOTAL_FIELDS)."""

    name: str


@dataclass(frozen=True, slots=True)
class Concat:
    """Pieces written one after the other."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class LookUp:
    """One output column of a look-up table, found by the table's key fields."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class SignOf:
    """Text that says whether an amount is above, below or at zero (a sign column, a DR/CR or Y/N flag)."""

    source: FromRow | FromTotals
    positive: str
    negative: str
    zero: str


@dataclass(frozen=True, slots=True)
class FirstOf:
    """Ordered branches: the first whose condition holds is written."""

    branches: tuple[tuple[Condition, Piece], ...]
    otherwise: Piece | None


ValueNode = Const | FromRow | FromRun | FromTotals | Concat | LookUp | SignOf | FirstOf


@dataclass(frozen=True, slots=True)
class AmountFormat:
    """How cents are written; ``plus`` stands where the minus would stand, for amounts not below zero."""

    decimals: Literal["point", "implied"] = "point"
    sign: Literal["leading", "trailing", "parentheses", "none"] = "leading"
    plus: str = ""
    absolute: bool = False
    zero: Literal["allow", "refuse", "blank"] = "allow"


@dataclass(frozen=True, slots=True)
class Transform:
    """One step of text shaping; ``start`` counts from 1, ``length`` is also the n of "last"."""

    kind: Literal["upper", "lower", "trim", "strip_zeros", "last", "substring"]
    start: int = 1
    length: int = 0


Justify = Literal["left", "right"]
Overflow = Literal["error", "cut_left", "cut_right"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A value and how it is shaped. ``None`` means "the usual for this kind of value"; pad "" means no padding."""

    path: str
    value: ValueNode
    transforms: tuple[Transform, ...] = ()
    fallback: str | None = None
    required: bool = False
    amount: AmountFormat | None = None
    date_format: str | None = None
    width: int | None = None
    justify: Justify | None = None
    pad: str | None = None
    overflow: Overflow = "error"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a record; ``start`` counts from 1 and is given in positional layouts only."""

    name: str
    piece: Piece
    start: int | None = None


Test = Literal["is", "in", "starts_with", "empty", "less_than", "at_most", "at_least", "more_than"]


@dataclass(frozen=True, slots=True)
class FieldTest:
    """Compares one field of the row or the run with fixed values: text, cents or counts, days as "2025-09-04"."""

    path: str
    source: FromRow | FromRun
    test: Test
    operands: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds when every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when its part does not."""

    part: Condition


Condition = FieldTest | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Table:
    """A look-up table: rows are key texts ("*" matches anything) followed by outputs; the first match wins."""

    path: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The description of a file's structure; see docs/layouts.md for what each word means."""

    name: str
    description: str
    mode: Mode
    delimiter: str
    quote: Literal["none", "minimal", "all"]
    on_break: Literal["space", "replacement", "refuse"]
    heading: bool
    line_end: Literal["LF", "CRLF", "CR"]
    final_newline: bool
    encoding: Literal["ascii", "latin-1", "utf-8"]
    bom: bool
    replacement: str
    width_in: Literal["chars", "bytes"]
    line_length: int | None
    rows: Literal["per_patron", "per_item"]
    sort: tuple[str, ...]
    total_of: str
    file_name: str
    header: tuple[Column, ...]
    detail: tuple[Column, ...]
    trailer: tuple[Column, ...]
    tables: dict[str, Table] = field(default_factory=dict)

    def record(self, kind: RecordKind) -> tuple[Column, ...]:
        """The columns of one kind of record; empty when the layout has none."""
        columns: tuple[Column, ...] = getattr(self, kind)
        return columns
