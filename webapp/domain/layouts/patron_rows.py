"""One row per patron made of rows that come grouped: "rows": "per_patron" in a layout for charges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.domain.layouts.faults import RowRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.domain.layouts.catalogue import Row, Value
    from webapp.domain.layouts.external_sort import Key


class PatronRow(dict[str, "Value"]):
    """The row of a patron's first fee with the sum and number of all ``fees``."""

    fees: tuple[Row, ...] = ()


def fees_of(row: Row) -> tuple[Row, ...]:
    """The rows that stand behind a written one: itself, or a patron's fees."""
    return row.fees if isinstance(row, PatronRow) else (row,)


class PatronRows:
    """Takes rows in the order of their patrons and gives one row for each patron.

    Its ``amount_cents`` and ``total_cents`` are the sum, ``item_count`` the number of fees, ``debit_credit`` D unless
    the sum is below zero; derived fields are made anew of these.
    """

    def __init__(
        self,
        patron_of: Callable[[Row], Key],
        derive: Callable[[Row], Row],
        on_refused: Callable[[Row, RowRefusedError], object],
    ) -> None:
        self._patron_of = patron_of
        self._derive = derive
        self._on_refused = on_refused
        self._patron: Key | None = None
        self._fees: list[Row] = []

    def take(self, rows: list[Row]) -> list[Row]:
        """The rows of those patrons of whom all fees have come."""
        done: list[Row] = []
        for row in rows:
            patron = self._patron_of(row)
            if patron != self._patron:
                done += self.finish()
            self._patron = patron
            self._fees.append(row)
        return done

    def finish(self) -> list[Row]:
        """The row of the last patron, if there is one."""
        fees, self._fees = self._fees, []
        if not fees:
            return []
        cents = sum(value for fee in fees if type(value := fee.get("amount_cents")) is int)
        summed = {
            **fees[0],
            "amount_cents": cents,
            "total_cents": cents,
            "item_count": len(fees),
            "debit_credit": "C" if cents < 0 else "D",
        }
        try:
            row = PatronRow(self._derive(summed))
        except RowRefusedError as error:
            for fee in fees:
                self._on_refused(fee, error)
            return []
        row.fees = tuple(fees)
        return [row]
