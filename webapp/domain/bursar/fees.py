"""One fee of Alma's bursar file as a row: values read, nothing judged.

Element names and their quirks: Alma bursar export, namespace ``…/urm/rep/externalsysfinesfees/xmlbeans``, as seen in
public files of MIT, Princeton, Willamette and Cal Poly Humboldt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any, Final

from webapp.domain.money import MoneyError, parse_cents

if TYPE_CHECKING:
    from collections.abc import Mapping

FeeRow = dict[str, Any]
"""FEE_FIELDS as far as the file knows them, absent where it is silent, and ``n``: the fee's number in the file."""

_PLAIN_SUM: Final = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,2}))?")
_MOMENT: Final = re.compile(
    r"(\d\d)/(\d\d)/(\d{4})(?: (\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?(?: ([A-Za-z]{2,5}))?"
)
# Words that mean one offset wherever they stand. IST, seen in Alma's files, means two; it is read as campus time.
_ZONE_HOURS: Final = {
    "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
_ZONES: Final = {word: timezone(timedelta(hours=hours)) for word, hours in _ZONE_HOURS.items()}
CREDIT_TYPE: Final = "CREDIT"
_TEXTS: Final = {
    "fineFeeComment": "comment",
    "fineFeeType": "fee_type",
    "InstitutionId": "institution",
    "libraryCode": "library",
    "itemTitle": "item_title",
    "itemCallNumebr": "item_call_number",
    # Should Alma ever mend its spelling.
    "itemCallNumber": "item_call_number",
    "itemLibrary": "item_library",
    "itemLocation": "item_location",
    "itemInternalLocation": "item_internal_location",
    "itemBarcode": "item_barcode",
    "bursarTransactionId": "fee_ref",
}


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


def fee_row(
    n: int, patron: Patron, said: Mapping[str, str], export_number: str, zone: tzinfo | None
) -> FeeRow:
    """The row of one fee. ``said`` are its elements' texts by local name, without absent, empty and nil ones.

    Times without a zone word are campus wall-clock times; with a ``zone`` every time is given in it, else as written.
    Raises: BadFeeError when id, type or sum are missing or cannot be read.
    """
    row: FeeRow = {"n": n, "patron_id": patron.id, "id_type": patron.id_type, "patron_name": patron.name}
    for name, field in _TEXTS.items():
        if text := said.get(name):
            row[field] = text
    row["export_number"] = export_number
    row["owner"] = row.get("library") or row.get("institution") or ""
    if "fee_ref" in row:
        row["reference"] = row["fee_ref"]
    row["amount_cents"] = 0
    try:
        cents = _cents(said.get("sum", ""))
    except MoneyError as err:
        raise BadFeeError(f"the sum cannot be read: {err}", row) from err
    row["amount_cents"] = row["total_cents"] = cents
    row["kind"], row["debit_credit"] = ("credit", "C") if cents < 0 else ("charge", "D")
    row["item_count"] = 1
    _check(row, said)
    _read_days(row, said, zone)
    return row


def _cents(text: str) -> int:
    match = _PLAIN_SUM.fullmatch(text)
    if match is None:
        return parse_cents(text)
    sign, whole, fraction = match.groups()
    cents = int(whole) * 100 + (int(fraction.ljust(2, "0")) if fraction else 0)
    return -cents if sign else cents


def _check(row: FeeRow, said: Mapping[str, str]) -> None:
    currency = said.get("currency", "")
    row["currency"] = currency or "USD"
    if currency not in {"", "USD"}:
        raise BadFeeError(f"the currency is {currency[:10]!r}; only USD can be billed", row)
    vat = said.get("vat", "")
    if vat and vat.strip("0."):
        raise BadFeeError(f"the sum has a tax of {vat[:20]!r}, and nobody has said how it is billed", row)
    if not row["patron_id"]:
        raise BadFeeError("the patron has no id", row)
    if "fee_ref" not in row:
        raise BadFeeError("the fee has no bursarTransactionId, so it could not be recognised again", row)
    if "fee_type" not in row:
        raise BadFeeError("the fee has no type", row)


def _read_days(row: FeeRow, said: Mapping[str, str], zone: tzinfo | None) -> None:
    if written := said.get("lastTransactionDate"):
        moment = _moment(written, zone)
        if moment is None:
            raise BadFeeError(
                f"the transaction date {written[:40]!r} is not one like 02/23/2022 11:44:33", row
            )
        row["transaction_at"], row["transaction_on"] = moment, moment.date()
    if written := said.get("itemDueDate"):
        moment = _moment(written, zone)
        if moment is None:
            raise BadFeeError(f"the due date {written[:40]!r} is not one like 02/23/2022", row)
        row["due_on"] = moment.date()


def _moment(text: str, zone: tzinfo | None) -> datetime | None:
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
    named = _ZONES.get(word.upper()) if word else None
    if named is not None:
        return (
            moment.replace(tzinfo=named).astimezone(zone)
            if zone is not None
            else moment.replace(tzinfo=named)
        )
    return moment if zone is None else moment.replace(tzinfo=zone)
