"""From JSON to the layout of an incoming file, noting every fault on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from webapp.domain.layouts.catalogue import unknown_name
from webapp.domain.layouts.dates import pattern_fault
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.inbound_cells import reading_fault
from webapp.domain.layouts.inbound_model import (
    ANY,
    INBOUND_FIELDS,
    AmountReading,
    InboundColumn,
    InboundLayout,
)
from webapp.domain.layouts.inbound_payments import check_payment_columns, read_payment_words
from webapp.domain.layouts.model import AllOf, AnyOf, Condition, FieldTest, FromRow, Not
from webapp.domain.layouts.read import FORMAT
from webapp.domain.layouts.read_conditions import read_condition
from webapp.domain.layouts.read_file import DELIMITERS
from webapp.domain.layouts.reading import Node, shown, text_fault

WHOLE_LINE: Final = "line"
_KEYS: Final = (
    *("format", "direction", "name", "description", "mode", "delimiter", "quote", "encoding", "skip_first"),
    *("skip_last", "heading", "columns", "skip_when", "status", "payments"),
)
_COLUMN_KEYS: Final = (
    *("name", "field", "aliases", "optional", "required", "start", "width", "digits", "date_format"),
    *("day_first", "amount"),
)
_TEXT_TESTS: Final = frozenset({"is", "in", "starts_with", "empty"})


def read_inbound(document: object) -> tuple[InboundLayout, list[Fault]]:
    """The layout as far as it can be read, and everything wrong with it; it may be used only without faults."""
    faults: list[Fault] = []
    node = Node(document, "$", faults, _KEYS)
    node.require("format", "direction", "name", "mode", "columns")
    node.choice("format", (FORMAT,), FORMAT)
    node.choice("direction", ("in",), "in")
    accepted, rejected = _status(node)
    layout = InboundLayout(
        name=node.text("name", lowest=1, highest=100),
        description=node.text("description"),
        mode=node.choice("mode", ("delimited", "positional"), "delimited"),
        delimiter=_delimiter(node),
        quote=node.choice("quote", ("none", "minimal"), "minimal"),
        encoding=node.choice("encoding", ("utf-8", "latin-1"), "utf-8"),
        skip_first=node.whole("skip_first", 0, 1_000) or 0,
        skip_last=node.whole("skip_last", 0, 1_000) or 0,
        heading=node.flag("heading", default=False),
        columns=tuple(_column(item, path, faults) for path, item in node.items("columns", 1, 300)),
        skip_when=tuple(
            read_condition(item, path, faults, 1) for path, item in node.items("skip_when", 1, 50)
        ),
        accepted=accepted,
        rejected=rejected,
        payments=read_payment_words(node),
    )
    layout = _placed(layout, faults)
    _check_file(node, layout)
    _check_columns(layout, faults)
    _check_status(node, layout)
    check_payment_columns(node, layout)
    for index, condition in enumerate(layout.skip_when):
        _check_condition(condition, f"$.skip_when[{index}]", layout, faults)
    return layout, faults


def _delimiter(node: Node) -> str:
    # A tab is no printable character, so this is not read as text.
    value = node.members.get("delimiter", ",")
    if isinstance(value, str) and value in DELIMITERS:
        return value
    node.refuse("delimiter", f"must be one of {', '.join(map(repr, DELIMITERS))}, not {shown(value)}")
    return ","


def _column(members: object, path: str, faults: list[Fault]) -> InboundColumn:
    node = Node(members, path, faults, _COLUMN_KEYS)
    node.require("name")
    name, field = node.text("name", lowest=1, highest=200), node.text("field")
    if field and field not in INBOUND_FIELDS:
        node.refuse("field", unknown_name("field", field, INBOUND_FIELDS))
        field = ""
    column = InboundColumn(
        name=name,
        field=field,
        aliases=node.texts("aliases", 1, 50),
        optional=node.flag("optional", default=False),
        required=node.flag("required", default=False),
        start=node.whole("start", 1, 99_999) or 0,
        width=node.whole("width", 1, 9_999) or 0,
        digits=node.whole("digits", 1, 40) or 0,
        date_format=node.text("date_format", highest=60),
        day_first=node.flag("day_first", default=False),
        amount=_amount(node),
    )
    _check_shape(node, column)
    return column


def _amount(node: Node) -> AmountReading:
    if not node.has("amount"):
        return AmountReading()
    keys = ("decimals", "sign_from", "negative", "absolute")
    amount = Node(node.members["amount"], node.at("amount"), node.faults, keys)
    reading = AmountReading(
        implied=amount.choice("decimals", ("point", "implied"), "point") == "implied",
        sign_from=amount.text("sign_from", highest=200),
        negative=tuple(word.casefold() for word in amount.texts("negative", 1, 20)),
        absolute=amount.flag("absolute", default=False),
    )
    if bool(reading.sign_from) != bool(reading.negative):
        amount.refuse("", "sign_from (a column) and negative (its words for below zero) go together")
    return reading


def _check_shape(node: Node, column: InboundColumn) -> None:
    if node.has("amount") and column.kind != "cents":
        node.refuse("amount", "belongs to a field of money")
    if column.date_format or node.has("day_first"):
        if column.kind not in {"date", "moment"}:
            node.refuse("date_format" if column.date_format else "day_first", "belongs to a date")
        elif column.date_format and (
            fault := pattern_fault(column.date_format, has_clock=True) or reading_fault(column.date_format)
        ):
            node.refuse("date_format", fault)
    if column.digits and column.kind != "text":
        node.refuse("digits", "belongs to a text field, such as an id")
    if column.optional and column.required:
        node.refuse("optional", "a column cannot be optional and required")


def _status(node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not node.has("status"):
        return (), ()
    status = Node(node.members["status"], "$.status", node.faults, ("accepted", "rejected"))
    accepted, rejected = (_words(status, key) for key in ("accepted", "rejected"))
    for word in sorted(set(accepted) & set(rejected)):
        status.refuse("rejected", f"{shown(word)} is among the accepted ones as well")
    if not accepted and not rejected:
        status.refuse("", "must name the words for accepted, for rejected, or both")
    return accepted, rejected


def _words(node: Node, key: str) -> tuple[str, ...]:
    found = []
    for path, item in node.items(key, 1, 200):
        # The empty text is a status of its own: many files leave a good line without one.
        if message := text_fault(item, 0, 200):
            node.faults.append(Fault(path, message))
        else:
            found.append(str(item).strip().casefold())
    return tuple(found)


def _placed(layout: InboundLayout, faults: list[Fault]) -> InboundLayout:
    """With every positional column's start worked out: one without follows the column before."""
    if layout.mode != "positional":
        return layout
    columns, ends_at = [], 0
    for index, column in enumerate(layout.columns):
        path, start = f"$.columns[{index}]", column.start or ends_at + 1
        if not column.width:
            faults.append(Fault(f"{path}.width", "is missing"))
        if start <= ends_at:
            faults.append(Fault(f"{path}.start", f"overlaps the column before, which ends at {ends_at}"))
        ends_at = max(ends_at, start + column.width - 1)
        columns.append(replace(column, start=start))
    return replace(layout, columns=tuple(columns))


