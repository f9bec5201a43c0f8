"""From JSON to the layout of one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from webapp.domain.layouts.file_names import FEE_TOKENS, check_pattern
from webapp.domain.layouts.model import Column, Layout, Mode, TextLine
from webapp.domain.layouts.read_conditions import read_condition
from webapp.domain.layouts.read_pieces import read_column
from webapp.domain.layouts.reading import Node, shown

if TYPE_CHECKING:
    from webapp.domain.layouts.model import AggregateRule, Calendar, Table

DELIMITERS: Final = (",", "\t", ";", "|", " ", "^", "~", "*", ":", "/")
FILE_KEYS: Final = (
    *("mode", "delimiter", "quote", "on_break", "heading", "line_end", "final_newline", "encoding", "bom"),
    *(
        "replacement",
        "width_in",
        "line_length",
        "rows",
        "sort",
        "total_of",
        "group_by",
        "file_name",
        "records",
    ),
)
_RECORDS: Final = ("header", "patron_header", "detail", "text", "patron_trailer", "trailer")
_MAX_COLUMNS: Final = 300
_MAX_TEXT_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Shared:
    """What all files of a document share."""

    subject: Literal["holds", "charges", "journal"]
    tables: dict[str, Table]
    calendars: dict[str, Calendar]
    aggregates: dict[str, AggregateRule]


def read_file(node: Node, path: str, shared: Shared) -> Layout:
    """The layout under ``node``; in a set, its own keys already laid over those of the whole document."""
    node.require("mode", "file_name", "records")
    records = Node(node.members.get("records", {}), node.at("records"), node.faults, _RECORDS)
    if node.has("records"):
        records.require("detail")
    is_holds = shared.subject == "holds"
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
        rows=node.choice("rows", ("per_patron", "per_item"), "per_patron" if is_holds else "per_item"),
        sort=node.texts("sort", 1, 10) or (("emplid",) if is_holds else ()),
        total_of=node.text("total_of", "total_cents" if is_holds else "amount_cents", lowest=1),
        file_name=_file_name(node, shared),
        header=_columns(records, "header"),
        detail=_columns(records, "detail"),
        trailer=_columns(records, "trailer"),
        tables=shared.tables,
        path=path,
        group_by=node.texts("group_by", 1, 10),
        patron_header=_columns(records, "patron_header"),
        patron_trailer=_columns(records, "patron_trailer"),
        text=tuple(_text_line(item, at, records) for at, item in records.items("text", 1, _MAX_TEXT_LINES)),
        calendars=shared.calendars,
        aggregates=shared.aggregates,
    )
    if node.has("mode") and (layout.mode == "positional") == node.has("delimiter"):
        needed = "does not belong in a positional layout" if node.has("delimiter") else "is missing"
        node.refuse("delimiter", needed)
    return layout


def _replacement(node: Node) -> str:
    text = node.text("replacement", "?", highest=1)
    if text.isascii() and text != '"':
        return text
    node.refuse("replacement", f"must be one plain ASCII character or nothing, not {shown(text)}")
    return "?"


def _file_name(node: Node, shared: Shared) -> str:
    pattern = node.text("file_name", lowest=1, highest=200)
    if pattern:
        more = () if shared.subject == "holds" else FEE_TOKENS
        totals = [name for name, rule in shared.aggregates.items() if rule.kind in {"sum", "count"}]
        for message in check_pattern(pattern, (*more, *totals)):
            node.refuse("file_name", message)
    return pattern


def _columns(records: Node, kind: str) -> tuple[Column, ...]:
    entries = records.items(kind, 1, _MAX_COLUMNS)
    return tuple(read_column(item, path, records.faults) for path, item in entries)


def _text_line(members: object, path: str, records: Node) -> TextLine:
    node = Node(members, path, records.faults, ("when", "columns"))
    node.require("columns")
    when = None
    if node.has("when"):
        when = read_condition(node.members["when"], node.at("when"), node.faults, 1)
    return TextLine(path, when, _columns(node, "columns"))
