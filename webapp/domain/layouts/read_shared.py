"""From JSON to what the files of one document share: tables, calendars, derived fields, totals of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final, Literal

from webapp.domain.layouts.catalogue import SUBJECTS, TOTAL_FIELDS
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.model import AggregateRule, Calendar, Piece, Table
from webapp.domain.layouts.read_conditions import read_condition
from webapp.domain.layouts.read_dates import read_calendar
from webapp.domain.layouts.read_pieces import read_piece
from webapp.domain.layouts.reading import Node, text_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MAX_NAMED: Final = 100
_TOTALS: Final[tuple[Literal["sum", "count", "min", "max"], ...]] = ("sum", "count", "min", "max")
_MAX_TABLE_ROWS: Final = 20_000
_OVERRIDABLE: Final = frozenset({"reference_out"})


def read_calendars(node: Node) -> dict[str, Calendar]:
    """The term calendars under "calendars", by name."""
    return {name: read_calendar(item, path, node.faults) for name, path, item in _named(node, "calendars")}


def read_fields(node: Node, subject: str) -> dict[str, Piece]:
    """The derived fields under "fields", in their order."""
    found: dict[str, Piece] = {}
    taken = (SUBJECTS[subject].keys() - _OVERRIDABLE) | TOTAL_FIELDS.keys()
    for name, path, item in _named(node, "fields"):
        if _own_name(name, path, node.faults, taken):
            found[name] = read_piece(item, path, node.faults, 1)
    return found


def read_aggregates(node: Node) -> dict[str, AggregateRule]:
    """The totals under "aggregates", by name."""
    found: dict[str, AggregateRule] = {}
    for name, path, item in _named(node, "aggregates"):
        if _own_name(name, path, node.faults, TOTAL_FIELDS.keys()):
            found[name] = _aggregate(item, path, node.faults)
    return found


def _aggregate(members: object, path: str, faults: list[Fault]) -> AggregateRule:
    node = Node(members, path, faults, (*_TOTALS, "as", "where"))
    kinds = [kind for kind in _TOTALS if node.has(kind)]
    if len(kinds) != 1:
        node.refuse("", f"must hold exactly one of {', '.join(_TOTALS)}")
    kind = kinds[0] if kinds else "count"
    if node.has("count") and not node.flag("count", default=True):
        node.refuse("count", "must be true")
    if node.has("as") and kind != "sum":
        node.refuse("as", "belongs to a sum")
    where = None
    if node.has("where"):
        where = read_condition(node.members["where"], node.at("where"), faults, 1)
    sign = node.choice("as", ("signed", "absolute"), "signed")
    field = "" if kind == "count" else node.text(kind, lowest=1)
    return AggregateRule(path, kind, field, sign == "absolute", where)


def _own_name(name: str, path: str, faults: list[Fault], taken: Collection[str]) -> bool:
    if not _NAME.fullmatch(name):
        faults.append(Fault(path, "a name has 1 to 40 small letters, digits or _ after a letter"))
    elif name in taken:
        faults.append(Fault(path, f"{name!r} is already the name of a field or a total; choose another"))
    else:
        return True
    return False


def _named(node: Node, key: str) -> Iterator[tuple[str, str, object]]:
    """The members of the object at ``key``: name, path, value."""
    if not node.has(key):
        return
    members = node.members[key]
    names = [name for name in members if isinstance(name, str)] if isinstance(members, Mapping) else []
    inner = Node(members, node.at(key), node.faults, names)
    if len(names) > _MAX_NAMED:
        node.refuse(key, f"must have at most {_MAX_NAMED} members, not {len(names)}")
    for name in names[:_MAX_NAMED]:
        yield name, inner.at(name), inner.members[name]


def read_tables(node: Node) -> dict[str, Table]:
    """The look-up tables under "tables", by name."""
    return {name: _table(item, path, node.faults) for name, path, item in _named(node, "tables")}


def _table(members: object, path: str, faults: list[Fault]) -> Table:
    node = Node(members, path, faults, ("keys", "columns", "rows"))
    node.require("keys", "columns", "rows")
    keys, columns = node.texts("keys", 1, 10), node.texts("columns", 1, 50)
    cells_a_row = (len(keys) + len(columns),) * 2 if keys and columns else (0, 60)
    rows = []
    for at, item in node.items("rows", 1, _MAX_TABLE_ROWS):
        row = Node({"": item}, at, faults, ("",))
        cells = [cell for _, cell in row.items("", *cells_a_row)]
        messages = [message for cell in cells if (message := text_fault(cell, 0, 200))]
        faults.extend(Fault(at, message) for message in messages)
        if not messages:
            rows.append(tuple(str(cell) for cell in cells))
    return Table(path, keys, columns, tuple(rows))
