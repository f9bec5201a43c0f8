"""A layout as the engine holds it: read from JSON once, never changed. Paths point back into the JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Mode = Literal["delimited", "positional", "positional_separated"]
RecordKind = Literal["header", "patron_header", "detail", "text", "patron_trailer", "trailer"]


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
    """A total of the whole file (TOTAL_FIELDS), or one the layout defines in "aggregates"."""

    name: str
    path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FromGroup:
    """The same total, of the lines of one group only (patron_header, patron_trailer)."""

    name: str
    path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FromTerm:
    """The term a calendar gives for the run's day or a date of the row, for a career where terms differ by it."""

    calendar: str
    on: FromRow | FromRun
    career: str | None


@dataclass(frozen=True, slots=True)
class FromLine:
    """The running number of the detail line in its file, in its group, or among lines with equal values."""

    scope: Literal["file", "group", "equal"]
    fields: tuple[str, ...] = ()


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

    source: FromRow | FromTotals | FromGroup
    positive: str
    negative: str
    zero: str


@dataclass(frozen=True, slots=True)
class FirstOf:
    """Ordered branches: the first whose condition holds is written."""

    branches: tuple[tuple[Condition, Piece], ...]
    otherwise: Piece | None


ValueNode = (
    Const
    | FromRow
    | FromRun
    | FromTotals
    | FromGroup
    | FromTerm
    | FromLine
    | Concat
    | LookUp
    | SignOf
    | FirstOf
)


@dataclass(frozen=True, slots=True)
class AmountFormat:
    """How cents are written; ``plus`` stands where the minus would stand, for amounts not below zero."""

    decimals: Literal["point", "short", "implied"] = "point"
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


@dataclass(frozen=True, slots=True)
class DateStep:
    """One step of a date rule: days or months further, or a day of the month (0 is its last day)."""

    kind: Literal["add_days", "add_months", "day"]
    number: int


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
    date_rule: tuple[DateStep, ...] = ()
    date_zone: str | None = None
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
class Term:
    """One term of a calendar with its first and last day; ``career`` "" holds for all careers without their own."""

    code: str
    first_on: date
    last_on: date
    career: str = ""


@dataclass(frozen=True, slots=True)
class TermRule:
    """Months of any year (first and last, 1 to 12) and the term's pattern: "{YYYY+1}FA"."""

    first_month: int
    last_month: int
    pattern: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """A campus's terms: by days, or by months; a day outside all of them refuses the row or gives a blank."""

    path: str
    terms: tuple[Term, ...]
    months: tuple[TermRule, ...]
    missing: Literal["refuse", "blank"]


@dataclass(frozen=True, slots=True)
class AggregateRule:
    """A total of a layout's own over some rows: the sum, least or greatest value of ``field``, or their count."""

    path: str
    kind: Literal["sum", "count", "min", "max"]
    field: str
    absolute: bool
    where: Condition | None


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line written after each detail line whose row meets the condition."""

    path: str
    when: Condition | None
    columns: tuple[Column, ...]


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
    path: str = "$"
    group_by: tuple[str, ...] = ()
    patron_header: tuple[Column, ...] = ()
    patron_trailer: tuple[Column, ...] = ()
    text: tuple[TextLine, ...] = ()
    calendars: dict[str, Calendar] = field(default_factory=dict)
    aggregates: dict[str, AggregateRule] = field(default_factory=dict)

    def records(self) -> list[tuple[RecordKind, tuple[Column, ...]]]:
        """Every record the layout has, in the order of the file: its kind and its columns."""
        found: list[tuple[RecordKind, tuple[Column, ...]]] = [
            ("header", self.header),
            ("patron_header", self.patron_header),
            ("detail", self.detail),
            *[("text", line.columns) for line in self.text],
            ("patron_trailer", self.patron_trailer),
            ("trailer", self.trailer),
        ]
        return [(kind, columns) for kind, columns in found if columns]


@dataclass(frozen=True, slots=True)
class FileLayout:
    """One file of a set: which rows it takes, and how many lines a part may have."""

    kind: str
    path: str
    when: Condition | None
    layout: Layout
    max_rows: int | None = None
    one_per: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LayoutSet:
    """A whole layout document: the files it makes of a run's rows, and what they share."""

    name: str
    description: str
    subject: Literal["holds", "charges", "journal"]
    files: tuple[FileLayout, ...]
    fields: dict[str, Piece]
    aggregates: dict[str, AggregateRule]
    calendars: dict[str, Calendar]
    tables: dict[str, Table]
