"""One patron's open fees, and which of them each row's money pays: by item, by barcode, by what is alike, by the rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from webapp.domain.money import format_cents
from webapp.domain.payments.allocation import OpenFee, Part, Rule, allocate


@dataclass(frozen=True, slots=True)
class MatchRules:
    """The campus's rules for money. ``waives``: what PeopleSoft wrote off is waived in Alma."""

    by_item: bool
    rule: Rule
    types: Sequence[str]
    lost_types: Collection[str]
    waives: bool


@dataclass(frozen=True, slots=True)
class Money:
    """One row's money that names no fee by a reference we know.

    ``amount_cents`` is the item's own amount, where the row says it. ``item_fee_ref`` is the fee that earlier money of the
    same item paid.
    """

    reference: str
    item_type: str
    term: str
    amount_cents: int | None
    cents: int
    item_fee_ref: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """The parts of the money, what is left of it, and why that waits for a person: rule and sentence."""

    parts: Sequence[Part]
    left_cents: int
    rule: str
    reason: str


class PatronFees:
    """What is open of a patron's fees while row after row is paid. Without ``emplid`` nobody is named."""

    def __init__(self, emplid: str, fees: Iterable[OpenFee], rules: MatchRules) -> None:
        self._emplid = emplid
        self._fees = {fee.fee_ref: fee for fee in fees}
        self._rules = rules

    def pay(self, money: Money) -> Placed:
        """Where the money goes; the fees are open by so much less afterwards."""
        placed = self._place(money)
        for part in placed.parts:
            fee = self._fees[part.fee_ref]
            self._fees[part.fee_ref] = replace(fee, open_cents=fee.open_cents - part.amount_cents)
        return placed

    def _place(self, money: Money) -> Placed:
        if not self._emplid:
            return _unmatched(money, "The row names neither a student nor a fee that we know.")
        if money.item_fee_ref:
            return self._as_before(money)
        fees = [fee for fee in self._fees.values() if fee.open_cents > 0]
        if money.reference:
            return self._of_barcode(money, fees)
        alike = self._alike(money, fees)
        if len(alike) == 1:
            why = "The one open charge of this student with this item type, term and amount."
            return _whole(alike[0], money.cents, why)
        if money.item_type:
            fees = [fee for fee in fees if fee.item_type in {"", money.item_type}]
        return self._by_rule(money, alike or fees)

    def _as_before(self, money: Money) -> Placed:
        """One item is one fee: what is more than is left of it pays no other."""
        fee = self._fees.get(money.item_fee_ref)
        if fee is None or fee.open_cents <= 0:
            over = (
                f"Fee {money.item_fee_ref}, which earlier money of this item paid, has nothing left to pay."
            )
            return Placed([], money.cents, "overpaid", over)
        return _whole(fee, money.cents, "Earlier money of the same item paid this fee.")

    def _of_barcode(self, money: Money, fees: Iterable[OpenFee]) -> Placed:
        """The reference may be an item's barcode. One that we do not know (yet) is not another fee's, however alike."""
        of_barcode = [fee for fee in fees if fee.barcode == money.reference]
        if not of_barcode:
            return _unmatched(money, f"The reference {money.reference} is of no fee that we or Alma know.")
        if len(of_barcode) == 1:
            why = "The one open fee of this student for the item with this barcode."
            return _whole(of_barcode[0], money.cents, why)
        return self._by_rule(money, of_barcode)

    def _alike(self, money: Money, fees: Iterable[OpenFee]) -> list[OpenFee]:
        """The fees with the money's item type, amount and term; a payment without an item's amount is of its own."""
        if not self._rules.by_item or not money.item_type:
            return []
        amount = money.cents if money.amount_cents is None else money.amount_cents
        return [
            fee for fee in fees
            if (fee.item_type, fee.amount_cents) == (money.item_type, amount) and money.term in {"", fee.term}
        ]  # fmt: skip

    def _by_rule(self, money: Money, fees: Sequence[OpenFee]) -> Placed:
        if not fees:
            return _unmatched(money, "No open fee of this student is known.")
        rules = self._rules
        parts, left = allocate(
            money.cents, fees, rule=rules.rule, types=rules.types, lost_types=rules.lost_types
        )
        if not parts:
            return _unmatched(money, "Names no fee; the campus lets a person decide.")
        return Placed(
            parts, left, "overpaid", f"{format_cents(left)} more than is left of the fees it may pay."
        )


def _whole(fee: OpenFee, cents: int, why: str) -> Placed:
    fits = min(cents, fee.open_cents)
    over = f"{format_cents(cents - fits)} more than is left of fee {fee.fee_ref}."
    return Placed([Part(fee.fee_ref, fee.fee_id, fits, why)], cents - fits, "overpaid", over)


def _unmatched(money: Money, why: str) -> Placed:
    return Placed([], money.cents, "unmatched", why)
