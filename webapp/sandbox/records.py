"""Alma's records in their JSON form: fee, fees, user, users, code table, test answer.

Shapes from Ex Libris' documentation of rest_fee, rest_fees, rest_user(s) and rest_code_table; where documentation
and live answers differ, the live answers are followed (a list without entries is left out, a null stays).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from webapp.sandbox.words import (
    BLOCK_DESCRIPTIONS,
    FEE_STATUSES,
    FEE_TYPES,
    IDENTIFIER_TYPES,
    LIBRARIES,
    PAYMENT_METHODS,
    TRANSACTION_TYPES,
    WAIVE_REASONS,
    Coded,
)

if TYPE_CHECKING:
    from datetime import datetime

    from webapp.sandbox.debts import Fee, Transaction
    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron

BLOCKED_FROM_CENTS = 5000
Record = dict[str, Any]


def fee_record(institution: Institution, patron: Patron, fee: Fee, base_url: str) -> Record:
    """One fee. ``transaction`` is absent when there is none, as in Alma."""
    user_link = f"{base_url}/almaws/v1/users/{quote(patron.primary_id)}"
    barcode = fee.barcode and {
        "value": fee.barcode,
        "link": f"{base_url}/almaws/v1/items?item_barcode={fee.barcode}",
    }
    record: Record = {
        "id": fee.fee_id,
        "type": _coded(FEE_TYPES[fee.type_code]),
        "status": _coded(FEE_STATUSES[fee.status]),
        "user_primary_id": {"value": patron.primary_id, "link": user_link},
        "balance": json_number(fee.balance_cents),
        "remaining_vat_amount": 0,
        "original_amount": json_number(fee.original_cents),
        "original_vat_amount": 0,
        "creation_time": _instant(fee.created_at),
        "status_time": _instant(fee.status_at),
        "comment": fee.comment,
        "owner": _coded(_owner(institution, fee.owner)),
        "title": fee.title,
        "barcode": barcode,
    }
    if fee.bursar_transaction_id or fee.status == "EXPORTED":
        record["bursar_transaction_id"] = fee.bursar_transaction_id or fee.fee_id
    if fee.transactions:
        owner_desc = _owner(institution, fee.owner).desc
        record["transaction"] = [_transaction(entry, owner_desc) for entry in fee.transactions]
    return record | {"link": f"{user_link}/fees/{fee.fee_id}"}


def fees_record(fees: list[Record], total_record_count: int | None = None) -> Record:
    """A list of fee records with its count and net sum; ``fee`` is absent when there is none, as in Alma."""
    total_cents = sum(_cents(fee["balance"]) for fee in fees)
    count = len(fees) if total_record_count is None else total_record_count
    totals = {"total_record_count": count, "total_sum": json_number(total_cents), "currency": "USD"}
    return {"fee": fees, **totals} if fees else totals


def user_record(
    institution: Institution, patron: Patron, base_url: str, *, with_fees: bool, brief: bool = False
) -> Record:
    """One user. ``fees`` is null unless asked for; identifiers are the EMPLID (UNIV_ID) and the card's barcode."""
    spec = institution.spec
    record: Record = {
        "record_type": {"value": "PUBLIC", "desc": "Public"},
        "primary_id": patron.primary_id,
        "first_name": patron.first_name,
        "middle_name": "",
        "last_name": patron.last_name,
        "full_name": patron.full_name,
        "gender": {"value": "", "desc": ""},
        "user_group": _coded(patron.group),
        "campus_code": {"value": "MAIN", "desc": spec.name},
        "preferred_language": {"value": "en", "desc": "English"},
        "expiry_date": f"{institution.clock.first_day.year + 2}-08-31Z",
        "account_type": {"value": "EXTERNAL", "desc": "External"},
        "external_id": "SIS",
        "status": {"value": "ACTIVE", "desc": "Active"},
        "requests": None,
        "loans": None,
        "fees": None,
        "contact_info": {"address": [], "email": [_email(patron)], "phone": []},
        "user_identifier": _identifiers(patron),
        "user_role": [],
        "user_block": _blocks(institution, patron),
        "user_note": [],
        "user_statistic": [],
        "link": None,
    }
    if with_fees:
        link = f"{base_url}/almaws/v1/users/{quote(patron.primary_id)}/fees"
        record["fees"] = {"value": json_number(institution.owed_cents(patron)), "link": link}
    if brief:
        record = {
            key: value for key, value in record.items() if key not in {"user_role", "user_block", "user_note"}
        }
    return record


