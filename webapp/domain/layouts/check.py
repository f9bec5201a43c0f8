"""Everything a layout can get wrong beyond its structure, found in one go."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from webapp.domain.layouts.catalogue import Catalogue, unknown_name
from webapp.domain.layouts.check_pieces import PieceChecker
from webapp.domain.layouts.faults import Fault, LayoutError
from webapp.domain.layouts.geometry import place_columns
from webapp.domain.layouts.model import RECORD_KINDS, Layout, RecordKind, Table
from webapp.domain.layouts.read import read_layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def load_layout(document: Mapping[str, object]) -> Layout:
    """The layout that a JSON document describes, checked as far as that goes without knowing the row's fields.

    Raises: LayoutError with every fault and its place, whatever the document holds.
    """
    layout, faults = read_layout(document)
    faults = _with_deeper(faults, find_faults(layout, None))
    if faults:
        raise LayoutError(faults)
    return layout


def check_layout(document: Mapping[str, object], catalogue: Catalogue) -> list[Fault]:
    """All faults of a JSON document as a layout over rows of these fields; empty when it can be used."""
    layout, faults = read_layout(document)
    return _with_deeper(faults, find_faults(layout, catalogue))


def find_faults(layout: Layout, catalogue: Catalogue | None) -> list[Fault]:
    """The faults of a readable layout; without a catalogue, names and kinds of row fields are taken on trust."""
    faults = [*_file_faults(layout), *_name_faults(layout, catalogue)]
    for table in layout.tables.values():
        faults += _table_faults(table, catalogue)
    for kind in RECORD_KINDS:
        checker = PieceChecker(layout, kind, catalogue)
        for column in layout.record(kind):
            checker.check_column(column)
        faults += checker.faults
        faults += _record_faults(layout, kind)
    return faults


def _with_deeper(structural: list[Fault], deeper: list[Fault]) -> list[Fault]:
    """Both lists, without those deeper faults that may only be an echo of a structural one."""
    broken = [fault.path for fault in structural]
    if "$.mode" in broken or "$" in broken:
        return structural
    return structural + [fault for fault in deeper if not any(_related(fault.path, path) for path in broken)]


def _related(path: str, other: str) -> bool:
    return path.startswith(other) or other.startswith(path)


def _file_faults(layout: Layout) -> Iterator[Fault]:
    if layout.bom and layout.encoding != "utf-8":
        yield Fault("$.bom", f"a byte order mark exists in utf-8 only, and the encoding is {layout.encoding}")
    if layout.mode != "delimited":
        if layout.heading:
            yield Fault(
                "$.heading", "a heading row needs mode delimited; a positional layout has a header record"
            )
        if layout.quote != "none":
            yield Fault("$.quote", "values are quoted in mode delimited only")
    elif layout.line_length is not None:
        yield Fault("$.line_length", "lines have a fixed length in positional modes only")
    if layout.mode != "positional" and layout.quote == "none" and layout.replacement == layout.delimiter:
        yield Fault("$.replacement", "must not be the delimiter")


def _name_faults(layout: Layout, catalogue: Catalogue | None) -> Iterator[Fault]:
    if catalogue is None:
        return
    for index, name in enumerate(layout.sort):
        if name not in catalogue:
            yield Fault(f"$.sort[{index}]", unknown_name("field", name, catalogue))
    amounts = [name for name, kind in catalogue.items() if kind == "cents"]
    if layout.total_of not in amounts:
        yield Fault("$.total_of", unknown_name("amount field", layout.total_of, amounts))


def _table_faults(table: Table, catalogue: Catalogue | None) -> Iterator[Fault]:
    for index, name in enumerate(table.keys):
        if catalogue is not None and name not in catalogue:
            yield Fault(f"{table.path}.keys[{index}]", unknown_name("field", name, catalogue))
    width = len(table.keys)
    seen: dict[tuple[str, ...], int] = {}
    for index, row in enumerate(table.rows):
        earlier = seen.setdefault(row[:width], index)
        if earlier != index:
            yield Fault(
                f"{table.path}.rows[{index}]", f"has the same keys as row {earlier}, so it is never used"
            )


def _record_faults(layout: Layout, kind: RecordKind) -> Iterator[Fault]:
    columns, path = layout.record(kind), f"$.records.{kind}"
    for name, count in Counter(column.name for column in columns).items():
        if count > 1:
            yield Fault(
                path, f"{count} columns are named {name!r}; names are told apart in messages and headings"
            )
    if layout.mode == "delimited":
        for column in columns:
            if column.start is not None:
                yield Fault(f"{column.piece.path}.start", "positions exist in positional modes only")
        return
    placed, overlaps = place_columns(columns, separated=layout.mode == "positional_separated")
    yield from overlaps
    ends_at = max((item.last for item in placed), default=0)
    if columns and layout.line_length is not None and ends_at != layout.line_length:
        yield Fault(path, f"the columns end at {ends_at}, but line_length says {layout.line_length}")
