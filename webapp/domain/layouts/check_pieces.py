"""What can be wrong with one column: names, kinds, formats that do not fit them, widths too small."""

from __future__ import annotations

from datetime import date

from webapp.domain.layouts.catalogue import RUN_FIELDS, TOTAL_FIELDS, Catalogue, FieldKind, unknown_name
from webapp.domain.layouts.dates import DEFAULT_DATE_FORMAT, pattern_fault, pattern_sample
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.model import (
    AllOf,
    AnyOf,
    Column,
    Concat,
    Condition,
    Const,
    FieldTest,
    FirstOf,
    FromRow,
    FromRun,
    FromTotals,
    Layout,
    LookUp,
    Not,
    Piece,
    RecordKind,
    SignOf,
    ValueNode,
)
from webapp.domain.layouts.text import cleaner

_ORDERED = ("less_than", "at_most", "at_least", "more_than")


def kind_of(value: ValueNode, catalogue: Catalogue | None) -> FieldKind | None:
    """The kind of a value; None for a row field that is unknown."""
    match value:
        case FromRow(field):
            return catalogue.get(field) if catalogue is not None else None
        case FromRun(name):
            return RUN_FIELDS[name]
        case FromTotals(name):
            return TOTAL_FIELDS[name]
        case _:
            return "text"


