"""The lines of a file of payments: what each says of whose money, or why it cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import BinaryIO, Final, Literal

from webapp.domain.identifiers import IdentifierError, clean_emplid
from webapp.domain.layouts.inbound import InboundFault, InboundFileError, InboundLayout, InboundRow, read_rows
from webapp.domain.layouts.inbound_model import PaymentKind, PaymentWords
from webapp.domain.layouts.inbound_moments import in_zone

ITEM_NUMBER_DIGITS: Final = 15  # ITEM_NBR, https://pt.dbtutor.com/campus/item_sf.htm


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One line of a file of payments.

    ``says`` "state": an item with ``applied_cents`` paid of it so far and ``cents`` None; what is new is the difference
    to the state before. "event": ``cents`` is the money, above zero where it lessens what is owed, and its ``kind``
    never contradicts it: a payment is not below zero, a reversal not above. ``amount_cents`` is the item's own amount.

    ``item_key`` is business unit|emplid|item number, or without a number business unit|emplid|item type|term|reference.
    ``event_id`` is the sender's number of the payment, or of the item's line, with what else of the line tells two lines
    of one payment apart; empty where the file has none. It may still stand twice in one file when a payment has two equal
    lines.
    ``updated_at`` is in UTC; ``raw`` is the line as it came.
    """

    line: int
    kind: PaymentKind
    says: Literal["state", "event"]
    item_key: str
    event_id: str
    emplid: str
    patron_id: str
    reference: str
    item_type: str
    term: str
    amount_cents: int | None
    applied_cents: int | None
    cents: int | None
    paid_on: date | None
    updated_at: datetime | None
    raw: str


@dataclass(slots=True)
class RowFault:
    """A line that cannot be used, with a sentence that says why; the lines around it can."""

    line: int
    reason: str
    raw: str


class _RowError(ValueError):
    """The line cannot be used; the message is the rest of a sentence that begins with its number."""


def read_payments(
    source: Iterable[bytes] | BinaryIO,
    layout: InboundLayout,
    *,
    emplid_digits: int | None,
    emplid_pad: bool,
    zone: tzinfo,
) -> Iterator[PaymentRow | RowFault]:
    """Every line of a file of payments that the layout does not pass over, in its order.

    ``source`` is an open binary file or its bytes in pieces, read as a stream. ``emplid_digits`` and ``emplid_pad`` are
    as in ``clean_emplid``; ``zone`` is where clocks without an offset hang. A file can turn out to be damaged only at its
    end, so nothing may be used before the iterator has finished.

    Raises:
        InboundFileError: the layout is not about payments, or the file is refused whole as in ``read_rows``.
    """
    understand = row_reader(layout, emplid_digits=emplid_digits, emplid_pad=emplid_pad, zone=zone)
    return (understand(row) for row in read_rows(source, layout))


def row_reader(
    layout: InboundLayout, *, emplid_digits: int | None, emplid_pad: bool, zone: tzinfo
) -> Callable[[InboundRow | InboundFault], PaymentRow | RowFault]:
    """A function from a line that was read to what it says of a payment. Raises: InboundFileError as ``read_payments``."""
    words = payment_words(layout)
    understand = _event_reader(layout, words) if words.says == "event" else _state_reader(words)

    def read(row: InboundRow | InboundFault) -> PaymentRow | RowFault:
        if isinstance(row, InboundFault):
            return RowFault(row.line, row.reason, row.record)
        try:
            emplid = row.text("emplid")
            if emplid:
                emplid = clean_emplid(emplid, digits=emplid_digits, pad=emplid_pad)
            return understand(row, emplid, zone)
        except (_RowError, IdentifierError) as err:
            return RowFault(row.line, f"Line {row.line}: {err}.", row.record)

    return read


def payment_words(layout: InboundLayout) -> PaymentWords:
    """How the layout's lines are meant. Raises: InboundFileError when it is not about payments."""
    if layout.payments is None:
        raise InboundFileError(
            f"The layout {layout.name!r} does not say how its lines are payments. Nothing of the file was used; choose "
            "a layout of payments, or add the member “payments” to it."
        )
    return layout.payments


def _state_reader(words: PaymentWords) -> Callable[[InboundRow, str, tzinfo], PaymentRow]:
    def state(row: InboundRow, emplid: str, zone: tzinfo) -> PaymentRow:
        amount, applied, balance = (
            row.cents(name) for name in ("amount_cents", "applied_cents", "balance_cents")
        )
        if applied is None:
            if amount is None or balance is None:
                raise _RowError("what is paid of the item is missing")
            applied = amount - balance
        if not (row.text("item_nbr") or row.text("item_type") or row.text("reference")):
            raise _RowError("nothing names the item: no item number, item type or reference")
        # An item that nothing was ever applied to has no line, and no action.
        kind = _action_of(row, words) if applied else "payment"
        return _payment_row(row, emplid, zone, kind, applied_cents=applied)

    return state


