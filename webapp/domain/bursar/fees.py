"""One fee of Alma's bursar file as a row: values read, nothing judged.

Element names and their quirks: Alma bursar export, namespace ``…/urm/rep/externalsysfinesfees/xmlbeans``, as seen in
public files of MIT, Princeton, Willamette and Cal Poly Humboldt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from webapp.domain.money import MoneyError, parse_cents

FeeRow = dict[str, Any]
"""FEE_FIELDS as far as the file knows them, absent where it is silent, and ``n``: the fee's number in the file."""

_PLAIN_SUM: Final = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,2}))?")
_MOMENT: Final = re.compile(
    r"(\d\d)/(\d\d)/(\d{4})(?: (\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?(?: ([A-Za-z]{2,5}))?", re.ASCII
)
_USUAL_MOMENT: Final = re.compile(r"(\d\d)/(\d\d)/(\d{4}) (\d\d:\d\d:\d\d)", re.ASCII)
# Words that mean one offset wherever they stand. IST, seen in Alma's files, means two; it is read as campus time.
_ZONE_HOURS: Final = {
    "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
_ZONES: Final = {word: timezone(timedelta(hours=hours)) for word, hours in _ZONE_HOURS.items()}
_AMBIGUOUS: Final = frozenset({"IST"})
CREDIT_TYPE: Final = "CREDIT"
Said = tuple[str, ...]
"""The texts of a fee's elements in the order of ``ELEMENTS``, tidied; "" where there is none."""
# The fields that take over an element's text as it is; the elements behind them are read further.
_FIELDS: Final = {
    "fineFeeComment": "comment",
    "fineFeeType": "fee_type",
    "InstitutionId": "institution",
    "libraryCode": "library",
    "itemTitle": "item_title",
    "itemCallNumebr": "item_call_number",
    "itemLibrary": "item_library",
    "itemLocation": "item_location",
    "itemInternalLocation": "item_internal_location",
    "itemBarcode": "item_barcode",
    "bursarTransactionId": "fee_ref",
}
ELEMENTS: Final = (*_FIELDS, "lastTransactionDate", "itemDueDate", "currency", "sum", "vat")
_TEXTS: Final = tuple(_FIELDS.values())
_AT: Final = {name: at for at, name in enumerate(ELEMENTS)}
_DATE, _DUE, _CURRENCY, _SUM, _VAT = (
    _AT[name] for name in ("lastTransactionDate", "itemDueDate", "currency", "sum", "vat")
)


def tidy(text: str) -> str:
    """A text without blanks around it and line breaks in it; nothing for the word ``null``, which Alma writes for it."""
    text = text.strip()
    if "\n" in text or "\t" in text or "\r" in text:
        return " ".join(text.split())
    return "" if text == "null" else text


class BadFeeError(ValueError):
    """The fee cannot be read; ``row`` holds what could."""

    def __init__(self, reason: str, row: FeeRow) -> None:
        super().__init__(reason)
        self.reason = reason
        self.row = row


@dataclass(frozen=True, slots=True)
class Patron:
    """Who owes: the id Alma exports people by, its kind (``userName`` or an identifier code), "Last, First"."""

    id: str
    id_type: str
    name: str


def fee_row(n: int, patron: Patron, said: Said, export_number: str, zone: tzinfo | None) -> FeeRow:
    """The row of one fee.

    Times without a zone word are campus wall-clock times; with a ``zone`` every time is given in it, else as written.
    Raises: BadFeeError when id, type or sum are missing or cannot be read.
    """
    row: FeeRow = {field: text for field, text in zip(_TEXTS, said, strict=False) if text}
    row["n"] = n
    row["patron_id"] = patron.id
    row["id_type"] = patron.id_type
    row["patron_name"] = patron.name
    row["export_number"] = export_number
    row["owner"] = row.get("library") or row.get("institution") or ""
    if "fee_ref" in row:
        row["reference"] = row["fee_ref"]
    row["amount_cents"] = 0
    try:
        cents = _cents(said[_SUM])
    except MoneyError as err:
        raise BadFeeError(f"the sum cannot be read: {err}", row) from err
    row["amount_cents"] = row["total_cents"] = cents
    row["kind"], row["debit_credit"] = ("credit", "C") if cents < 0 else ("charge", "D")
    row["item_count"] = 1
    row["currency"] = said[_CURRENCY] or "USD"
    if fault := _fault(row, said[_VAT]):
        raise BadFeeError(fault, row)
    if written := said[_DATE]:
        _read_transaction(row, written, zone)
    if written := said[_DUE]:
        _read_due(row, written, zone)
    return row


def _cents(text: str) -> int:
    match = _PLAIN_SUM.fullmatch(text)
    if match is None:
        return parse_cents(text)
    sign, whole, fraction = match.groups()
    cents = int(whole) * 100 + (int(fraction.ljust(2, "0")) if fraction else 0)
    return -cents if sign else cents


def _fault(row: FeeRow, vat: str) -> str:
    if row["currency"] != "USD":
        return f"the currency is {row['currency'][:10]!r}; only USD can be billed"
    if vat and vat.strip("0."):
        return f"the sum has a tax of {vat[:20]!r}, and nobody has said how it is billed"
    if not row["patron_id"]:
        return "the patron has no id"
    if "fee_ref" not in row:
        return "the fee has no bursarTransactionId, so it could not be recognised again"
    return "" if "fee_type" in row else "the fee has no type"


def _read_transaction(row: FeeRow, written: str, zone: tzinfo | None) -> None:
    moment = _moment(written, zone)
    if moment is None:
        raise BadFeeError(f"the transaction date {written[:40]!r} is not one like 02/23/2022 11:44:33", row)
    row["transaction_at"], row["transaction_on"] = moment, moment.date()


def _read_due(row: FeeRow, written: str, zone: tzinfo | None) -> None:
    moment = _moment(written, zone)
    if moment is None:
        raise BadFeeError(f"the due date {written[:40]!r} is not one like 02/23/2022", row)
    row["due_on"] = moment.date()


def _moment(text: str, zone: tzinfo | None) -> datetime | None:
    usual = _USUAL_MOMENT.fullmatch(text)
    if usual is not None:
        month, day, year, clock = usual.groups()
        try:
            moment = datetime.fromisoformat(f"{year}-{month}-{day}T{clock}")
        except ValueError:
            return None
        return moment if zone is None else moment.replace(tzinfo=zone)
    return _other_moment(text, zone)


def _other_moment(text: str, zone: tzinfo | None) -> datetime | None:
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    month, day, year, hour, minute, second, word = match.groups()
    try:
        moment = datetime(  # noqa: DTZ001 - the zone follows, where there is one
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return None
    if word and word.upper() not in _ZONES and word.upper() not in _AMBIGUOUS:
        return None
    named = _ZONES.get(word.upper()) if word else None
    if named is None:
        return moment if zone is None else moment.replace(tzinfo=zone)
    try:
        return moment.replace(tzinfo=named) if zone is None else moment.replace(tzinfo=named).astimezone(zone)
    except OverflowError:
        return None
