"""A layout as the tables of a file specification: what a campus's IT needs to write or check a loader."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from webapp.domain.layouts.catalogue import SUBJECTS, Row, Value
from webapp.domain.layouts.check_pieces import kind_of
from webapp.domain.layouts.check_set import patron_fields
from webapp.domain.layouts.compile import column_writers
from webapp.domain.layouts.compile_pieces import group_key
from webapp.domain.layouts.compile_set import CompiledSet, SetContext
from webapp.domain.layouts.faults import RowRefusedError
from webapp.domain.layouts.geometry import place_columns
from webapp.domain.layouts.words import condition_words, format_words, piece_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.domain.layouts.compile_set import CompiledFile
    from webapp.domain.layouts.model import Calendar, Column, FileLayout, Layout, LayoutSet, RecordKind, Table

_DELIMITERS: Final = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe", " ": "blank"}
_RECORDS: Final[dict[RecordKind, str]] = {
    "header": "Header, once at the beginning",
    "patron_header": "Before each patron's lines",
    "detail": "Detail, one line per row",
    "text": "Continuation line after a detail line",
    "patron_trailer": "After each patron's lines",
    "trailer": "Trailer, once at the end",
}
_LOOKED_UP_BY: Final = frozenset({"fee_type", "library", "owner", "patron_group", "violation_type"})
_CREDIT: Final[dict[str, Value]] = {
    "kind": "credit",
    "debit_credit": "C",
    "amount_cents": -12_50,
    "total_cents": -12_50,
    "original_reference": "17251880460004601",
    "original_item_type": "300000000001",
    "original_term": "2262",
    "original_fee_type": "OVERDUEFINE",
}
_OTHERS: Final[tuple[dict[str, Value], ...]] = (
    _CREDIT,
    {**_CREDIT, "kind": "reversal"},
    {"payer": "community", "emplid": "", "patron_id": "C1234567"},
    {**_CREDIT, "payer": "community", "emplid": "", "patron_id": "C1234567"},
)
_SAMPLE_AT: Final = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """One column; ``start`` (from 1) is None where columns have no fixed place, ``length`` where they have no limit.

    ``example`` is invented and "" where none can be made.
    """

    name: str
    start: int | None
    length: int | None
    format: str
    source: str
    required: bool
    example: str = ""


@dataclass(frozen=True, slots=True)
class RecordDescription:
    """One kind of line: ``record`` as in the layout, ``words`` when it is written."""

    record: RecordKind
    columns: tuple[ColumnDescription, ...]
    words: str = ""


@dataclass(frozen=True, slots=True)
class FileDescription:
    """One file of the set."""

    kind: str
    when_words: str
    file_name: str
    mode_words: str
    line_end: str
    encoding: str
    records: tuple[RecordDescription, ...]
    order_words: str = ""
    split_words: str = ""


@dataclass(frozen=True, slots=True)
class SetDescription:
    """A layout's files, with the tables, calendars and derived fields (name to words) that their columns speak of."""

    files: tuple[FileDescription, ...]
    tables: Mapping[str, Table]
    calendars: Mapping[str, Calendar]
    fields: Mapping[str, str]


def describe(layouts: LayoutSet) -> SetDescription:
    """The specification of all files of a layout that loads."""
    compiled = CompiledSet(layouts, SetContext(_SAMPLE_AT, "campus", "Campus", 1, "BURSAR", "1"))
    samples = _samples(compiled)
    return SetDescription(
        files=tuple(_file(layouts, index, compiled.files[index], row) for index, row in enumerate(samples)),
        tables=layouts.tables,
        calendars=layouts.calendars,
        fields={name: piece_words(piece) for name, piece in layouts.fields.items()},
    )


def _file(layouts: LayoutSet, index: int, compiled: CompiledFile, row: Row) -> FileDescription:
    file, layout = compiled.file, compiled.file.layout
    numbers = compiled.lines.context.lines
    numbers.equal = {value.fields: 1 for value in compiled.lines.line_values}
    records = []
    when = {line.columns: line.when for line in layout.text}
    for kind, columns in layout.records():
        condition = when.get(columns) if kind == "text" else None
        words = _RECORDS[kind] + (f", if {condition_words(condition)}" if condition else "")
        if kind == "detail" and patron_fields(layouts.subject, layout):
            words = "Detail, one line per patron with the sum of the fees"
        records.append(RecordDescription(kind, _columns(compiled, columns, row), words))
    return FileDescription(
        kind=file.kind,
        when_words=condition_words(file.when) if file.when else "every other row" if index else "every row",
        file_name=layout.file_name,
        mode_words=_mode_words(layout),
        line_end=layout.line_end if layout.final_newline else f"{layout.line_end}, none after the last line",
        encoding=layout.encoding + (" with byte order mark" if layout.bom else ""),
        records=tuple(records),
        order_words=", ".join(layout.sort or layout.group_by) or "as the rows come",
        split_words=_split_words(file),
    )


