"""The rows of the "Outstanding fees" Analytics report, with the spellings and gaps Analytics has.

Subject area Fines and Fees: one row per transaction of a fee, and one with Fine Fee Transaction Id -1 for a fee
without any (Ex Libris knowledge article on the value -1). Types, statuses and groups are descriptions, amounts are
doubles as text, an empty cell is None. One heading is misspelt, as in reports seen in the wild.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from webapp.sandbox.records import json_number
from webapp.sandbox.words import FEE_STATUSES, FEE_TYPES, LIBRARIES, TRANSACTION_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from webapp.sandbox.debts import Fee, Transaction
    from webapp.sandbox.faults import Fault
    from webapp.sandbox.institution import FeeView, InstitutionSpec
    from webapp.sandbox.people import Patron

ANALYTICS_ZONE = ZoneInfo(
    "America/Los_Angeles"
)  # reports tell time without a zone, on the data centre's clock
Row = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A report column: its heading, the folder it comes from, and its saw-sql and XML Schema types."""

    heading: str
    table: str
    sql_type: str = "varchar"
    xsd_type: str = "xsd:string"


FEES, USER, ITEM = "Fines and Fees Transactions", "User Details", "Physical Item Details"
# Analytics hands columns over in an order of its own, here the headings' alphabetical one.
COLUMNS = tuple(
    sorted(
        (
            Column("Fine Fee Id", FEES),
            Column("Primary Identifier", USER),
            Column("User Group", USER),
            Column("User Group Code", USER),
            Column("Fine Fee Type", FEES),
            Column("Fine Fee Status", FEES),
            Column("Fine Fee Creation Date", FEES, "date", "xsd:date"),
            Column("Remaining Amount", FEES, "double", "xsd:double"),
            Column("Original Amount", FEES, "double", "xsd:double"),
            Column("Fine Fee Transaction Id", FEES),
            Column("Fine FeeTransaction Type", FEES),
            Column("Transaction Amount", FEES, "double", "xsd:double"),
            Column("Fine Comment", FEES),
            Column("Title", "Bibliographic Details"),
            Column("Barcode", ITEM),
            Column("Library Name", "Fine Owner Library"),
            Column("Last Name", USER),
            Column("First Name", USER),
            Column("Data Updated As Of", "Institution", "timestamp", "xsd:dateTime"),
        ),
        key=lambda column: column.heading,
    )
)


@dataclass(frozen=True, slots=True)
class RowFaults:
    """What is wrong with this reading of the report; row numbers count from 1."""

    stale_days: int = 0
    missing_headings: frozenset[str] = frozenset()
    cells: tuple[tuple[int, str, str | None], ...] = ()  # (row, heading, what stands there instead)


def row_faults(faults: tuple[Fault, ...]) -> RowFaults:
    """The faults of kinds stale_report, missing_column, bad_row and unknown_fee_type in the form the rows need."""
    stale_days = 0
    missing: set[str] = set()
    cells: list[tuple[int, str, str | None]] = []
    for fault in faults:
        options = fault.options
        row = int(options.get("row", 1))
        match fault.kind:
            case "stale_report":
                stale_days = int(options.get("days", 3))
            case "missing_column":
                missing.add(str(options.get("heading", "Remaining Amount")))
            case "bad_row" if options.get("defect", "blank_id") == "blank_id":
                cells.append((row, "Primary Identifier", None))
            case "bad_row":
                cells.append((row, "Remaining Amount", str(options.get("amount", "1.2.3"))))
            case "unknown_fee_type":
                cells.append((row, "Fine Fee Type", str(options.get("fee_type", "Dragon feeding surcharge"))))
    return RowFaults(stale_days, frozenset(missing), tuple(cells))


def report_rows(
    view: FeeView, spec: InstitutionSpec, updated_at: datetime, faults: RowFaults
) -> Iterator[Row]:
    """Every row of the report, made one at a time; only fees the library still waits for."""
    wrong = {
        row: [(heading, text) for at, heading, text in faults.cells if at == row]
        for row, _, _ in faults.cells
    }
    updated = updated_at.astimezone(ANALYTICS_ZONE).strftime("%Y-%m-%dT%H:%M:%S")
    number = 0
    for patron in view.patrons_with_fees():
        for fee in view.fees(patron):
            if not fee.is_outstanding:
                continue
            for transaction in fee.transactions or (None,):
                number += 1
                row = _row(spec, patron, fee, transaction, updated)
                row.update(wrong.get(number, ()))
                yield row


def _row(
    spec: InstitutionSpec, patron: Patron, fee: Fee, transaction: Transaction | None, updated: str
) -> Row:
    owner = LIBRARIES.get(fee.owner)
    return {
        "Fine Fee Id": fee.fee_id,
        "Primary Identifier": patron.primary_id,
        "User Group": patron.group.desc,
        "User Group Code": patron.group.code,
        "Fine Fee Type": FEE_TYPES[fee.type_code].desc,
        "Fine Fee Status": FEE_STATUSES[fee.status].desc,
        "Fine Fee Creation Date": fee.created_at.date().isoformat(),
        "Remaining Amount": str(json_number(fee.balance_cents)),
        "Original Amount": str(json_number(fee.original_cents)),
        "Fine Fee Transaction Id": transaction.transaction_id if transaction else "-1",
        "Fine FeeTransaction Type": TRANSACTION_TYPES[transaction.type_code].desc if transaction else None,
        "Transaction Amount": str(json_number(transaction.amount_cents)) if transaction else None,
        "Fine Comment": fee.comment,
        "Title": fee.title,
        "Barcode": fee.barcode,
        "Library Name": owner.desc if owner else spec.name,
        "Last Name": patron.last_name,
        "First Name": patron.first_name,
        "Data Updated As Of": updated,
    }