def _check_file(node: Node, layout: InboundLayout) -> None:
    if layout.mode == "delimited":
        return
    for key in ("delimiter", "quote"):
        if node.has(key):
            node.refuse(key, "does not belong in a positional layout")
    if layout.heading:
        node.refuse(
            "heading", "is for delimited files; skip_first passes over a positional file's first lines"
        )


def _check_columns(layout: InboundLayout, faults: list[Fault]) -> None:
    for what, values in (
        ("named", [column.name for column in layout.columns]),
        ("of field", [column.field for column in layout.columns if column.field]),
    ):
        for value, count in Counter(values).items():
            if count > 1:
                faults.append(Fault("$.columns", f"{count} columns are {what} {value!r}"))
    if layout.columns and not any(column.field for column in layout.columns):
        faults.append(Fault("$.columns", "no column has a field, so nothing would be read"))
    names = {column.name for column in layout.columns}
    for index, column in enumerate(layout.columns):
        path = f"$.columns[{index}]"
        if column.amount.sign_from and column.amount.sign_from not in names:
            faults.append(
                Fault(f"{path}.amount.sign_from", unknown_name("column", column.amount.sign_from, names))
            )
        if layout.mode == "delimited" and (column.start or column.width):
            faults.append(Fault(path, "start and width are for positional files"))
        if not layout.heading and (column.aliases or column.optional):
            faults.append(Fault(path, "aliases and optional need a heading to look for"))


def _check_status(node: Node, layout: InboundLayout) -> None:
    """Without a status column one word must stand for every line, as in a file of rejected lines only."""
    has_column = any(column.field == "status" for column in layout.columns)
    words = (*layout.accepted, *layout.rejected)
    if has_column and not words:
        node.refuse("status", "is missing: say which words of the status column mean accepted and rejected")
    if words and not has_column and words != (ANY,):
        node.refuse("status", f'no column has the field status, so only "{ANY}" can be told apart')


def _check_condition(condition: Condition, path: str, layout: InboundLayout, faults: list[Fault]) -> None:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                _check_condition(part, path, layout, faults)
        case Not(part):
            _check_condition(part, path, layout, faults)
        case FieldTest(source=FromRow(field), test=test, operands=operands):
            known = [WHOLE_LINE, *(column.field for column in layout.columns if column.field)]
            if field not in known:
                faults.append(Fault(path, unknown_name("field", field, known)))
            if test not in _TEXT_TESTS or not all(isinstance(operand, str) for operand in operands):
                faults.append(
                    Fault(path, "a line is passed over for its text only: is, in, starts_with, empty")
                )
        case FieldTest():
            faults.append(Fault(path, "a line is passed over for what it holds, not for the run"))
