"""From JSON to pieces: values and their shaping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, get_args

from webapp.domain.layouts.catalogue import RUN_FIELDS
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.model import (
    AmountFormat,
    Column,
    Concat,
    Const,
    FirstOf,
    FromGroup,
    FromLine,
    FromRow,
    FromRun,
    FromTerm,
    FromTotals,
    Justify,
    LookUp,
    Overflow,
    Piece,
    SignOf,
    Transform,
    ValueNode,
)
from webapp.domain.layouts.read_conditions import read_condition
from webapp.domain.layouts.read_dates import read_date_rule, read_zone
from webapp.domain.layouts.reading import MAX_DEPTH, Node, known_name, shown, text_fault

MAX_WIDTH: Final = 9_999
_SHAPING: Final = (
    *("value", "transforms", "fallback", "required", "amount", "date_format", "date_rule", "date_zone"),
    *("width", "justify", "pad", "overflow"),
)
_VALUE_KEYS: Final = (
    *("const", "blank", "field", "run", "date", "aggregate", "group", "term", "line", "line_of"),
    *("concat", "lookup", "first_of", "sign_of"),
)
_VALUE_EXTRAS: Final[dict[str, tuple[str, ...]]] = {
    "term": ("on", "career"),
    "first_of": ("otherwise",),
    "sign_of": ("positive", "negative", "zero"),
}
_NOTHING: Final = Const("")


def read_column(members: object, path: str, faults: list[Fault]) -> Column:
    """One entry of a record."""
    node = Node(members, path, faults, ("name", "start", *_SHAPING))
    node.require("name", "value")
    return Column(
        name=node.text("name", lowest=1, highest=60),
        start=node.whole("start", 1, MAX_WIDTH),
        piece=_shaped(node, 1),
    )


def read_piece(members: object, path: str, faults: list[Fault], depth: int) -> Piece:
    """A nested piece: plain text, a value, or a value with its shaping."""
    if isinstance(members, str):
        message = text_fault(members, 0, 1_000)
        faults.extend([Fault(path, message)] if message else [])
        return Piece(path, _NOTHING if message else Const(members))
    if isinstance(members, Mapping) and "value" in members:
        return _shaped(Node(members, path, faults, _SHAPING), depth)
    return Piece(path, read_value(members, path, faults, depth))


def _shaped(node: Node, depth: int) -> Piece:
    return Piece(
        path=node.path,
        value=read_value(node.members["value"], node.at("value"), node.faults, depth)
        if node.has("value")
        else _NOTHING,
        transforms=tuple(
            _transform(item, path, node.faults) for path, item in node.items("transforms", 0, 10)
        ),
        fallback=node.text("fallback") if node.has("fallback") else None,
        required=node.flag("required", default=False),
        amount=_amount(node),
        date_format=node.text("date_format", lowest=1, highest=60) or None,
        date_rule=read_date_rule(node),
        date_zone=read_zone(node),
        width=node.whole("width", 1, MAX_WIDTH),
        justify=node.choice("justify", get_args(Justify), "left") if node.has("justify") else None,
        pad=_pad(node),
        overflow=node.choice("overflow", get_args(Overflow), "error"),
    )


def _pad(node: Node) -> str | None:
    if not node.has("pad"):
        return None
    pad = node.text("pad", highest=1)
    if not pad.isascii() or pad == '"':
        node.refuse("pad", f"must be one plain ASCII character other than a quote, not {shown(pad)}")
    return pad


def _amount(node: Node) -> AmountFormat | None:
    if not node.has("amount"):
        return None
    keys = ("decimals", "sign", "plus", "absolute", "zero")
    form = Node(node.members["amount"], node.at("amount"), node.faults, keys)
    return AmountFormat(
        decimals=form.choice("decimals", ("point", "short", "implied"), "point"),
        sign=form.choice("sign", ("leading", "trailing", "parentheses", "none"), "leading"),
        plus=form.choice("plus", ("", "+", " "), ""),
        absolute=form.flag("absolute", default=False),
        zero=form.choice("zero", ("allow", "refuse", "blank"), "allow"),
    )


def _transform(item: object, path: str, faults: list[Fault]) -> Transform:
    match item:
        case "upper" | "lower" | "trim" | "strip_zeros":
            return Transform(item)
        case {"last": _}:
            node = Node(item, path, faults, ("last",))
            return Transform("last", length=node.whole("last", 1, MAX_WIDTH) or 1)
        case {"substring": inner}:
            Node(item, path, faults, ("substring",))
            node = Node(inner, f"{path}.substring", faults, ("start", "length"))
            node.require("start", "length")
            start, length = node.whole("start", 1, MAX_WIDTH), node.whole("length", 1, MAX_WIDTH)
            return Transform("substring", start or 1, length or 1)
    allowed = (
        '"upper", "lower", "trim", "strip_zeros", {"last": n} or {"substring": {"start": n, "length": n}}'
    )
    faults.append(Fault(path, f"must be {allowed}, not {shown(item)}"))
    return Transform("trim")


def read_value(members: object, path: str, faults: list[Fault], depth: int) -> ValueNode:
    """What a piece is made of: exactly one kind of value."""
    if depth > MAX_DEPTH:
        faults.append(Fault(path, f"values are nested deeper than {MAX_DEPTH} levels"))
        return _NOTHING
    present = [key for key in _VALUE_KEYS if key in members] if isinstance(members, Mapping) else []
    if len(present) != 1:
        found = " and ".join(present) or shown(members)
        faults.append(Fault(path, f"must hold exactly one of {', '.join(_VALUE_KEYS)}, not {found}"))
        return _NOTHING
    kind = present[0]
    node = Node(members, path, faults, (kind, *_VALUE_EXTRAS.get(kind, ())))
    return _READERS[kind](node, depth)


def _const(node: Node, _depth: int) -> ValueNode:
    return Const(node.text("const"))


def _blank(node: Node, _depth: int) -> ValueNode:
    if not node.flag("blank", default=True):
        node.refuse("blank", "must be true")
    return _NOTHING


def _field(node: Node, _depth: int) -> ValueNode:
    return FromRow(node.text("field", lowest=1))


def _run(node: Node, _depth: int) -> ValueNode:
    return FromRun(known_name(node, "run", tuple(RUN_FIELDS)))


def _date(node: Node, _depth: int) -> ValueNode:
    name = node.text("date", lowest=1)
    return FromRun("date") if name == "run" else FromRow(name)


def _aggregate(node: Node, _depth: int) -> ValueNode:
    return FromTotals(node.text("aggregate", lowest=1), node.at("aggregate"))


def _group(node: Node, _depth: int) -> ValueNode:
    return FromGroup(node.text("group", lowest=1), node.at("group"))


def _term(node: Node, _depth: int) -> ValueNode:
    node.require("on")
    on = node.text("on", "run", lowest=1)
    career = node.text("career", lowest=1) or None
    return FromTerm(node.text("term", lowest=1), FromRun("date") if on == "run" else FromRow(on), career)


def _line(node: Node, _depth: int) -> ValueNode:
    return FromLine(node.choice("line", ("file", "group"), "file"))


def _line_of(node: Node, _depth: int) -> ValueNode:
    return FromLine("equal", node.texts("line_of", 1, 10))


def _concat(node: Node, depth: int) -> ValueNode:
    return Concat(
        tuple(read_piece(item, path, node.faults, depth + 1) for path, item in node.items("concat", 1, 50))
    )


def _lookup(node: Node, _depth: int) -> ValueNode:
    inner = Node(node.members["lookup"], node.at("lookup"), node.faults, ("table", "column"))
    inner.require("table", "column")
    return LookUp(inner.text("table", lowest=1), inner.text("column", lowest=1))


def _first_of(node: Node, depth: int) -> ValueNode:
    branches = []
    for path, item in node.items("first_of", 1, 50):
        branch = Node(item, path, node.faults, ("when", "then"))
        branch.require("when", "then")
        if branch.has("when") and branch.has("then"):
            condition = read_condition(branch.members["when"], branch.at("when"), node.faults, depth + 1)
            branches.append(
                (condition, read_piece(branch.members["then"], branch.at("then"), node.faults, depth + 1))
            )
    otherwise = node.members.get("otherwise", "")
    piece = (
        read_piece(otherwise, node.at("otherwise"), node.faults, depth + 1) if node.has("otherwise") else None
    )
    return FirstOf(tuple(branches), piece)


def _sign_of(node: Node, depth: int) -> ValueNode:
    kinds = ("field", "aggregate", "group")
    inner = Node(node.members["sign_of"], node.at("sign_of"), node.faults, kinds)
    present = [kind for kind in kinds if inner.has(kind)]
    if len(present) != 1:
        inner.refuse("", "must hold either field, aggregate or group")
    source = _READERS[present[0] if present else "field"](inner, depth)
    positive = node.text("positive")
    return SignOf(
        source if isinstance(source, (FromTotals, FromGroup)) else FromRow(inner.text("field", lowest=1)),
        positive,
        node.text("negative", "-"),
        node.text("zero", positive),
    )


_READERS: Final[dict[str, Callable[[Node, int], ValueNode]]] = {
    "const": _const,
    "blank": _blank,
    "field": _field,
    "run": _run,
    "date": _date,
    "aggregate": _aggregate,
    "group": _group,
    "term": _term,
    "line": _line,
    "line_of": _line_of,
    "concat": _concat,
    "lookup": _lookup,
    "first_of": _first_of,
    "sign_of": _sign_of,
}
