"""Invented people and fees to show a layout with, where a campus has none of its own yet."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from webapp.domain.journal import Booked, Chartfields, journal_rows
from webapp.domain.layouts import Row


def sample_rows(today: date) -> list[Row]:
    """Three invented patrons: a plain one, one with strange letters and a long title, one who owes a lot."""
    return [
        _row("012345678", 12_500, "Student", "Overdue fine", date(today.year, 1, 9), "Rivera, Ana", "Calculus", "LIB"),
        _row("098765432", 4_095, "Staff", "Lost item", date(today.year, 2, 3), "Nuñez-O’Hara, José", 'A title\twith a tab, a "quote" and much more after it', "LIB"),
        _row("100000007", 1_234_567, "Faculty", "Recalled item", date(today.year - 1, 11, 30), "Li, Wei", "Maps", "LIB"),
    ]  # fmt: skip


def _row(
    emplid: str, cents: int, user_type: str, violation: str, on: date, name: str, title: str, code: str
) -> Row:
    return {
        "emplid": emplid,
        "total_cents": cents,
        "currency": "USD",
        "user_type": user_type,
        "violation_type": violation,
        "violation_on": on,
        "hold_code": code,
        "hold_reason": "LFINE",
        "action": "A",
        "institution": "CSUSM",
        "department": "LIBRARY",
        "contact": "Library Billing",
        "start_term": "0000",
        "reference": "17251880460004601",
        "item_count": 1,
        "patron_name": name,
        "fee_id": "17251880460004601",
        "item_title": title,
        "item_barcode": "31205000112233",
        "library": "MAIN",
        "item_cents": cents,
    }


def sample_fees(today: date) -> list[Row]:
    """Five invented fees: a plain one, one with strange letters, somebody without an EMPLID, a large one, a credit."""
    credit = {
        "kind": "credit", "debit_credit": "C", "original_reference": "15216075630006761",
        "original_item_type": "900000000010", "original_term": "2264", "original_fee_type": "OVERDUEFINE",
        "original_amount_cents": 1_250, "original_billing_on": today - timedelta(days=30),
    }  # fmt: skip
    return [
        _fee(today, "1", "012345678", 1_250, "OVERDUEFINE", "Rivera, Ana", "Calculus"),
        _fee(today, "2", "098765432", 9_500, "LOSTITEMREPLACEMENTFEE", "Nuñez-O’Hara, José", 'A title, with a "quote" and more'),
        _fee(today, "3", "jane@example.org", 2_000, "LOSTITEMPROCESSFEE", "Doe, Jane", "Maps", payer="community", emplid=""),
        _fee(today, "4", "100000007", 1_234_567, "LOSTITEMREPLACEMENTFEE", "Li, Wei", "An atlas of the Pacific"),
        _fee(today, "5", "012345678", -500, "CREDIT", "Rivera, Ana", "Calculus", **credit),
    ]  # fmt: skip


def sample_journal(today: date) -> list[Row]:
    """The lines of an invented day: two revenues and the clearing account."""
    fines, lost = (
        Chartfields("580090", "SM001", "1200"),
        Chartfields("580094", "SM001", "1200", project="LIB9"),
    )
    on = today - timedelta(days=1)
    booked = [Booked(on, fines, 15_27, 2), Booked(on, lost, 90_00, 1)]
    clearing = Chartfields("101100", "SM001")
    frame = {"business_unit": "SMCMP", "ledger": "ACTUALS", "source": "LIB", "currency": "USD"}
    return list(journal_rows(booked, clearing, **frame))


def _fee(
    today: date, number: str, patron_id: str, cents: int, fee_type: str, name: str, title: str, **more: Any
) -> Row:
    on = today - timedelta(days=20)
    usual: dict[str, Any] = {
        "patron_id": patron_id,
        "emplid": patron_id,
        "id_type": "02",
        "payer": "campus",
        "patron_name": name,
        "fee_type": fee_type,
        "kind": "charge",
        "debit_credit": "D",
        "currency": "USD",
        "fee_ref": f"1521607563000676{number}",
        "reference": f"1521607563000676{number}",
        "owner": "MAIN",
        "institution": "6761",
        "library": "MAIN",
        "item_library": "Main Library",
        "item_title": title,
        "item_call_number": "QA 303",
        "item_barcode": "31205000112233",
        "export_number": "17492217040006761",
        "profile_code": "BURSAR",
        "amount_cents": cents,
        "total_cents": cents,
        "item_count": 1,
        "transaction_on": on,
        "transaction_at": datetime(on.year, on.month, on.day, 11, 44),  # noqa: DTZ001 - campus wall clock
    }
    return usual | more
