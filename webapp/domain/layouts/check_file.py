"""What can be wrong with one file: keys that do not fit together, records, look-up tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from webapp.domain.layouts.catalogue import Catalogue, unknown_name
from webapp.domain.layouts.check_pieces import PieceChecker
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.geometry import place_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from webapp.domain.layouts.model import Column, Layout, Piece, Table


def file_faults(
    layout: Layout, catalogue: Catalogue | None, fields: Mapping[str, Piece] | None = None
) -> list[Fault]:
    """The faults of one file's keys, records and columns; ``fields`` are a set's derived fields.

    Without a catalogue, names and kinds of row fields are taken on trust.
    """
    faults = [*_form_faults(layout), *_name_faults(layout, catalogue)]
    for kind, columns in layout.records():
        checker = PieceChecker(layout, kind, catalogue, fields)
        for column in columns:
            checker.check_column(column)
        faults += checker.faults
        faults += _record_faults(layout, columns)
    return faults


def _form_faults(layout: Layout) -> Iterator[Fault]:
    at = layout.path
    if layout.bom and layout.encoding != "utf-8":
        yield Fault(
            f"{at}.bom", f"a byte order mark exists in utf-8 only, and the encoding is {layout.encoding}"
        )
    if layout.mode != "delimited":
        if layout.heading:
            yield Fault(
                f"{at}.heading", "a heading row needs mode delimited; a positional layout has a header record"
            )
        if layout.quote != "none":
            yield Fault(f"{at}.quote", "values are quoted in mode delimited only")
    elif layout.line_length is not None:
        yield Fault(f"{at}.line_length", "lines have a fixed length in positional modes only")
    if layout.mode != "positional" and layout.quote == "none" and layout.replacement == layout.delimiter:
        yield Fault(f"{at}.replacement", "must not be the delimiter")


def _name_faults(layout: Layout, catalogue: Catalogue | None) -> Iterator[Fault]:
    if catalogue is None:
        return
    at = layout.path
    for index, name in enumerate(layout.sort):
        if name not in catalogue:
            yield Fault(f"{at}.sort[{index}]", unknown_name("field", name, catalogue))
    amounts = [name for name, kind in catalogue.items() if kind == "cents"]
    if layout.total_of not in amounts:
        yield Fault(f"{at}.total_of", unknown_name("amount field", layout.total_of, amounts))


def table_faults(table: Table, catalogue: Catalogue | None) -> Iterator[Fault]:
    """The faults of a look-up table: unknown key fields, rows that are never reached."""
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


def _record_faults(layout: Layout, columns: tuple[Column, ...]) -> Iterator[Fault]:
    path = columns[0].piece.path.rpartition("[")[0].removesuffix(".columns")
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
