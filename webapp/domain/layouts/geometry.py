"""Where the columns of a positional record stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from webapp.domain.layouts.faults import Fault

if TYPE_CHECKING:
    from webapp.domain.layouts.model import Column


@dataclass(frozen=True, slots=True)
class Placed:
    """A column with its first and last position, counted from 1."""

    column: Column
    first: int
    last: int


def place_columns(columns: tuple[Column, ...], *, separated: bool) -> tuple[list[Placed], list[Fault]]:
    """The columns by position, and every overlap; a column without a start follows the one before it in the list.

    With separators, each column but the first stands one position further, and a start may only confirm that.
    """
    placed: list[Placed] = []
    faults: list[Fault] = []
    following = 1
    for column in columns:
        first = following if column.start is None else column.start
        if separated and first != following:
            faults.append(
                Fault(
                    f"{column.piece.path}.start",
                    f"is {first}, but the columns before it end so that it starts at {following}",
                )
            )
            first = following
        placed.append(Placed(column, first, first + (column.piece.width or 1) - 1))
        following = placed[-1].last + (2 if separated else 1)
    placed.sort(key=lambda item: (item.first, item.last))
    reach = placed[0] if placed else None
    for item in placed[1:]:
        if reach and item.first <= reach.last:
            faults.append(
                Fault(
                    item.column.piece.path,
                    f"{item.column.name!r} stands at {item.first}-{item.last} and overlaps"
                    f" {reach.column.name!r} at {reach.first}-{reach.last}",
                )
            )
        reach = item if reach is None or item.last > reach.last else reach
    return placed, faults
