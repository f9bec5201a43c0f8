"""Reading files that come back from PeopleSoft: the grammar of layouts, backwards.

A layout with ``"direction": "in"`` says where each field stands; ``read_rows`` streams a file through it. What a
column of text means is settled here, what a line means for a fee is not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import Any, BinaryIO, Final

from webapp.domain.layouts.faults import Fault, LayoutError
from webapp.domain.layouts.inbound_cells import CellError, cell_text, read_cell
from webapp.domain.layouts.inbound_document import WHOLE_LINE, read_inbound
from webapp.domain.layouts.inbound_model import (
    ANY,
    INBOUND_FIELDS,
    InboundColumn,
    InboundFault,
    InboundFileError,
    InboundLayout,
    InboundRow,
    LineStatus,
)
from webapp.domain.layouts.inbound_text import Record, clipped, read_records
from webapp.domain.layouts.model import AllOf, AnyOf, Condition, FieldTest, FromRow, Not
from webapp.domain.violations.headings import normalised

__all__ = [
    "INBOUND_FIELDS",
    "READY_MADE_INBOUND",
    "InboundFault",
    "InboundFileError",
    "InboundLayout",
    "InboundRow",
    "check_inbound",
    "find_heading",
    "is_inbound",
    "load_inbound",
    "read_rows",
]

_READY_MADE: Final = (
    *("load-result-csv", "rejects-positional", "ps-query-payments", "ps-payments-event", "sierra-63"),
    *("emplid-amount", "cashnet-extract", "ps-hold-list"),
)
# A query's result may begin with a title line and a count of rows.
_TITLE_LINES: Final = 5


def is_inbound(document: object) -> bool:
    """Whether a layout document describes a file that comes in."""
    return isinstance(document, Mapping) and document.get("direction") == "in"


def check_inbound(document: object) -> list[Fault]:
    """All faults of a document as the layout of an incoming file; empty when it can be used."""
    return read_inbound(document)[1]


def load_inbound(document: object) -> InboundLayout:
    """The layout that a document describes. Raises: LayoutError with every fault and its place."""
    layout, faults = read_inbound(document)
    if faults:
        raise LayoutError(faults)
    return layout


def read_rows(
    source: Iterable[bytes] | BinaryIO, layout: InboundLayout
) -> Iterator[InboundRow | InboundFault]:
    """Every line of a file that the layout does not pass over: read, or set aside with its number and reason.

    ``source`` is an open binary file or its bytes in pieces of any size, read as a stream. A file can turn out to be
    damaged only at its end, so nothing may be used before the iterator has finished.

    Raises:
        InboundFileError: empty, not text, headings not as they should be, a quote left open.
    """
    records = read_records(source, layout)
    if layout.mode == "positional":
        yield from rows_of(records, layout, None)
        return
    places = find_heading(records, layout)[1] if layout.heading else places_in_order(layout)
    yield from rows_of(records, layout, places)


def rows_of(
    records: Iterator[Record | InboundFault], layout: InboundLayout, places: Mapping[str, int] | None
) -> Iterator[InboundRow | InboundFault]:
    """What the records below the heading hold; ``places`` are the columns' cells, None for fixed columns."""
    width = max(places.values(), default=0) + 1 if places is not None else 0
    for record in records:
        if isinstance(record, InboundFault):
            yield record
            continue
        cells, fault = (
            _positional_cells(record, layout) if places is None else _cells(record, layout, places, width)
        )
        if _is_passed_over(layout, cells, record):
            continue
        yield (
            InboundFault(record.line, fault, _shown(cells), record.text)
            if fault
            else _row(record, layout, cells)
        )


def _row(record: Record, layout: InboundLayout, cells: Mapping[str, str]) -> InboundRow | InboundFault:
    values = {}
    for column in layout.columns:
        cell = cells.get(column.name, "")
        if column.required and not cell:
            reason = f"Line {record.line}: {column.name!r} is missing."
            return InboundFault(record.line, reason, _shown(cells), record.text)
        if column.field and cell:
            try:
                values[column.field] = read_cell(column, cell, cells)
            except CellError as err:
                reason = f"Line {record.line}: {column.name!r}: {err}."
                return InboundFault(record.line, reason, _shown(cells), record.text)
    status, fault = _status(layout, cells)
    if fault:
        return InboundFault(record.line, f"Line {record.line}: {fault}", _shown(cells), record.text)
    return InboundRow(record.line, values, status, _shown(cells), record.text)


def _status(layout: InboundLayout, cells: Mapping[str, str]) -> tuple[LineStatus, str]:
    """What the line says became of it, or a sentence when its word is not known."""
    if not layout.accepted and not layout.rejected:
        return "", ""
    column = next((column for column in layout.columns if column.field == "status"), None)
    word = cells.get(column.name, "").casefold() if column else ANY
    if word in layout.accepted:
        return "accepted", ""
    if word in layout.rejected:
        return "rejected", ""
    if ANY in layout.accepted:
        return "accepted", ""
    if ANY in layout.rejected:
        return "rejected", ""
    return (
        "",
        f"the status {clipped(word)!r} is not known; say in the layout whether it means accepted or rejected.",
    )


def _shown(cells: Mapping[str, str]) -> dict[str, str]:
    return {name: clipped(cell) for name, cell in cells.items()}


