"""Many fees at once, column by column: the bulk way in, for reports of a million rows.

A batch holds every value as text in the fields' order, so that it can become rows, ``OutstandingFee`` values, or
the lines of PostgreSQL's COPY without a step per cell in Python.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from itertools import repeat
from typing import TYPE_CHECKING

from webapp.domain.fees import OutstandingFee

if TYPE_CHECKING:
    from collections.abc import Iterator

SNAPSHOT_COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(OutstandingFee))
SnapshotRow = tuple[str, str, str, str, int, str, str, int | None, date | None, str, str, str, str, str, str]

# Neither character occurs in a value: XML cannot hold them, and the other texts are ours.
_CELL_END = "\x1f"
_COLUMN_END = "\x1e"
# https://www.postgresql.org/docs/current/sql-copy.html, text format
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULLABLE = ("original_cents", "billed_on")


class _Dates(dict[str, "date | None"]):
    def __missing__(self, text: str) -> date | None:
        if len(self) > 50_000:
            self.clear()
        self[text] = found = date.fromisoformat(text) if text else None
        return found


_DATES = _Dates()


@dataclass(frozen=True, slots=True)
class FeeBatch:
    """Fees of one source. ``columns`` are those of ``SNAPSHOT_COLUMNS`` without the first, the source itself.

    Cents are digits, dates YYYY-MM-DD, and "" stands for no original amount and no date.
    """

    source: str
    columns: tuple[list[str], ...]

    def __len__(self) -> int:
        return len(self.columns[0])

    def rows(self) -> Iterator[SnapshotRow]:
        """The values of each fee in the order of ``OutstandingFee``'s fields."""
        fee_id, patron_key, emplid, balance, fee_type, status, original, billed_on, *texts = self.columns
        return zip(
            repeat(self.source, len(self)),
            fee_id,
            patron_key,
            emplid,
            map(int, balance),
            fee_type,
            status,
            [int(cents) if cents else None for cents in original],
            map(_DATES.__getitem__, billed_on),
            *texts,
            strict=True,
        )

    def fees(self) -> Iterator[OutstandingFee]:
        """Each fee as a value."""
        return (OutstandingFee(*row) for row in self.rows())

    def copy_text(self) -> bytes:
        """The rows as lines for ``COPY … FROM STDIN`` (text format, UTF-8), columns as ``SNAPSHOT_COLUMNS``."""
        source = self.source.translate(_COPY_ESCAPES)
        columns = [
            _nulled(column) if name in _NULLABLE else _escaped(column)
            for name, column in zip(SNAPSHOT_COLUMNS[1:], self.columns, strict=True)
        ]
        lines = "\n".join(map("\t".join, zip(repeat(source, len(self)), *columns, strict=True)))
        return f"{lines}\n".encode() if lines else b""

    def pack(self) -> bytes:
        """The batch for ``unpack``, to keep it on disk for a while."""
        return _COLUMN_END.join(map(_CELL_END.join, self.columns)).encode()

    @staticmethod
    def unpack(source: str, packed: bytes) -> FeeBatch:
        """The batch that was packed; it had at least one row."""
        columns = packed.decode().split(_COLUMN_END)
        return FeeBatch(source, tuple(column.split(_CELL_END) for column in columns))


def _escaped(column: list[str]) -> list[str]:
    joined = _CELL_END.join(column)
    if "\\" in joined or "\t" in joined or "\n" in joined or "\r" in joined:
        return joined.translate(_COPY_ESCAPES).split(_CELL_END)
    return column


def _nulled(column: list[str]) -> list[str]:
    return [cell or "\\N" for cell in column] if "" in column else column