def _event_reader(
    layout: InboundLayout, words: PaymentWords
) -> Callable[[InboundRow, str, tzinfo], PaymentRow]:
    fields = {column.field for column in layout.columns}
    money = "applied_cents" if "applied_cents" in fields else "amount_cents"
    sign = -1 if words.positive_is == "charge" else 1

    def event(row: InboundRow, emplid: str, zone: tzinfo) -> PaymentRow:
        cents = row.cents(money)
        if cents is None:
            raise _RowError("the amount of the payment is missing")
        kind, cents = _kind_of(row, words, sign * cents)
        return _payment_row(row, emplid, zone, kind, cents=cents, amount_is_own=money == "applied_cents")

    return event


def _kind_of(row: InboundRow, words: PaymentWords, cents: int) -> tuple[PaymentKind, int]:
    """What the line is, and its money with a sign that fits: a word for "reversal" turns it below zero."""
    kind = _action_of(row, words)
    if kind == "reversal":
        return kind, -abs(cents)
    return ("reversal", cents) if kind == "payment" and cents < 0 else (kind, cents)


def _action_of(row: InboundRow, words: PaymentWords) -> PaymentKind:
    if not words.actions:
        return "payment"
    action = row.text("line_action")
    found = words.actions.get(action.casefold())
    if found is None:
        said = f"the action {action[:40]!r} is not known" if action else "the action is missing"
        raise _RowError(f"{said}; say in the layout whether it is a payment")
    return found


def _payment_row(
    row: InboundRow,
    emplid: str,
    zone: tzinfo,
    kind: PaymentKind,
    *,
    applied_cents: int | None = None,
    cents: int | None = None,
    amount_is_own: bool = True,
) -> PaymentRow:
    patron_id, reference = row.text("patron_id"), row.text("reference") or row.text("barcode")
    if not (emplid or patron_id or reference or row.text("item_nbr")):
        raise _RowError("nothing says whose money it is")
    item_key = item_key_of(
        row.text("business_unit"), emplid or patron_id, row.text("item_nbr"),
        (row.text("item_type"), row.text("term"), reference),
    )  # fmt: skip
    updated_at, paid_at = row.moment("updated_at"), row.moment("paid_at")
    updated_at = in_zone(updated_at, zone) if updated_at else None
    paid_at = in_zone(paid_at, zone) if paid_at else None
    seen_at = updated_at or paid_at
    known_at = paid_at or updated_at
    return PaymentRow(
        line=row.line,
        kind=kind,
        says="state" if cents is None else "event",
        item_key=item_key,
        event_id="" if cents is None else _event_id(row, item_key, cents),
        emplid=emplid,
        patron_id=patron_id,
        reference=reference,
        item_type=row.text("item_type"),
        term=row.text("term"),
        amount_cents=row.cents("amount_cents") if amount_is_own else None,
        applied_cents=applied_cents,
        cents=cents,
        paid_on=row.day("paid_on")
        or row.day("posted_on")
        or (known_at.astimezone(zone).date() if known_at else None),
        updated_at=seen_at,
        raw=row.record,
    )


def item_key_of(unit: str, whose: str, item_nbr: str, item: tuple[str, str, str]) -> str:
    """The key of an item; ``item`` is item type, term and reference, for items without a number.

    An item number of digits is written with PeopleSoft's fifteen, so that one that lost zeros is the same item.
    """
    if item_nbr:
        return f"{unit}|{whose}|{item_number_of(item_nbr)}"
    return "|".join((unit, whose, *item))


def item_number_of(text: str) -> str:
    """An item's number as it stands in its key."""
    return text.zfill(ITEM_NUMBER_DIGITS) if text.isdecimal() else text


def _event_id(row: InboundRow, item_key: str, cents: int) -> str:
    """One payment pays several items, and may have several lines of one: all of that tells its lines apart.

    An item's lines are numbered (ITEM_LINE_SF: ITEM_NBR and LINE_SEQ_NBR), so that one without a payment's number can be
    told as well. A payment's lines without numbers can be told by their money only.
    """
    payment_id, line_seq = row.text("payment_id"), row.cents("line_seq")
    number = payment_id.lstrip("0") if payment_id.isdecimal() else payment_id
    if line_seq is not None and (payment_id or row.text("item_nbr")):
        return f"{number}|{item_key}|{line_seq}"
    return f"{number}|{item_key}|={cents}" if payment_id else ""
