"""One row of a violations file as an outstanding fee, or refused with the reason."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from webapp.domain.fees import OutstandingFee, RefusedRow
from webapp.domain.identifiers import IdentifierError, clean_emplid
from webapp.domain.money import MoneyError, format_cents, parse_cents
from webapp.domain.violations.dates import parse_date
from webapp.domain.violations.headings import normalised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from webapp.domain.violations.headings import ViolationMapping

SOURCE = "violations_file"
LONGEST_CELL = 2_000

_SHOWN_CELL = 200
_SHOWN_COLUMNS = 50
_STATUSES = {
    "": "ACTIVE", "active": "ACTIVE", "issued": "ACTIVE", "open": "ACTIVE", "outstanding": "ACTIVE",
    "overdue": "ACTIVE", "owing": "ACTIVE", "unpaid": "ACTIVE", "partially paid": "ACTIVE", "partial": "ACTIVE",
    "appeal": "INDISPUTE", "appealed": "INDISPUTE", "appeal pending": "INDISPUTE", "disputed": "INDISPUTE",
    "in appeal": "INDISPUTE", "in dispute": "INDISPUTE", "under appeal": "INDISPUTE", "under review": "INDISPUTE",
    "cancelled": "CLOSED", "canceled": "CLOSED", "closed": "CLOSED", "dismissed": "CLOSED", "paid": "CLOSED",
    "void": "CLOSED", "voided": "CLOSED", "waived": "CLOSED", "written off": "CLOSED",
}  # fmt: skip


class _RefusalError(Exception):
    """Why a row is refused, as a sentence without its line number."""


class RowReader:
    """Reads the rows of one file; remembers what it has seen, so that no two rows get the same fee id."""

    def __init__(
        self, headings: Sequence[str], columns: Mapping[str, int], mapping: ViolationMapping
    ) -> None:
        self._headings = headings
        self._columns = columns
        self._mapping = mapping
        self._statuses = _STATUSES | {normalised(word): status for word, status in mapping.statuses.items()}
        self._times_seen: dict[bytes, int] = {}
        self._line_of_row: dict[bytes, int] = {}
        self._shortest: dict[str, int] = {}

    def read(self, line: int, cells: Sequence[str], *, is_ended: bool = True) -> OutstandingFee | RefusedRow:
        """The row that begins on ``line``. A refused one carries its amount when that much could be read.

        ``is_ended`` is False for a last row without a line end: such a file may have been cut in mid-row.
        """
        amount_cents: int | None = None
        try:
            self._check_shape(cells)
            self._check_end(cells, is_ended=is_ended)
            amount_cents = self._money(cells, "balance")
            return self._fee(line, cells, amount_cents)
        except (_RefusalError, IdentifierError, MoneyError) as err:
            reason = f"Line {line}: {err}."
            whose = self._whose(cells)
            return RefusedRow(SOURCE, f"line {line}", reason, amount_cents, self._raw(cells), *whose)

    def _whose(self, cells: Sequence[str]) -> tuple[str, str]:
        """EMPLID and ticket of a row that is refused, where its cells can be told apart; else empty."""
        if len(cells) < len(self._headings):
            return "", ""
        try:
            emplid = clean_emplid(
                self._cell(cells, "emplid"), digits=self._mapping.emplid_digits, pad=self._mapping.pad_emplid
            )
        except IdentifierError:
            emplid = ""
        return emplid, self._cell(cells, "ticket")[:200]

    def _fee(self, line: int, cells: Sequence[str], balance_cents: int) -> OutstandingFee:
        if abs(balance_cents) > self._mapping.most_cents:
            most = format_cents(self._mapping.most_cents)
            raise _RefusalError(
                f"{format_cents(balance_cents)} is beyond {most}, the most that one violation can owe"
            )
        patron_key = self._cell(cells, "emplid")
        emplid = clean_emplid(patron_key, digits=self._mapping.emplid_digits, pad=self._mapping.pad_emplid)
        original_cents = self._money(cells, "original") if self._cell(cells, "original") else None
        billed_on = self._date(cells)
        fee_type = self._cell(cells, "violation_type")
        identity = (emplid, fee_type, str(billed_on), str(original_cents))
        return OutstandingFee(
            source=SOURCE,
            patron_key=patron_key,
            emplid=emplid,
            balance_cents=balance_cents,
            original_cents=original_cents,
            fee_type=fee_type,
            status=self._status(cells),
            billed_on=billed_on,
            user_type=self._cell(cells, "user_type"),
            patron_name=self._cell(cells, "patron_name"),
            # Last, so that only a row that is otherwise good takes a number.
            fee_id=self._fee_id(line, self._cell(cells, "ticket"), identity, balance_cents),
        )

    def _fee_id(self, line: int, ticket: str, identity: tuple[str, ...], balance_cents: int) -> str:
        """The ticket number; without one, a hash that stays the same while the balance is paid down.

        One ticket may list several violations, and without numbers two tickets may be equal in all they say: both
        count, and each but the first has its place among its equals added. A numbered ticket that is repeated
        word for word is the same debt once more, and is refused.
        """
        if ticket:
            row = _digest(ticket, *identity, str(balance_cents))
            earlier = self._line_of_row.setdefault(row, line)
            if earlier != line:
                raise _RefusalError(f"ticket {ticket[:40]!r} is on line {earlier} already, word for word")
        return self._unused(ticket or f"v{_digest(*identity).hex()}")

    def _unused(self, fee_id: str) -> str:
        """The id, or the id with its place after it, that no row of the file has had yet."""
        while True:
            key = _digest(fee_id)
            place = self._times_seen.get(key, 0) + 1
            self._times_seen[key] = place
            if place == 1:
                return fee_id
            fee_id = f"{fee_id}#{place}"

    def _check_shape(self, cells: Sequence[str]) -> None:
        width = len(self._headings)
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            raise _RefusalError(
                f"it has {len(cells)} cell{'' if len(cells) == 1 else 's'} where the headings are {width}; it may be cut "
                "off or shifted"
            )
        for heading, cell in zip(self._headings, cells, strict=False):
            if "\0" in cell:
                raise _RefusalError(f"{clipped(heading)!r} holds a NUL byte, as in a damaged file")
            if len(cell) > LONGEST_CELL:
                raise _RefusalError(
                    f"{clipped(heading)!r} holds {len(cell):,} characters; {LONGEST_CELL:,} is the most"
                )

    def _check_end(self, cells: Sequence[str], *, is_ended: bool) -> None:
        """A cut amount or id still reads well, as less money or another person: its length is all that tells.

        Many systems leave out the last line end, so that alone is no reason.
        """
        lengths = {
            "balance": len(self._cell(cells, "balance").partition(".")[2]),
            "emplid": len(self._cell(cells, "emplid")),
        }
        for name, length in lengths.items():
            is_last = self._columns[name] == len(self._headings) - 1
            if is_last and not is_ended and length < self._shortest.get(name, 0):
                heading = clipped(self._headings[-1].strip())
                raise _RefusalError(
                    f"the file ends in the middle of {heading!r}: it has no line end and is shorter than in every row "
                    "before; ask for the whole file"
                )
            self._shortest[name] = min(length, self._shortest.get(name, length))

    def _cell(self, cells: Sequence[str], name: str) -> str:
        column = self._columns.get(name)
        return "" if column is None else cells[column].strip()

    def _money(self, cells: Sequence[str], name: str) -> int:
        try:
            return parse_cents(self._cell(cells, name))
        except MoneyError as err:
            raise _RefusalError(f"{clipped(self._headings[self._columns[name]].strip())!r}: {err}") from err

    def _date(self, cells: Sequence[str]) -> date | None:
        """The violation date; None only where the file has no such column, which the hold policy then decides on."""
        if "violation_on" not in self._columns:
            return None
        text = self._cell(cells, "violation_on")
        if not text:
            raise _RefusalError("the violation date is missing")
        try:
            return parse_date(text, day_first=self._mapping.day_first)
        except ValueError as err:
            raise _RefusalError(f"the violation date {err}") from err

    def _status(self, cells: Sequence[str]) -> str:
        word = self._cell(cells, "status")
        status = self._statuses.get(normalised(word))
        if status is None:
            raise _RefusalError(f"the status {word[:60]!r} is not known; say in the settings what it means")
        return status

    def _raw(self, cells: Sequence[str]) -> dict[str, str]:
        names = [
            *map(str.strip, self._headings),
            *(f"column {n + 1}" for n in range(len(self._headings), len(cells))),
        ]
        shown = dict.fromkeys(map(clipped, names[:_SHOWN_COLUMNS]), "")
        shown.update(
            (clipped(name), clipped(cell)) for name, cell in zip(names[:_SHOWN_COLUMNS], cells, strict=False)
        )
        return shown


def clipped(text: str) -> str:
    """Text fit to be kept with a refused row: not endless, and without NUL, which PostgreSQL cannot store."""
    shown = text.replace("\0", "\N{SYMBOL FOR NULL}").rstrip("\r\n")
    return shown if len(shown) <= _SHOWN_CELL else shown[:_SHOWN_CELL] + "…"


def _digest(*parts: str) -> bytes:
    # The length before each part keeps ("ab", "c") apart from ("a", "bc").
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).digest()[:8]
