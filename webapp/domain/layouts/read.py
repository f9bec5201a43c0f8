"""From JSON to a Layout, noting every fault on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.file_names import check_pattern
from webapp.domain.layouts.model import Column, Layout, Mode, Table
from webapp.domain.layouts.read_pieces import read_column
from webapp.domain.layouts.reading import Node, shown, text_fault

FORMAT: Final = "feebridge/layout/1"
DELIMITERS: Final = (",", "\t", ";", "|", " ", "^", "~", "*", ":", "/")
_KEYS: Final = (
    *("format", "name", "description", "mode", "delimiter", "quote", "on_break", "heading", "line_end"),
    *(
        "final_newline",
        "encoding",
        "bom",
        "replacement",
        "width_in",
        "line_length",
        "rows",
        "sort",
        "total_of",
    ),
    *("file_name", "tables", "records"),
)
_MAX_COLUMNS: Final = 300
_MAX_TABLE_ROWS: Final = 20_000


def read_layout(document: object) -> tuple[Layout, list[Fault]]:
    """The layout as far as it can be read, and what is wrong with its structure.

    The layout is fit for use only when there are no faults; else it helps to find further ones.
    """
    faults: list[Fault] = []
    node = Node(document, "$", faults, _KEYS)
    node.require("format", "name", "mode", "file_name", "records")
    node.choice("format", (FORMAT,), FORMAT)
    records = Node(node.members.get("records", {}), "$.records", faults, ("header", "detail", "trailer"))
    if node.has("records"):
        records.require("detail")
    layout = Layout(
        name=node.text("name", lowest=1, highest=100),
        description=node.text("description"),
        mode=node.choice("mode", get_args(Mode), "delimited"),
        delimiter=node.choice("delimiter", DELIMITERS, ","),
        quote=node.choice("quote", ("none", "minimal", "all"), "none"),
        on_break=node.choice("on_break", ("space", "replacement", "refuse"), "space"),
        heading=node.flag("heading", default=False),
        line_end=node.choice("line_end", ("LF", "CRLF", "CR"), "LF"),
        final_newline=node.flag("final_newline", default=True),
        encoding=node.choice("encoding", ("ascii", "latin-1", "utf-8"), "ascii"),
        bom=node.flag("bom", default=False),
        replacement=_replacement(node),
        width_in=node.choice("width_in", ("chars", "bytes"), "chars"),
        line_length=node.whole("line_length", 1, 99_999),
        rows=node.choice("rows", ("per_patron", "per_item"), "per_patron"),
        sort=node.texts("sort", 1, 10) or ("emplid",),
        total_of=node.text("total_of", "total_cents", lowest=1),
        file_name=_file_name(node),
        header=_columns(records, "header"),
        detail=_columns(records, "detail"),
        trailer=_columns(records, "trailer"),
        tables=_tables(node),
    )
    if node.has("mode") and (layout.mode == "positional") == node.has("delimiter"):
        needed = "does not belong in a positional layout" if node.has("delimiter") else "is missing"
        node.refuse("delimiter", needed)
    return layout, faults


def _replacement(node: Node) -> str:
    text = node.text("replacement", "?", highest=1)
    if text.isascii() and text != '"':
        return text
    node.refuse("replacement", f"must be one plain ASCII character or nothing, not {shown(text)}")
    return "?"


def _file_name(node: Node) -> str:
    pattern = node.text("file_name", lowest=1, highest=200)
    if pattern:
        for message in check_pattern(pattern):
            node.refuse("file_name", message)
    return pattern


def _columns(records: Node, kind: str) -> tuple[Column, ...]:
    entries = records.items(kind, 1, _MAX_COLUMNS)
    return tuple(read_column(item, path, records.faults) for path, item in entries)


def _tables(node: Node) -> dict[str, Table]:
    if not node.has("tables"):
        return {}
    members = node.members["tables"]
    names = [key for key in members if isinstance(key, str)] if isinstance(members, Mapping) else []
    tables = Node(members, "$.tables", node.faults, names)
    return {name: _table(tables.members[name], tables.at(name), node.faults) for name in names}


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
