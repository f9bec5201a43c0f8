"""Small layouts and files to read."""

from __future__ import annotations

from typing import Any

from webapp.domain.layouts.inbound import InboundFault, InboundRow, load_inbound, read_rows


def delimited(**changes: Any) -> dict[str, Any]:
    """A load result with a heading, as a campus might describe it."""
    return {
        "format": "feebridge/layout/1",
        "direction": "in",
        "name": "results",
        "mode": "delimited",
        "delimiter": ",",
        "heading": True,
        "columns": [
            {"name": "ID", "field": "emplid", "aliases": ["EMPLID"], "digits": 9, "required": True},
            {"name": "Ref", "field": "reference"},
            {"name": "Amount", "field": "amount_cents"},
            {"name": "Posted", "field": "posted_on", "optional": True},
            {"name": "Status", "field": "status"},
            {"name": "Message", "field": "message", "optional": True},
        ],
        "status": {"accepted": ["OK"], "rejected": ["Error"]},
        **changes,
    }


def positional(**changes: Any) -> dict[str, Any]:
    """A file of rejected lines in fixed columns, amounts in implied cents."""
    return {
        "format": "feebridge/layout/1",
        "direction": "in",
        "name": "rejects",
        "mode": "positional",
        "columns": [
            {"name": "ID", "field": "emplid", "width": 9},
            {"name": "Amount", "field": "amount_cents", "width": 7, "amount": {"decimals": "implied"}},
            {"name": "Date", "field": "billing_on", "start": 18, "width": 8, "date_format": "MMDDYYYY"},
            {"name": "Message", "field": "message", "start": 27, "width": 20},
        ],
        "status": {"rejected": ["*"]},
        **changes,
    }


def read(document: dict[str, Any], content: str | bytes) -> list[InboundRow | InboundFault]:
    """Everything read of a file."""
    piece = content.encode() if isinstance(content, str) else content
    return list(read_rows([piece], load_inbound(document)))


def rows(document: dict[str, Any], content: str | bytes) -> list[InboundRow]:
    """The rows of a file in which every line is good."""
    found = read(document, content)
    assert [fault for fault in found if isinstance(fault, InboundFault)] == []
    return [row for row in found if isinstance(row, InboundRow)]
