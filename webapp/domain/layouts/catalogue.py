"""The names a layout may use: fields of a row, of the run, and totals of the whole file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, Literal

FieldKind = Literal["text", "cents", "count", "date", "datetime"]
Value = str | int | date | datetime | None
Row = Mapping[str, Value]
Catalogue = Mapping[str, FieldKind]

_HOLD_FIELDS: Final[dict[str, FieldKind]] = {
    "emplid": "text",
    "total_cents": "cents",
    "currency": "text",
    "user_type": "text",
    "violation_type": "text",
    "violation_on": "date",
    "hold_code": "text",
    "hold_reason": "text",
    "action": "text",
    "institution": "text",
    "department": "text",
    "contact": "text",
    "start_term": "text",
    "reference": "text",
    "item_count": "count",
    "patron_name": "text",
    "fee_id": "text",
    "item_title": "text",
    "item_barcode": "text",
    "library": "text",
    "item_cents": "cents",
}
HOLD_FIELDS: Final[Catalogue] = MappingProxyType(_HOLD_FIELDS)
"""A hold row. ``action`` is A added, U updated, R released or S snapshot; ``reference`` is the oldest fee's id."""

_FEE_TEXTS: Final = (
    *("patron_id", "emplid", "id_type", "payer", "patron_name", "patron_group", "career"),
    *("fee_type", "kind", "debit_credit", "currency", "fee_ref", "reference", "reference_out", "owner"),
    *("institution", "library", "item_library", "item_location", "item_internal_location"),
    *("item_title", "item_call_number", "item_barcode", "comment", "export_number", "profile_code"),
    *("original_reference", "original_item_type", "original_term", "original_fee_type"),
)
_FEE_FIELDS: Final[dict[str, FieldKind]] = {
    **dict.fromkeys(_FEE_TEXTS, "text"),
    **dict.fromkeys(("amount_cents", "original_amount_cents", "total_cents"), "cents"),
    **dict.fromkeys(("transaction_on", "due_on", "original_billing_on"), "date"),
    "transaction_at": "datetime",
    "item_count": "count",
}
FEE_FIELDS: Final[Catalogue] = MappingProxyType(_FEE_FIELDS)
"""A fee on its way to the bursar. ``kind`` is charge, credit or reversal, ``payer`` campus or community,
``debit_credit`` D or C; ``amount_cents`` is above zero for charges, below for credits and reversals, which carry what
the ledger knows of their charge in ``original_…``. ``reference_out`` is ``reference`` unless the layout derives it."""

_JOURNAL_FIELDS: Final[dict[str, FieldKind]] = {
    **dict.fromkeys(("business_unit", "ledger", "source", "currency"), "text"),
    **dict.fromkeys(("account", "fund", "dept", "program", "class", "project"), "text"),
    **dict.fromkeys(("description", "reference", "side"), "text"),
    "amount_cents": "cents",
    "journal_on": "date",
    "item_count": "count",
}
JOURNAL_FIELDS: Final[Catalogue] = MappingProxyType(_JOURNAL_FIELDS)
"""A line of a general ledger journal: ``amount_cents`` is above zero for debits, below for credits; ``side`` is revenue
or clearing, ``item_count`` the number of payments behind it."""

SUBJECTS: Final[Mapping[str, Catalogue]] = MappingProxyType(
    {"holds": HOLD_FIELDS, "charges": FEE_FIELDS, "journal": JOURNAL_FIELDS}
)
"""The fields of a row by what a layout is about."""

RUN_FIELDS: Final[Catalogue] = MappingProxyType(
    {
        "date": "datetime",
        "campus": "text",
        "kind": "text",
        "sequence": "count",
        "hold_code": "text",
        "campus_name": "text",
        "profile_code": "text",
        "export_number": "text",
    }
)
"""What a layout may say about the run: ``date`` is the run's campus wall clock, ``kind`` the kind of the file."""

TOTAL_FIELDS: Final[Catalogue] = MappingProxyType(
    {
        "count": "count",
        "lines": "count",
        "total": "cents",
        "absolute_total": "cents",
        "charges_count": "count",
        "charges_total": "cents",
        "credits_count": "count",
        "credits_total": "cents",
    }
)
"""Totals for header and trailer: ``count`` of detail lines, ``lines`` with header, heading and trailer counted too,
``total`` signed; ``credits_…`` of the rows below zero (their total is negative), ``charges_…`` of the others."""


@dataclass(frozen=True, slots=True)
class Aggregates:
    """The totals of one file, known before its first byte is written (a header may state them).

    Money is integer cents; ``credits_total_cents`` is zero or negative and part of ``total_cents``.
    """

    count: int
    total_cents: int
    credits_count: int = 0
    credits_total_cents: int = 0

    def values(self, extra_lines: int) -> dict[str, Value]:
        """TOTAL_FIELDS with their values; ``extra_lines`` are the lines which are not detail lines."""
        return {
            "count": self.count,
            "lines": self.count + extra_lines,
            "total": self.total_cents,
            "absolute_total": self.total_cents - 2 * self.credits_total_cents,
            "charges_count": self.count - self.credits_count,
            "charges_total": self.total_cents - self.credits_total_cents,
            "credits_count": self.credits_count,
            "credits_total": self.credits_total_cents,
        }


def unknown_name(what: str, name: str, allowed: Iterable[str]) -> str:
    """A sentence that refuses a name: the nearest allowed one, then all of them."""
    names = list(allowed)
    near = difflib.get_close_matches(name[:100], names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"unknown {what} {name[:100]!r}{hint} Allowed: {', '.join(names) or 'none'}"
