"""What a layout itself says about the texts it will write: those of its constants and tables, amounts within a text."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from webapp.domain.layouts.model import Concat, Const, FirstOf, FromRow, LookUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from webapp.domain.layouts.catalogue import FieldKind
    from webapp.domain.layouts.model import Piece, Table, ValueNode


def known_texts(piece: Piece, tables: Mapping[str, Table], fields: Mapping[str, Piece]) -> Iterator[str]:
    """Texts that the layout itself may give this piece, as far as they pass unchanged; ``fields`` are derived ones."""
    if piece.transforms:
        return
    match piece.value:
        case Const(text):
            yield text
        case LookUp(name, column) if name in tables and column in tables[name].columns:
            place = len(tables[name].keys) + tables[name].columns.index(column)
            yield from (row[place] for row in tables[name].rows if len(row) > place)
        case FirstOf():
            for part in outcomes(piece.value):
                yield from known_texts(part, tables, fields)
        case FromRow(name) if name in fields:
            yield from known_texts(fields[name], tables, fields_before(name, fields))
        case _:
            pass


def holds_amount(
    piece: Piece, kind_of: Callable[[ValueNode], FieldKind | None], fields: Mapping[str, Piece]
) -> bool:
    """Whether an amount is written inside a text: in a concat, an outcome, a derived field."""
    known = fields
    match piece.value:
        case Concat(pieces):
            parts = list(pieces)
        case FirstOf():
            parts = outcomes(piece.value)
        case FromRow(name) if name in fields:
            parts, known = [fields[name]], fields_before(name, fields)
        case _:
            return False
    return any(kind_of(part.value) == "cents" or holds_amount(part, kind_of, known) for part in parts)


def fields_before(name: str, fields: Mapping[str, Piece]) -> dict[str, Piece]:
    """The derived fields that the one of this name may be made of."""
    return dict(takewhile(lambda item: item[0] != name, fields.items()))


def outcomes(value: FirstOf) -> list[Piece]:
    """Every piece that may be written for it."""
    return [then for _, then in value.branches] + ([] if value.otherwise is None else [value.otherwise])
