"""Fees held back on disk until the whole report is read, because only then is it known that no row contradicts another.

A fee with n transactions comes as n rows that all carry the same remaining amount. It is taken once. When its rows
do not agree on the amount or the patron, nobody can tell which is right, and the fee is refused.
"""

from __future__ import annotations

import struct
import tempfile
from collections import defaultdict
from itertools import compress
from typing import TYPE_CHECKING

from webapp.adapters.alma.fee_batch import SNAPSHOT_COLUMNS, FeeBatch
from webapp.domain.fees import RefusedRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

_FEE_ID, _PATRON_KEY, _BALANCE = (
    SNAPSHOT_COLUMNS.index(name) - 1 for name in ("fee_id", "patron_key", "balance_cents")
)
_LENGTH = struct.Struct(">Q")
_UNREADABLE = ("", "")

Claim = tuple[str, str]  # a row's balance and patron, or _UNREADABLE


class FeeSpool:
    """A temporary file without a name, gone with the process. About 32 bytes of memory and 150 of disk per fee."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._file = tempfile.TemporaryFile(prefix="feebridge-")  # noqa: SIM115 - closed by __exit__
        self._seen: set[int] = set()
        self._claims: defaultdict[int, set[Claim]] = defaultdict(set)
        self.repeated_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, batch: FeeBatch) -> None:
        """Keep the fees seen for the first time; of others remember what they claim."""
        numbers = [*map(int, batch.columns[_FEE_ID])]
        if len(set(numbers)) == len(numbers) and self._seen.isdisjoint(numbers):
            self._seen.update(numbers)
        else:
            batch = self._first_seen(batch, numbers)
        if len(batch):
            packed = batch.pack()
            self._file.write(_LENGTH.pack(len(packed)))
            self._file.write(packed)

    def doubt(self, fee_id: str) -> None:
        """Another row of this fee could not be read, so its readable rows may not be believed either."""
        if fee_id.isascii() and fee_id.isdigit() and len(fee_id) < 20:
            self._claims[int(fee_id)].add(_UNREADABLE)

    def batches(self) -> Iterator[FeeBatch | list[RefusedRow]]:
        """What was kept, in the order in which it came; fees whose rows contradict each other as refusals."""
        self._file.seek(0)
        while head := self._file.read(_LENGTH.size):
            batch = FeeBatch.unpack(self._source, self._file.read(_LENGTH.unpack(head)[0]))
            refused: list[RefusedRow] = []
            if self._claims:
                batch, refused = self._settled(batch)
            if refused:
                yield refused
            if len(batch):
                yield batch

    def _first_seen(self, batch: FeeBatch, numbers: list[int]) -> FeeBatch:
        keep = []
        for row, number in enumerate(numbers):
            keep.append(number not in self._seen)
            if keep[-1]:
                self._seen.add(number)
            else:
                self._claims[number].add((batch.columns[_BALANCE][row], batch.columns[_PATRON_KEY][row]))
                self.repeated_rows += 1
        return _kept(batch, keep)

    def _settled(self, batch: FeeBatch) -> tuple[FeeBatch, list[RefusedRow]]:
        numbers = [*map(int, batch.columns[_FEE_ID])]
        if self._claims.keys().isdisjoint(numbers):
            return batch, []
        refused = []
        keep = []
        for row, number in enumerate(numbers):
            own = (batch.columns[_BALANCE][row], batch.columns[_PATRON_KEY][row])
            claims = self._claims.get(number, set()) | {own}
            keep.append(len(claims) == 1)
            if len(claims) > 1:
                refused.append(self._refusal(batch, row, claims))
        return _kept(batch, keep), refused

    def _refusal(self, batch: FeeBatch, row: int, claims: set[Claim]) -> RefusedRow:
        fee_id = batch.columns[_FEE_ID][row]
        raw = {name: column[row] for name, column in zip(SNAPSHOT_COLUMNS[1:], batch.columns, strict=True)}
        raw["claims"] = "; ".join(
            f"{balance} cents, patron {patron}" for balance, patron in sorted(claims - {_UNREADABLE})
        )
        reason = (
            "Another row of the same fee could not be read."
            if _UNREADABLE in claims
            else "The report's rows of this fee contradict each other on the remaining amount or the patron."
        )
        return RefusedRow(self._source, f"fee {fee_id}", reason, _agreed_cents(claims), raw)


def _agreed_cents(claims: set[Claim]) -> int | None:
    balances = {balance for balance, _patron in claims - {_UNREADABLE}}
    return int(balances.pop()) if len(balances) == 1 else None


def _kept(batch: FeeBatch, keep: list[bool]) -> FeeBatch:
    return FeeBatch(batch.source, tuple(list(compress(column, keep)) for column in batch.columns))
