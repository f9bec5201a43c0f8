"""What can be wrong with one column: names, kinds, formats that do not fit them, widths too small."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from webapp.domain.layouts.catalogue import RUN_FIELDS, TOTAL_FIELDS, Catalogue, FieldKind, unknown_name
from webapp.domain.layouts.check_texts import holds_amount, known_texts
from webapp.domain.layouts.dates import DEFAULT_DATE_FORMAT, pattern_fault, pattern_sample
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.model import (
    AggregateRule,
    AllOf,
    AnyOf,
    Column,
    Concat,
    Condition,
    Const,
    FieldTest,
    FirstOf,
    FromGroup,
    FromLine,
    FromRow,
    FromRun,
    FromTerm,
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

_WITH_ROW = ("header", "patron_header", "detail", "text", "patron_trailer")
_ORDERED = ("less_than", "at_most", "at_least", "more_than")


def kind_of(
    value: ValueNode, catalogue: Catalogue | None, aggregates: Mapping[str, AggregateRule] | None = None
) -> FieldKind | None:
    """The kind of a value; None for a row field or a total that is unknown."""
    match value:
        case FromRow(field):
            return catalogue.get(field) if catalogue is not None else None
        case FromRun(name):
            return RUN_FIELDS[name]
        case FromTotals(name) | FromGroup(name):
            if aggregates and name in aggregates:
                rule = aggregates[name]
                return "count" if rule.kind == "count" else (catalogue or {}).get(rule.field)
            return TOTAL_FIELDS.get(name)
        case FromLine():
            return "count"
        case _:
            return "text"


class PieceChecker:
    """Walks the columns of one record kind and gathers ``faults``.

    ``fields`` are the derived fields of a set of files, whose headers and patron records know a row too; a layout
    that is read by itself has None.
    """

    def __init__(
        self,
        layout: Layout,
        record: RecordKind,
        catalogue: Catalogue | None,
        fields: Mapping[str, Piece] | None = None,
    ) -> None:
        self.layout = layout
        self.record = record
        self.catalogue = catalogue
        self.in_set = in_set = fields is not None
        self.fields: Mapping[str, Piece] = fields or {}
        self.has_row = record in (_WITH_ROW if in_set else ("detail",))
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
        kind = self._kind(piece.value)
        self._check_value(piece.value, piece.path)
        if kind is not None:
            self._check_shaping(piece, kind)
        if piece.fallback is not None:
            self._check_literal(piece.fallback, f"{piece.path}.fallback", piece)
        if isinstance(piece.value, Const):
            self._check_literal(piece.value.text, piece.path, piece)
        elif self.in_set and piece.width is not None and piece.overflow == "error" and not piece.transforms:
            self._warn_of_long_texts(piece, piece.width)
        if (
            self.in_set
            and (piece.overflow != "error" or piece.transforms)
            and holds_amount(piece, self._kind, self.fields)
        ):
            self._check_cut(piece)

    def _warn_of_long_texts(self, piece: Piece, width: int) -> None:
        for text in known_texts(piece, self.layout.tables, self.fields):
            size = self._size(self.clean(text))
            if size > width:
                told = f"{text!r} has {size} {self.layout.width_in}, and the width is {width}: such rows are set aside"
                self.faults.append(Fault(f"{piece.path}.width", told, "warning"))
                return

    def _size(self, text: str) -> int:
        return len(text) if self.layout.width_in == "chars" else len(text.encode(self.layout.encoding))

    def _check_cut(self, piece: Piece) -> None:
        if piece.overflow != "error":
            self.refuse(
                f"{piece.path}.overflow", "must be error: there is an amount in it, and it would be cut"
            )
        elif any(step.kind in {"last", "substring"} for step in piece.transforms):
            self.refuse(f"{piece.path}.transforms", "would cut an amount")

    def _kind(self, value: ValueNode) -> FieldKind | None:
        return kind_of(value, self.catalogue, self.layout.aggregates)

    def _check_value(self, value: ValueNode, path: str) -> None:  # noqa: C901 - one case per kind of value
        match value:
            case FromRow():
                self._check_field(value.field, path)
            case FromTotals() | FromGroup():
                self._check_total(value, path)
            case FromTerm():
                self._check_term(value, path)
            case FromLine():
                self._check_line(value, path)
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
        self._check_value(value.source, path)
        if self._kind(value.source) not in {"cents", None}:
            self.refuse(path, "sign_of needs an amount")
        for text in (value.positive, value.negative, value.zero):
            self._check_literal(text, path, None)

    def _check_branches(self, value: FirstOf) -> None:
        for condition, then in value.branches:
            self.check_condition(condition)
            self._check_piece(then)
        if value.otherwise is not None:
            self._check_piece(value.otherwise)

    def _check_field(self, name: str, path: str) -> None:
        if not self.has_row:
            self.refuse(path, f"a {self.record} stands for the whole file and has no row field {name!r}")
        elif self.catalogue is not None and name not in self.catalogue:
            self.refuse(path, unknown_name("field", name, self.catalogue))

    def _check_total(self, source: FromTotals | FromGroup, path: str) -> None:
        own, name = self.layout.aggregates, source.name
        known = ("count", "total", *own) if isinstance(source, FromGroup) else (*TOTAL_FIELDS, *own)
        of_patron = self.record in {"patron_header", "patron_trailer"}
        if name not in known:
            self.refuse(source.path or path, unknown_name("total", name, known))
        elif isinstance(source, FromGroup):
            if not of_patron:
                self.refuse(path, f"the group's {name!r} belongs in a patron_header or patron_trailer")
        elif of_patron and name not in own:
            self.refuse(path, f'the total {name!r} is of the whole file; write {{"group": …}} for the patron')
        elif self.record in {"detail", "text"}:
            self.refuse(path, f"the total {name!r} belongs in a header or trailer, not in a detail line")

    def _check_term(self, value: FromTerm, path: str) -> None:
        if value.calendar not in self.layout.calendars:
            self.refuse(path, unknown_name("calendar", value.calendar, self.layout.calendars))
        if isinstance(value.on, FromRow):
            self._check_field(value.on.field, path)
            if self._kind(value.on) not in {"date", "datetime", None}:
                self.refuse(path, f"{value.on.field!r} is no date to find a term by")
        if value.career is not None:
            self._check_field(value.career, path)

    def _check_line(self, value: FromLine, path: str) -> None:
        if self.record not in {"detail", "text"} or not self.in_set:
            self.refuse(path, "line numbers belong in the detail and text lines of a set of files")
        if value.scope == "group" and not self.layout.group_by:
            self.refuse(path, "a number within the group needs group_by")
        first = set(self.layout.sort[: len(value.fields)])
        if value.scope == "equal" and first != set(value.fields):
            self.refuse(
                path, f"sort must begin with {', '.join(value.fields)}, so that equal values stand together"
            )

    def _check_lookup(self, value: LookUp, path: str) -> None:
        table = self.layout.tables.get(value.table)
        if table is None:
            self.refuse(path, unknown_name("look-up table", value.table, self.layout.tables))
        elif value.column not in table.columns:
            self.refuse(path, unknown_name(f"column of table {value.table!r}", value.column, table.columns))
        if not self.has_row:
            self.refuse(path, f"a {self.record} has no row to look up")
        elif table is not None and self.catalogue is not None:
            for name in table.keys:
                if name not in self.catalogue:
                    self.refuse(
                        path, f"table {value.table!r} is looked up by {name!r}, which is not known here"
                    )

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
        else:
            self._check_no_date(piece, kind)

    def _check_no_date(self, piece: Piece, kind: FieldKind) -> None:
        keys = {"date_format": piece.date_format, "date_rule": piece.date_rule, "date_zone": piece.date_zone}
        for key, given in keys.items():
            if given:
                self.refuse(f"{piece.path}.{key}", f"is for dates, and this value is {_named(kind)}")

    def _check_date(self, piece: Piece, *, has_clock: bool) -> None:
        pattern = piece.date_format or DEFAULT_DATE_FORMAT
        if piece.date_zone and not has_clock:
            self.refuse(f"{piece.path}.date_zone", "a day without a time of day is the same in every zone")
        fault = pattern_fault(pattern, has_clock=has_clock)
        if fault:
            self.refuse(f"{piece.path}.date_format", fault)
        else:
            self._check_literal(pattern_sample(pattern), f"{piece.path}.date_format", piece)

    def _check_literal(self, text: str, path: str, piece: Piece | None) -> None:
        """Refuse text known beforehand that would not come out as it stands."""
        written = self.clean(text)
        width = piece.width if piece is not None and piece.overflow == "error" else None
        size = self._size(written)
        if width is not None and size > width:
            self.refuse(path, f"{written!r} has {size} {self.layout.width_in}, and the width is {width}")
        if self._would_split(written):
            self.refuse(path, f"{text!r} holds the delimiter or a quote, and values are not quoted")

    def _would_split(self, text: str) -> bool:
        if self.layout.mode == "positional" or self.layout.quote != "none":
            return False
        return self.layout.delimiter in text or (self.layout.mode == "delimited" and '"' in text)

    def check_condition(self, condition: Condition) -> None:
        """Check every test within a condition."""
        match condition:
            case AllOf(parts) | AnyOf(parts):
                for part in parts:
                    self.check_condition(part)
            case Not(part):
                self.check_condition(part)
            case FieldTest():
                self._check_test(condition)

    def _check_test(self, test: FieldTest) -> None:
        if isinstance(test.source, FromRow):
            self._check_field(test.source.field, test.path)
        kind = self._kind(test.source)
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