def _positional_cells(record: Record, layout: InboundLayout) -> tuple[dict[str, str], str]:
    cells, fault, length = {}, "", len(record.text)
    for column in layout.columns:
        first, last = column.start - 1, column.start - 1 + column.width
        cells[column.name] = record.text[first:last].strip()
        # Blanks at a line's end are often lost; half a number is another number.
        if first < length < last and (column.kind != "text" or column.digits) and not fault:
            fault = f"Line {record.line} ends in the middle of {column.name!r}, at position {length}; it may be cut off."
    return cells, fault


def _cells(
    record: Record, layout: InboundLayout, places: Mapping[str, int], width: int
) -> tuple[dict[str, str], str]:
    found = record.cells
    cells = {name: cell_text(found[place]) for name, place in places.items() if place < len(found)}
    if len(found) < width:
        return cells, (
            f"Line {record.line} has {len(found)} cells where {width} are needed; it may be cut off or shifted."
        )
    if not layout.heading and any(cell.strip() for cell in found[len(layout.columns) :]):
        return cells, f"Line {record.line} has {len(found)} cells where {len(layout.columns)} are expected."
    return cells, ""


def places_in_order(layout: InboundLayout) -> dict[str, int]:
    """The columns' places where no heading names them."""
    return {column.name: place for place, column in enumerate(layout.columns)}


def find_heading(
    records: Iterator[Record | InboundFault], layout: InboundLayout
) -> tuple[Record, dict[str, int]]:
    """The heading line, and the place of each column that is there; it and the titles before it are taken.

    Raises: InboundFileError.
    """
    first: Record | None = None
    for record in (next(records, None) for _ in range(_TITLE_LINES)):
        if not isinstance(record, Record):
            continue
        first = first or record
        places = _match(record.cells, layout.columns)
        if all(column.name in places or column.optional for column in layout.columns):
            _check_twice(record, layout.columns, places)
            return record, places
    raise _wrong_headings(first, layout)


def _match(headings: Sequence[str], columns: Sequence[InboundColumn]) -> dict[str, int]:
    words = [normalised(heading) for heading in headings]
    places: dict[str, int] = {}
    for column in columns:
        for alias in (column.name, *column.aliases):
            wanted = normalised(alias)
            if wanted in words and (place := words.index(wanted)) not in places.values():
                places[column.name] = place
                break
    return places


def _check_twice(record: Record, columns: Sequence[InboundColumn], places: Mapping[str, int]) -> None:
    times = Counter(normalised(heading) for heading in record.cells)
    for column in columns:
        place = places.get(column.name)
        if place is not None and column.field and times[normalised(record.cells[place])] > 1:
            raise InboundFileError(
                f"The heading {record.cells[place].strip()[:60]!r} stands more than once in line {record.line}, so "
                f"{column.name!r} cannot be told. Nothing of the file was used.",
                line=record.line,
                found=record.cells,
            )


def _wrong_headings(record: Record | None, layout: InboundLayout) -> InboundFileError:
    if record is None:
        return InboundFileError(
            "The file is empty, without even headings. Nothing was changed; ask for it again."
        )
    places = _match(record.cells, layout.columns)
    missing = [column for column in layout.columns if column.name not in places and not column.optional]
    found = ", ".join(repr(heading.strip()[:60]) for heading in record.cells[:50])
    wanted = "; ".join(
        " or ".join(repr(name) for name in (column.name, *column.aliases)) for column in missing
    )
    return InboundFileError(
        f"Line {record.line} should hold the headings of {layout.name!r}, and has {found}. Missing: {wanted}. Nothing of "
        "the file was used; correct it, or add its headings to the layout.",
        line=record.line,
        found=record.cells,
        wanted=[name for column in missing for name in (column.name, *column.aliases)],
    )


def _is_passed_over(layout: InboundLayout, cells: Mapping[str, str], record: Record) -> bool:
    if not layout.skip_when:
        return False
    texts = {column.field: cells.get(column.name, "") for column in layout.columns if column.field}
    texts[WHOLE_LINE] = record.text
    return any(condition_holds(condition, texts) for condition in layout.skip_when)


def condition_holds(condition: Condition, texts: Mapping[str, str]) -> bool:
    """Whether a condition under ``skip_when`` is true of a line's texts by field."""
    match condition:
        case AllOf(parts):
            return all(condition_holds(part, texts) for part in parts)
        case AnyOf(parts):
            return any(condition_holds(part, texts) for part in parts)
        case Not(part):
            return not condition_holds(part, texts)
        case FieldTest(source=FromRow(field)):
            return _passes(condition, texts.get(field, ""))
    return False


def _passes(condition: FieldTest, text: str) -> bool:
    match condition.test:
        case "empty":
            return not text
        case "starts_with":
            return text.startswith(tuple(map(str, condition.operands)))
    return text in condition.operands


def _documents() -> dict[str, dict[str, Any]]:
    folder = resources.files(__package__) / "ready_made_inbound"
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in _READY_MADE}


READY_MADE_INBOUND: Final[Mapping[str, dict[str, Any]]] = MappingProxyType(_documents())
"""Layouts of incoming files by name. Answers to what was sent: "load-result-csv" (a heading, a status word for each
line), "rejects-positional" (fixed columns; every line is a rejected one). Payments: "ps-query-payments" (the state of
each item), "ps-payments-event", "sierra-63" (fixed columns), "emplid-amount", "cashnet-extract". Holds in PeopleSoft:
"ps-hold-list"."""
