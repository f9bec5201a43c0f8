"""Look-up tables as functions from a row to a table's output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.domain.layouts.catalogue import Row
    from webapp.domain.layouts.model import Table

_CACHE_SIZE: Final = 10_000


def matching_row(table: Table, row: Row) -> tuple[str, ...] | None:
    """The table row that gives the outputs for a row, or None."""
    wanted = _wanted(table.keys, row)
    return next((cells for cells in table.rows if _matches(cells, wanted)), None)


def look_up_reader(table: Table, column: str, *, has_fallback: bool) -> Callable[[Row], str]:
    """A function from a row to one output of the first table row whose keys match; answers are remembered.

    Without a match that function gives the empty text when the piece has a fallback.
    Raises: ValueError with a sentence, when called for a row that matches nothing and there is no fallback.
    """
    exact = {row[: len(table.keys)]: row for row in reversed(table.rows)}
    has_wildcards = any("*" in key for key in exact)
    place = len(table.keys) + table.columns.index(column)
    keys, name = table.keys, table.path.rpartition(".")[2]
    found: dict[tuple[str, ...], str] = {}

    def find(wanted: tuple[str, ...]) -> str:
        rows = table.rows if has_wildcards else [exact[wanted]] if wanted in exact else []
        for row in rows:
            if _matches(row, wanted):
                return row[place]
        if has_fallback:
            return ""
        raise ValueError(f"table {name!r} has no row for {', '.join(map(repr, wanted))}")

    def read(row: Row) -> str:
        wanted = _wanted(keys, row)
        if wanted not in found:
            if len(found) >= _CACHE_SIZE:
                found.clear()
            found[wanted] = find(wanted)
        return found[wanted]

    return read


def _wanted(keys: tuple[str, ...], row: Row) -> tuple[str, ...]:
    return tuple(["" if (value := row.get(key)) is None else str(value) for key in keys])


def _matches(cells: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return all(cell in {"*", text} for cell, text in zip(cells, wanted, strict=False))