def _columns(compiled: CompiledFile, columns: tuple[Column, ...], row: Row) -> tuple[ColumnDescription, ...]:
    layout, context = compiled.file.layout, compiled.lines.context
    placed, _ = place_columns(columns, separated=layout.mode == "positional_separated")
    starts = {} if layout.mode == "delimited" else {item.column.name: item.first for item in placed}
    described = []
    for column, write in column_writers(layout, context, columns):
        if column is None:
            continue
        piece = column.piece
        kind = kind_of(piece.value, context.catalogue, layout.aggregates) or "text"
        try:
            example = write(row)
        except RowRefusedError:
            example = ""
        described.append(
            ColumnDescription(
                name=column.name,
                start=starts.get(column.name),
                length=piece.width,
                format=format_words(piece, kind, layout),
                source=piece_words(replace(piece, width=None)),
                required=piece.required,
                example=example,
            )
        )
    return tuple(described)


def _mode_words(layout: Layout) -> str:
    delimiter = _DELIMITERS.get(layout.delimiter, layout.delimiter)
    match layout.mode:
        case "positional":
            words = "fixed columns"
        case "positional_separated":
            words = f"fixed columns with a {delimiter} between"
        case "delimited":
            quotes = {"none": "never quoted", "minimal": "quoted where needed", "all": "all quoted"}
            words = f"columns separated by {delimiter}, {quotes[layout.quote]}"
            if layout.heading:
                words += ", column names in the first line"
    if layout.line_length is not None:
        words += f", {layout.line_length} {layout.width_in} a line"
    return words


def _split_words(file: FileLayout) -> str:
    words = []
    if file.max_rows is not None:
        words.append(f"at most {file.max_rows:,} detail lines a file")
    if file.one_per:
        words.append(f"one line a file for the same {', '.join(file.one_per)}")
    return "; ".join(words)


def _samples(compiled: CompiledSet) -> list[Row]:
    """For each file an invented row that it takes, as far as one is at hand; else the usual one."""
    usual = _usual(compiled.layouts)
    found: dict[int, Row] = {}
    for changes in ({}, *_OTHERS):
        try:
            row = compiled.derive({**usual, **changes})
            found.setdefault(compiled.route(row), row)
        except RowRefusedError:
            continue
    plain = {**usual, **dict.fromkeys(compiled.layouts.fields, "")}
    return [found.get(index, found.get(0, plain)) for index in range(len(compiled.files))]


def _usual(layouts: LayoutSet) -> Row:
    """An invented row that the layout's tables know, with invented totals for its header and trailer."""
    known: dict[str, Value] = {
        "patron_id": "012345678",
        "emplid": "012345678",
        "patron_name": "Rivera, Ana",
        "fee_type": "OVERDUEFINE",
        "kind": "charge",
        "debit_credit": "D",
        "payer": "campus",
        "currency": "USD",
        "library": "MAIN",
        "fee_ref": "17251880460004601",
        "reference": "17251880460004601",
        "item_title": "Calculus",
        "item_barcode": "31205000112233",
        "action": "A",
        "hold_code": "LIB",
        "hold_reason": "LFINE",
        "user_type": "Student",
        "violation_type": "Overdue fine",
        "start_term": "0000",
    }
    for name, kind in SUBJECTS[layouts.subject].items():
        usual: dict[str, Value] = {
            "cents": 12_50,
            "count": 1,
            "date": date(2026, 2, 20),
            "datetime": _SAMPLE_AT,
        }
        if kind in usual:
            known[name] = usual[kind]
    for table in layouts.tables.values():
        for key, cell in zip(table.keys, table.rows[0] if table.rows else (), strict=False):
            if key in _LOOKED_UP_BY and cell != "*":
                known.update({key: cell})
    totals: dict[str, Value] = {
        **dict.fromkeys(("count", "lines", "charges_count", group_key("count")), 1),
        **dict.fromkeys(("total", "absolute_total", "charges_total", group_key("total")), 12_50),
        **dict.fromkeys(("credits_count", "credits_total"), 0),
    }
    for name, rule in layouts.aggregates.items():
        totals[name] = totals[group_key(name)] = known.get(rule.field) if rule.field else 1
    return {**known, **totals}
