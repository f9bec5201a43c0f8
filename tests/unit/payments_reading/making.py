"""Small files of payments to read, with invented people and sums."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

from webapp.domain.layouts.inbound import READY_MADE_INBOUND, load_inbound
from webapp.domain.payments.rows import PaymentRow, RowFault, read_payments

PACIFIC = ZoneInfo("America/Los_Angeles")
QUERY_HEADING = "Unit,ID,Item Nbr,Item Type,Acct Term,Reference Nbr,Item Amount,Applied Amount,Item Balance,Due Date,DateTime Updated"


def query_line(
    *,
    unit: str = "LKCMP",
    emplid: str = "004417203",
    item_nbr: str = "000000000000731",
    reference: str = "22200144000006421",
    amount: str = "25.00",
    applied: str = "22.23",
    balance: str = "2.77",
    due: str = "10/02/2026",
    updated: str = "09/21/2026  2:10:05PM",
) -> str:
    """One line as a PeopleSoft query writes it."""
    texts = ",".join(f'"{text}"' for text in (unit, emplid, item_nbr, "300000006919", "2264", reference))
    money = ",".join(f'"{text}"' if "," in text else text for text in (amount, applied, balance))
    return f"{texts},{money},{due},{updated}"


def query_file(*lines: str, heading: str = QUERY_HEADING, end: str = "\r\n") -> str:
    """A whole query result."""
    return end.join((heading, *lines)) + end


def read(
    layout: str | dict[str, Any], content: str | bytes, *, digits: int | None = 9, pad: bool = True
) -> list[PaymentRow | RowFault]:
    """Everything read of a file through a ready-made layout, or one's own."""
    document = READY_MADE_INBOUND[layout] if isinstance(layout, str) else layout
    piece = content.encode() if isinstance(content, str) else content
    found = read_payments([piece], load_inbound(document), emplid_digits=digits, emplid_pad=pad, zone=PACIFIC)
    return list(found)


def good(layout: str | dict[str, Any], content: str | bytes, **how: Any) -> list[PaymentRow]:
    """The rows of a file in which every line is good."""
    found = read(layout, content, **how)
    assert [fault for fault in found if isinstance(fault, RowFault)] == []
    return [row for row in found if isinstance(row, PaymentRow)]


def refused(layout: str | dict[str, Any], content: str | bytes, **how: Any) -> RowFault:
    """The fault of a file with a single line, which is not good."""
    (fault,) = read(layout, content, **how)
    assert isinstance(fault, RowFault)
    return fault


def changed(layout: str, **changes: Any) -> dict[str, Any]:
    """A ready-made layout with other members, as a campus would copy it."""
    return {**json.loads(json.dumps(READY_MADE_INBOUND[layout])), **changes}
