"""The layout of a file that comes in, and what reading such a file gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from webapp.domain.layouts.catalogue import FieldKind, Value
from webapp.domain.layouts.model import Condition

_FIELDS: Final[dict[str, FieldKind]] = {
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
}
INBOUND_FIELDS: Final[Mapping[str, FieldKind]] = MappingProxyType(_FIELDS)
"""What a column of a file from PeopleSoft may be, after the fields of its items and item lines (records ITEM_SF,
https://pt.dbtutor.com/campus/item_sf.htm): ``line_no`` counts the lines of the file we sent, ``amount_cents`` is the
item's amount, ``applied_cents`` what is paid of it, ``balance_cents`` what is left."""

LineStatus = Literal["accepted", "rejected", ""]
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
    def kind(self) -> FieldKind:
        """What its values are; text where it only keeps its place."""
        return INBOUND_FIELDS.get(self.field, "text")


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


@dataclass(frozen=True, slots=True)
class InboundRow:
    """A line that was read.

    ``values`` holds INBOUND_FIELDS that are there and not empty; ``raw`` the columns' own words; ``line`` is its
    number in the file, from 1.
    """

    line: int
    values: Mapping[str, Value]
    status: LineStatus
    raw: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A text field, or empty."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def cents(self, name: str) -> int | None:
        """A field of cents or a count, or None."""
        value = self.values.get(name)
        return value if isinstance(value, int) else None


@dataclass(frozen=True, slots=True)
class InboundFault:
    """A line that cannot be used, with a sentence that says why; the lines around it can."""

    line: int
    reason: str
    raw: Mapping[str, str] = field(default_factory=dict)
