"""The layout of a file that comes in, and what reading such a file gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, Literal, get_args

from webapp.domain.layouts.catalogue import Value
from webapp.domain.layouts.model import Condition

InboundKind = Literal["text", "cents", "count", "date", "moment"]
_FIELDS: Final[dict[str, InboundKind]] = {
    "reference": "text",
    "emplid": "text",
    "item_type": "text",
    "term": "text",
    "amount_cents": "cents",
    "applied_cents": "cents",
    "balance_cents": "cents",
    "status": "text",
    "message": "text",
    "file_name": "text",
    "line_no": "count",
    "group_id": "text",
    "item_nbr": "text",
    "account_nbr": "text",
    "currency": "text",
    "comment": "text",
    "posted_on": "date",
    "billing_on": "date",
    "due_on": "date",
    "business_unit": "text",
    "updated_at": "moment",
    "paid_on": "date",
    "paid_at": "moment",
    "payment_id": "text",
    "line_seq": "count",
    "line_action": "text",
    "patron_id": "text",
    "barcode": "text",
    "name": "text",
    "hold_code": "text",
    "hold_reason": "text",
    "hold_from_on": "date",
    "hold_to_on": "date",
}
INBOUND_FIELDS: Final[Mapping[str, InboundKind]] = MappingProxyType(_FIELDS)
"""What a column of a file from PeopleSoft may be, after the fields of its items and item lines (records ITEM_SF,
https://pt.dbtutor.com/campus/item_sf.htm): ``line_no`` counts the lines of the file we sent, ``amount_cents`` is the
item's amount, ``applied_cents`` what is paid of it, ``balance_cents`` what is left. A "moment" is a datetime, aware
where the text says its zone. ``hold_…`` are of a service indicator (https://pt.dbtutor.com/campus/srvc_in_rsn_tbl.htm)."""

LineStatus = Literal["accepted", "rejected", ""]
PaymentKind = Literal["payment", "reversal", "write_off", "charge_reversal", "refund"]
PAYMENT_KINDS: Final[tuple[PaymentKind, ...]] = get_args(PaymentKind)
ANY: Final = "*"


class InboundFileError(ValueError):
    """The whole file is refused, and nothing that was read from it may be used.

    ``line`` is where (1 is the first); ``found`` and ``wanted`` are headings, where they are the reason.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        found: Sequence[str] = (),
        wanted: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.found = tuple(found)
        self.wanted = tuple(wanted)


@dataclass(frozen=True, slots=True)
class AmountReading:
    """How text becomes cents.

    ``implied``: 1250 is 12.50. ``sign_from`` names a column whose text, when it is one of ``negative``, turns the
    amount below zero; ``absolute`` drops any sign.
    """

    implied: bool = False
    sign_from: str = ""
    negative: tuple[str, ...] = ()
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class InboundColumn:
    """One column; an empty ``field`` only keeps its place.

    ``start`` (from 1) and ``width`` are positional; ``digits`` puts back leading zeros that a spreadsheet dropped.
    """

    name: str
    field: str = ""
    aliases: tuple[str, ...] = ()
    optional: bool = False
    required: bool = False
    start: int = 0
    width: int = 0
    digits: int = 0
    date_format: str = ""
    day_first: bool = False
    amount: AmountReading = AmountReading()

    @property
    def kind(self) -> InboundKind:
        """What its values are; text where it only keeps its place."""
        return INBOUND_FIELDS.get(self.field, "text")


@dataclass(frozen=True, slots=True)
class PaymentWords:
    """How the lines of a file of payments are meant.

    ``says`` "state": the item as it is now, with what is paid of it so far; "event": a payment. ``actions`` tells what a
    folded word of ``line_action`` is; empty where the file tells nothing but payments. ``positive_is`` "charge": the
    file is written from the account's side, so a payment is below zero.
    """

    says: Literal["state", "event"]
    actions: Mapping[str, PaymentKind] = field(default_factory=dict)
    positive_is: Literal["payment", "charge"] = "payment"


@dataclass(frozen=True, slots=True)
class InboundLayout:
    """How one kind of incoming file is read.

    ``accepted`` and ``rejected`` are folded words of the field ``status``; ``ANY`` among them stands for every other.
    """

    name: str
    description: str
    mode: Literal["delimited", "positional"]
    delimiter: str
    quote: Literal["none", "minimal"]
    encoding: Literal["utf-8", "latin-1"]
    skip_first: int
    skip_last: int
    heading: bool
    columns: tuple[InboundColumn, ...]
    skip_when: tuple[Condition, ...]
    accepted: tuple[str, ...]
    rejected: tuple[str, ...]
    payments: PaymentWords | None = None


@dataclass(frozen=True, slots=True)
class InboundRow:
    """A line that was read.

    ``values`` holds INBOUND_FIELDS that are there and not empty; ``raw`` the columns' own words; ``line`` is its
    number in the file, from 1; ``record`` is the line as it came, without its end.
    """

    line: int
    values: Mapping[str, Value]
    status: LineStatus
    raw: Mapping[str, str] = field(default_factory=dict)
    record: str = ""

    def text(self, name: str) -> str:
        """A text field, or empty."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def cents(self, name: str) -> int | None:
        """A field of cents or a count, or None."""
        value = self.values.get(name)
        return value if isinstance(value, int) else None

    def day(self, name: str) -> date | None:
        """A field that is a day, or None."""
        value = self.values.get(name)
        return value if isinstance(value, date) and not isinstance(value, datetime) else None

    def moment(self, name: str) -> datetime | None:
        """A field that is a moment, aware or on the campus's clock; or None."""
        value = self.values.get(name)
        return value if isinstance(value, datetime) else None


@dataclass(frozen=True, slots=True)
class InboundFault:
    """A line that cannot be used, with a sentence that says why; the lines around it can."""

    line: int
    reason: str
    raw: Mapping[str, str] = field(default_factory=dict)
    record: str = ""