class PieceChecker:
    """Walks the columns of one record kind and gathers ``faults``."""

    def __init__(self, layout: Layout, record: RecordKind, catalogue: Catalogue | None) -> None:
        self.layout = layout
        self.record = record
        self.catalogue = catalogue
        self.faults: list[Fault] = []
        self.clean = cleaner(layout.encoding, layout.replacement, "space")

    def refuse(self, path: str, message: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(path, message))

    def check_column(self, column: Column) -> None:
        """Check a column and everything it is made of."""
        piece = column.piece
        if self.layout.heading and self.record == "detail":
            self._check_literal(column.name, f"{piece.path}.name", None)
        if self.layout.mode != "delimited":
            if piece.width is None:
                self.refuse(
                    f"{piece.path}.width", "is missing: every column of a positional layout has a width"
                )
            if piece.pad == "":
                self.refuse(f"{piece.path}.pad", "must be one character in a positional layout")
        elif self.layout.quote == "none" and piece.width and piece.pad == self.layout.delimiter:
            self.refuse(f"{piece.path}.pad", "must not be the delimiter")
        self._check_piece(piece)

    def _check_piece(self, piece: Piece) -> None:
        kind = kind_of(piece.value, self.catalogue)
        self._check_value(piece.value, piece.path)
        if kind is not None:
            self._check_shaping(piece, kind)
        if piece.fallback is not None:
            self._check_literal(piece.fallback, f"{piece.path}.fallback", piece)
        if isinstance(piece.value, Const):
            self._check_literal(piece.value.text, piece.path, piece)

    def _check_value(self, value: ValueNode, path: str) -> None:
        match value:
            case FromRow() | FromTotals():
                self._check_source(value, path)
            case Concat(pieces):
                for part in pieces:
                    self._check_piece(part)
            case LookUp():
                self._check_lookup(value, path)
            case SignOf():
                self._check_sign(value, path)
            case FirstOf():
                self._check_branches(value)
            case Const() | FromRun():
                pass

    def _check_sign(self, value: SignOf, path: str) -> None:
        self._check_source(value.source, path)
        if kind_of(value.source, self.catalogue) not in {"cents", None}:
            self.refuse(path, "sign_of needs an amount")
        for text in (value.positive, value.negative, value.zero):
            self._check_literal(text, path, None)

    def _check_branches(self, value: FirstOf) -> None:
        for condition, then in value.branches:
            self._check_condition(condition)
            self._check_piece(then)
        if value.otherwise is not None:
            self._check_piece(value.otherwise)

    def _check_source(self, source: FromRow | FromTotals, path: str) -> None:
        if isinstance(source, FromTotals):
            if self.record == "detail":
                self.refuse(
                    path, f"the total {source.name!r} belongs in a header or trailer, not in a detail line"
                )
        elif self.record != "detail":
            self.refuse(
                path, f"a {self.record} stands for the whole file and has no row field {source.field!r}"
            )
        elif self.catalogue is not None and source.field not in self.catalogue:
            self.refuse(path, unknown_name("field", source.field, self.catalogue))

    def _check_lookup(self, value: LookUp, path: str) -> None:
        table = self.layout.tables.get(value.table)
        if table is None:
            self.refuse(path, unknown_name("look-up table", value.table, self.layout.tables))
        elif value.column not in table.columns:
            self.refuse(path, unknown_name(f"column of table {value.table!r}", value.column, table.columns))
        if self.record != "detail":
            self.refuse(path, f"a {self.record} has no row to look up")

    def _check_shaping(self, piece: Piece, kind: FieldKind) -> None:
        numeric = kind in {"cents", "count"}
        if piece.amount is not None:
            if kind != "cents":
                self.refuse(f"{piece.path}.amount", f"is for amounts, and this value is {_named(kind)}")
            elif piece.amount.plus and piece.amount.sign in {"parentheses", "none"}:
                self.refuse(f"{piece.path}.amount.plus", "needs sign leading or trailing")
            elif piece.amount.plus == " " and self._would_split(" "):
                self.refuse(f"{piece.path}.amount.plus", "must not be the delimiter")
        if piece.transforms and kind != "text":
            self.refuse(f"{piece.path}.transforms", f"are for text, and this value is {_named(kind)}")
        if numeric and piece.overflow != "error":
            self.refuse(f"{piece.path}.overflow", "must be error: a number that is cut is another number")
        if numeric and piece.justify == "left" and (piece.pad or "").isdigit():
            self.refuse(f"{piece.path}.pad", "digits after a number change it")
        if kind in {"date", "datetime"}:
            self._check_date(piece, has_clock=kind == "datetime")
        elif piece.date_format is not None:
            self.refuse(f"{piece.path}.date_format", f"is for dates, and this value is {_named(kind)}")

    def _check_date(self, piece: Piece, *, has_clock: bool) -> None:
        pattern = piece.date_format or DEFAULT_DATE_FORMAT
        fault = pattern_fault(pattern, has_clock=has_clock)
        if fault:
            self.refuse(f"{piece.path}.date_format", fault)
        else:
            self._check_literal(pattern_sample(pattern), f"{piece.path}.date_format", piece)

    def _check_literal(self, text: str, path: str, piece: Piece | None) -> None:
        """Refuse text known beforehand that would not come out as it stands."""
        written = self.clean(text)
        width = piece.width if piece is not None and piece.overflow == "error" else None
        size = len(written) if self.layout.width_in == "chars" else len(written.encode(self.layout.encoding))
        if width is not None and size > width:
            self.refuse(path, f"{written!r} has {size} {self.layout.width_in}, and the width is {width}")
        if self._would_split(written):
            self.refuse(path, f"{text!r} holds the delimiter or a quote, and values are not quoted")

    def _would_split(self, text: str) -> bool:
        if self.layout.mode == "positional" or self.layout.quote != "none":
            return False
        return self.layout.delimiter in text or (self.layout.mode == "delimited" and '"' in text)

    def _check_condition(self, condition: Condition) -> None:
        match condition:
            case AllOf(parts) | AnyOf(parts):
                for part in parts:
                    self._check_condition(part)
            case Not(part):
                self._check_condition(part)
            case FieldTest():
                self._check_test(condition)

    def _check_test(self, test: FieldTest) -> None:
        if isinstance(test.source, FromRow):
            self._check_source(test.source, test.path)
        kind = kind_of(test.source, self.catalogue)
        if kind is None or test.test == "empty":
            return
        if (kind == "text" and test.test in _ORDERED) or (kind != "text" and test.test == "starts_with"):
            self.refuse(test.path, f"{test.test} cannot be asked of {_named(kind)}")
        for operand in test.operands:
            if not _comparable(operand, kind):
                self.refuse(test.path, f"{operand!r} cannot be compared with {_named(kind)}")


def _comparable(operand: str | int, kind: FieldKind) -> bool:
    if kind in {"cents", "count"}:
        return isinstance(operand, int)
    if kind == "text":
        return isinstance(operand, str)
    try:
        date.fromisoformat(str(operand))
    except ValueError:
        return False
    return isinstance(operand, str)


def _named(kind: FieldKind) -> str:
    names = {"text": "text", "cents": "an amount (whole cents)", "count": "a count"}
    return names.get(kind, 'a day ("2025-09-04")')
