"""Putting more rows in order than memory holds."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from typing import IO, TYPE_CHECKING, Any, Final

from webapp.domain.layouts.faults import RenderError, RowRefusedError

if TYPE_CHECKING:
    from webapp.domain.layouts.catalogue import Catalogue, FieldKind, Row, Value

Key = tuple[Any, ...]
_Keyed = tuple[Key, dict[str, Any]]
_ROWS_IN_MEMORY: Final = 4_000
_MOST_RUNS: Final = 40
_ROWS_A_BLOCK: Final = 100
# The same orders for naive times, which are campus wall clock, as for aware ones.
_BEGIN: Final = datetime(1, 1, 1, tzinfo=UTC)


def sort_key(names: tuple[str, ...], catalogue: Catalogue) -> Callable[[Row], Key]:
    """A function from a row to what it is sorted by: an absent value comes first, text by code points.

    Raises: RowRefusedError, when called for a row whose value is of another kind than its field.
    """
    readers = [(name, catalogue[name]) for name in names]

    def key(row: Row) -> Key:
        return tuple([comparable(row.get(name), kind, name) for name, kind in readers])

    return key


def comparable(value: Value, kind: FieldKind, name: str) -> Any:
    """What a value of this kind is ordered by.

    Raises: RowRefusedError, when it is of another kind.
    """
    match kind, value:
        case "text", str() | None:
            return value or ""
        case _, None:
            return (0, 0)
        case "cents" | "count", int():
            return (1, value)
        case "datetime", datetime():
            return (1, (value if value.tzinfo else value.replace(tzinfo=UTC)) - _BEGIN)
        case "date", date():
            return (1, value.toordinal())
        case _:
            raise RowRefusedError(name, f"cannot be sorted: it should be a {kind} and is {value!r}")


class OrderCheck:
    """Sees to it that rows come in the order they are said to have."""

    def __init__(self, key: Callable[[Row], Key], names: tuple[str, ...]) -> None:
        self._key = key
        self._names = names
        self._last: Key | None = None

    def check(self, row: Row) -> None:
        """Compare a row with the one before it.

        Raises: RenderError when it should have come earlier, RowRefusedError when it cannot be compared.
        """
        key = self._key(row)
        if self._last is not None and key < self._last:
            raise RenderError(
                f"the rows are not in the order of {', '.join(self._names)}: {key} after {self._last}"
            )
        self._last = key


class Sorter:
    """Takes rows in any order and gives them back by key; rows of equal keys keep their order."""

    def __init__(self, key: Callable[[Row], Key]) -> None:
        self._key = key
        self._kept: list[_Keyed] = []
        # Runs of the same level hold about equally many rows, so that a row is rewritten once per level only.
        self._levels: list[list[IO[bytes]]] = []

    def add(self, row: Row) -> None:
        """Take one more row.

        Raises: RowRefusedError, when it cannot be compared.
        """
        self._kept.append((self._key(row), dict(row)))
        if len(self._kept) >= _ROWS_IN_MEMORY:
            self._spill()

    def rows(self) -> Iterator[Row]:
        """All rows in order; to be asked for once."""
        self._kept.sort(key=_first)
        for _, row in heapq.merge(*map(_read, self._runs()), self._kept, key=_first):
            yield row

    def close(self) -> None:
        """Drop the temporary files."""
        for run in self._runs():
            run.close()
        self._levels = []
        self._kept = []

    def _spill(self) -> None:
        self._kept.sort(key=_first)
        run = _written(self._kept)
        self._kept = []
        for level in self._levels:
            level.append(run)
            if len(level) < _MOST_RUNS:
                return
            run = _written(heapq.merge(*map(_read, level), key=_first))
            for done in level:
                done.close()
            level.clear()
        self._levels.append([run])

    def _runs(self) -> list[IO[bytes]]:
        """The runs from the oldest to the newest rows."""
        return [run for level in reversed(self._levels) for run in level]


def _first(keyed: _Keyed) -> Key:
    return keyed[0]


def _written(keyed: Iterable[_Keyed]) -> IO[bytes]:
    run = tempfile.TemporaryFile()  # noqa: SIM115 - closed when its rows were read
    block: list[_Keyed] = []
    for item in keyed:
        block.append(item)
        if len(block) >= _ROWS_A_BLOCK:
            pickle.dump(block, run, pickle.HIGHEST_PROTOCOL)
            block = []
    pickle.dump(block, run, pickle.HIGHEST_PROTOCOL)
    return run


def _read(run: IO[bytes]) -> Iterator[_Keyed]:
    run.seek(0)
    while True:
        try:
            block = pickle.load(run)  # noqa: S301 - our own temporary file
        except EOFError:
            return
        yield from block