def user_summary(patron: Patron, base_url: str) -> Record:
    """A user as the users list shows it: names and a link, nothing else filled."""
    return {
        "primary_id": patron.primary_id,
        "first_name": patron.first_name,
        "last_name": patron.last_name,
        "gender": {"value": "", "desc": ""},
        "status": {"value": "ACTIVE", "desc": "Active"},
        "password": "",
        "requests": None,
        "loans": None,
        "fees": None,
        "link": f"{base_url}/almaws/v1/users/{quote(patron.primary_id)}",
    }


def code_table_record(
    name: str, description: str, entries: dict[str, Coded], institution_code: str
) -> Record:
    """A code table with all its rows enabled."""
    return {
        "name": name,
        "description": description,
        "sub_system": {"value": "INFRA", "desc": "Infra"},
        "patron_facing": True,
        "language": {"value": "en", "desc": "English"},
        "scope": {"institution_id": {"value": institution_code, "desc": institution_code}},
        "row": [
            {"code": entry.code, "description": entry.desc, "default": False, "enabled": True}
            for entry in entries.values()
        ],
    }


def json_number(cents: int) -> int | float:
    """Cents as the number Alma prints: 10 for 1000, 0.07 for 7. Printing only; the sandbox counts in cents."""
    return cents // 100 if cents % 100 == 0 else cents / 100


def _cents(amount: float) -> int:
    return round(amount * 100)


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _coded(entry: Coded) -> dict[str, str]:
    return {"value": entry.code, "desc": entry.desc}


def _owner(institution: Institution, code: str) -> Coded:
    return LIBRARIES.get(code) or Coded(institution.spec.code, institution.spec.name)


def _transaction(entry: Transaction, owner_desc: str) -> Record:
    record: Record = {
        "transaction_id": entry.transaction_id,
        "type": _coded(TRANSACTION_TYPES[entry.type_code]),
        "amount": json_number(entry.amount_cents),
        "vat_amount": 0,
    }
    if entry.reason:
        record["reason"] = _coded(WAIVE_REASONS[entry.reason])
    if entry.comment:
        record["comment"] = entry.comment
    record["created_by"] = entry.created_by
    if entry.external_transaction_id:
        record["external_transaction_id"] = entry.external_transaction_id
    record["transaction_time"] = _instant(entry.at)
    record["received_by"] = {"value": entry.received_by, "desc": owner_desc}
    if entry.method:
        record["payment_method"] = _coded(PAYMENT_METHODS[entry.method])
    return record


def _email(patron: Patron) -> Record:
    return {
        "email_address": f"patron{patron.index}@sandbox.example.edu",
        "description": None,
        "email_type": [{"value": "school", "desc": "School"}],
        "preferred": True,
        "segment_type": "External",
    }


def _identifiers(patron: Patron) -> list[Record]:
    values = {"UNIV_ID": patron.emplid, "BARCODE": patron.barcode}
    return [
        {
            "id_type": _coded(IDENTIFIER_TYPES[code]),
            "value": value,
            "note": None,
            "status": "ACTIVE",
            "segment_type": "External",
        }
        for code, value in values.items()
        if value
    ]


def _blocks(institution: Institution, patron: Patron) -> list[Record]:
    if institution.owed_cents(patron) < BLOCKED_FROM_CENTS:
        return []
    return [
        {
            "block_type": {"value": "GENERAL", "desc": "General"},
            "block_description": _coded(BLOCK_DESCRIPTIONS["OWES"]),
            "block_status": "ACTIVE",
            "block_note": "Balance above the limit",
            "created_by": "System",
            "created_date": f"{institution.clock.first_day.isoformat()}T08:00:00.000Z",
            "segment_type": "Internal",
        }
    ]
