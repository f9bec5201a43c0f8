"""From a page's columns to a batch of fees, and each row that cannot be used to a refusal with its reason.

Values repeat (types, states, amounts, days), so each different text is read once and looked up after that; ids do
not, so a whole column is checked by one expression, and only a column that fails it is looked at row by row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import compress
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from webapp.adapters.alma.columns import normalised
from webapp.adapters.alma.fee_batch import FeeBatch
from webapp.domain.fees import RefusedRow
from webapp.domain.identifiers import IdentifierError, clean_emplid
from webapp.domain.money import MoneyError, cents_from_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Analytics shows descriptions, the REST interface codes. English is built in; other languages are a setting.
USUAL_STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "active": "ACTIVE",
        "indispute": "INDISPUTE",
        "exported": "EXPORTED",
        "transferred": "EXPORTED",
        "closed": "CLOSED",
    }
)

# A column's texts as read, None where one cannot be read.
Readings = Sequence[str | None]

_END = "\x1f"
_FEE_IDS = re.compile(rf"(?:[1-9][0-9]{{0,18}}{_END})*+")
_FEE_ID = re.compile(r"[1-9][0-9]{0,18}")
_AMOUNT = re.compile(r"[+-]?(?:[0-9]{1,20}\.?[0-9]{0,25}|\.[0-9]{1,25})(?:[eE][+-]?[0-9]{1,2})?")
# An amount is a double written out: 0.1 + 0.2 comes as 0.30000000000000004. More than that is no rounding.
_ROUNDING = Decimal("0.00001")
_MOST_REMEMBERED = 100_000


class _Readings(dict[str, "str | None"]):
    """What each text was read as; None for a text that cannot be read."""

    def __init__(self, read: Callable[[str], str]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> str | None:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        try:
            reading: str | None = self._read(text)
        except ValueError:
            reading = None
        self[text] = reading
        return reading


@dataclass(slots=True)
class FeeColumns:
    """Turns pages into batches. ``roles`` are the roles of the columns in the order in which they will come.

    ``status_codes`` and ``type_codes`` map what the report shows to codes, compared without case and blanks; a
    type that is not mapped keeps its text, a state that is not known is refused.
    """

    source: str
    roles: tuple[str, ...]
    emplid_digits: int | None
    emplid_pad: bool
    status_codes: Mapping[str, str]
    type_codes: Mapping[str, str]
    _readings: dict[str, _Readings] = field(init=False)
    _plain_emplids: re.Pattern[str] | None = field(init=False)

    def __post_init__(self) -> None:
        states = dict(USUAL_STATUSES) | {normalised(said): code for said, code in self.status_codes.items()}
        types = {normalised(said): code for said, code in self.type_codes.items()}
        self._readings = {
            "balance": _Readings(_cents),
            "original": _Readings(lambda text: _cents(text) if text.strip() else ""),
            "billed_on": _Readings(_day),
            "status": _Readings(lambda text: _state(text, states)),
            "fee_type": _Readings(lambda text: _type(text, types)),
        }
        digits = self.emplid_digits
        self._plain_emplids = (
            None if digits is None else re.compile(rf"(?:(?!0*{_END})[0-9]{{{digits}}}{_END})*+")
        )

    def batch(self, page: list[list[str]], first_row: int) -> tuple[FeeBatch | None, list[RefusedRow]]:
        """The page's usable fees, None when there are none, and a refusal for every other row.

        ``first_row`` is the number of the page's first row in the whole report.
        """
        told = dict(zip(self.roles, page, strict=True))
        read = self._read(told)
        refused: list[RefusedRow] = []
        faulty = {row for column in read for row in _places_of_none(column)}
        if faulty:
            refused = [self._refusal(told, row, first_row + row) for row in sorted(faulty)]
            keep = [row not in faulty for row in range(len(page[0]))]
            read = [list(compress(column, keep)) for column in read]
        columns = cast("tuple[list[str], ...]", tuple(read))
        return (FeeBatch(self.source, columns) if columns[0] else None), refused

    def _read(self, told: dict[str, list[str]]) -> list[Readings]:
        """The fields of ``FeeBatch`` in order, with None in every cell that cannot be read."""
        empty = [""] * len(told["fee_id"])
        name = told.get("patron_name") or _names(told)
        return [
            _fee_ids(told["fee_id"]),
            [*map(str.strip, told["patron_key"])],
            self._emplids(told["patron_key"]),
            self._looked_up("balance", told["balance"]),
            self._looked_up("fee_type", told["fee_type"]),
            self._looked_up("status", told["status"]) if "status" in told else ["ACTIVE"] * len(empty),
            self._looked_up("original", told.get("original", empty)),
            self._looked_up("billed_on", told.get("billed_on", empty)),
            *(told.get(role, empty) for role in ("user_type", "library", "title", "barcode")),
            name or empty,
            told.get("comment", empty),
        ]

    def _looked_up(self, role: str, column: list[str]) -> list[str | None]:
        return [*map(self._readings[role].__getitem__, column)]

    def _emplids(self, column: list[str]) -> list[str | None]:
        if self._plain_emplids is not None and self._plain_emplids.fullmatch(_END.join(column) + _END):
            return [*column]
        return [self._emplid(key) for key in column]

    def _emplid(self, key: str) -> str | None:
        try:
            return clean_emplid(key, digits=self.emplid_digits, pad=self.emplid_pad)
        except IdentifierError:
            return None

    def _refusal(self, told: dict[str, list[str]], row: int, number: int) -> RefusedRow:
        """Why the row is refused, found out again in words: rare, so it may take its time."""
        raw = {role: column[row] for role, column in told.items()}
        reasons = []
        if _FEE_ID.fullmatch(raw["fee_id"].strip()) is None:
            reasons.append(f"the fee id {raw['fee_id']!r} is not a whole number of up to 19 digits")
        try:
            clean_emplid(raw["patron_key"], digits=self.emplid_digits, pad=self.emplid_pad)
        except IdentifierError as err:
            reasons.append(str(err))
        for role, readings in self._readings.items():
            if role in raw and readings[raw[role]] is None:
                reasons.append(_REASONS[role].format(text=raw[role][:60]))
        balance = self._readings["balance"][raw["balance"]]
        fee = raw["fee_id"].strip() or "without id"
        return RefusedRow(
            self.source,
            f"report row {number}, fee {fee}",
            "; ".join(reasons)[:1].upper() + "; ".join(reasons)[1:] + ".",
            None if balance is None else int(balance),
            raw,
        )


_REASONS = {
    "balance": "the remaining amount {text!r} is not an amount of money",
    "original": "the original amount {text!r} is not an amount of money",
    "billed_on": "the date {text!r} cannot be read",
    "status": "the state {text!r} is not known; map it in the settings",
    "fee_type": "the fee type is missing",
}


def _places_of_none(column: Readings) -> list[int]:
    try:
        "".join(column)  # type: ignore[arg-type]  # the quickest way to learn that there is none
    except TypeError:
        return [row for row, cell in enumerate(column) if cell is None]
    return []


def _fee_ids(column: list[str]) -> list[str | None]:
    if _FEE_IDS.fullmatch(_END.join(column) + _END):
        return [*column]
    stripped = [cell.strip() for cell in column]
    return [cell if _FEE_ID.fullmatch(cell) else None for cell in stripped]


def _names(told: dict[str, list[str]]) -> list[str] | None:
    last, first = told.get("last_name"), told.get("first_name")
    if last and first:
        return [", ".join(filter(None, pair)) for pair in zip(last, first, strict=True)]
    return last or first


def _cents(text: str) -> str:
    amount = text.strip()
    if _AMOUNT.fullmatch(amount) is None:
        raise MoneyError(f"{text[:40]!r} is not an amount of money")
    dollars = Decimal(amount)
    cents = cents_from_decimal(dollars, exact=False)
    if abs(dollars * 100 - cents) > _ROUNDING * 100:
        raise MoneyError(f"{text[:40]!r} has fractions of a cent")
    return str(cents)


def _day(text: str) -> str:
    day = text.strip()
    return date.fromisoformat(day[:10]).isoformat() if day else ""


def _state(text: str, states: Mapping[str, str]) -> str:
    code = states.get(normalised(text))
    if code is None:
        raise ValueError(text)
    return code


def _type(text: str, types: Mapping[str, str]) -> str:
    said = text.strip()
    if not said:
        raise ValueError(text)
    return types.get(normalised(said), said)
