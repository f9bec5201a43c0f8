"""What can be done to a fee: pay, waive, dispute, restore, create, pay all; each checked the way Alma checks it.

Source: Ex Libris OpenAPI users, "Pay/waive/dispute/restore user fine/fee", "Pay user fines/fees", "Create user
fine/fee" (2026-05). Where the documents are silent the sandbox is the strict one: an amount is always asked for,
more than the balance is refused, and a disputed or closed fee takes no payment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from webapp.sandbox.alma_errors import AlmaRefusalError, bad_parameter, fine_not_found
from webapp.sandbox.debts import Fee, Transaction
from webapp.sandbox.words import FEE_TYPES, LIBRARIES, PAYMENT_METHODS, WAIVE_REASONS

if TYPE_CHECKING:
    from webapp.sandbox.book import Book
    from webapp.sandbox.institution import Institution
    from webapp.sandbox.people import Patron


@dataclass(frozen=True, slots=True)
class FeeOrder:
    """What a caller asks for: the query parameters of Alma's fee operations, as text, "" where not given."""

    op: str
    amount: str = ""
    method: str = ""
    reason: str = ""
    comment: str = ""
    external_transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class NewFee:
    """The fields of a fee to be created, as text, "" where not given."""

    type_code: str
    original_amount: str
    owner: str
    comment: str = ""
    barcode: str = ""
    title: str = ""


class Counter:
    """Carries out orders on one institution's fees and writes each into the judge's book."""

    def __init__(self, institution: Institution, book: Book) -> None:
        self._institution = institution
        self._book = book

    def carry_out(self, patron: Patron, fee_id: str, order: FeeOrder) -> Fee:
        """The fee after the operation.

        Raises:
            AlmaRefusalError: 401665 no such fee, 401666 the operation or a parameter of it makes no sense here.
        """
        with self._institution.lock:
            fee = find_fee(self._institution, patron, fee_id)
            if order.op in {"pay", "waive"}:
                return self._settle(patron, fee, order, amount_cents("amount", order.amount))
            wanted, becomes = {"dispute": ("ACTIVE", "INDISPUTE"), "restore": ("INDISPUTE", "ACTIVE")}.get(
                order.op, ("", "")
            )
            if fee.status != wanted:
                raise bad_parameter("op", order.op)
            changed = replace(fee, status=becomes, status_at=self._institution.clock.now())
            self._institution.store(changed)
            self._write(order, patron, changed, 0)
            return changed

    def pay_all(self, patron: Patron, order: FeeOrder) -> None:
        """Pay the patron's active fees, oldest first; with amount ALL everything, credits used up along the way.

        Raises:
            AlmaRefusalError: 401666 for an operation other than pay, a bad method, or more than is owed.
        """
        if order.op != "pay":
            raise bad_parameter("op", order.op)
        with self._institution.lock:
            owed_cents = self._institution.owed_cents(patron)
            is_all = order.amount.upper() == "ALL"
            left_cents = owed_cents if is_all else amount_cents("amount", order.amount)
            if not 0 < left_cents <= owed_cents:
                raise bad_parameter("amount", order.amount)
            active = sorted(self._institution.fees(patron, "ACTIVE"), key=lambda fee: fee.created_at)
            for fee in active:
                if fee.balance_cents < 0 and is_all:
                    self._institution.store(replace(fee, balance_cents=0, status="CLOSED"))
                part_cents = fee.balance_cents if is_all else min(left_cents, fee.balance_cents)
                if part_cents > 0:
                    self._settle(patron, fee, order, part_cents)
                    left_cents -= part_cents

    def create(self, patron: Patron, wanted: NewFee) -> Fee:
        """A new active fee of the patron.

        Raises:
            AlmaRefusalError: 4019991 to 4019996 for a missing or unknown type, amount or owner.
        """
        _check_new_fee(wanted, self._institution.spec.code)
        cents = amount_cents("original_amount", wanted.original_amount)
        cents = -cents if wanted.type_code == "CREDIT" else cents
        with self._institution.lock:
            now = self._institution.clock.now()
            fee = Fee(
                fee_id=self._institution.next_fee_id(),
                patron_index=patron.index,
                type_code=wanted.type_code,
                status="ACTIVE",
                original_cents=cents,
                balance_cents=cents,
                created_at=now,
                status_at=now,
                owner=wanted.owner,
                title=wanted.title or None,
                barcode=wanted.barcode or None,
                comment=wanted.comment or None,
            )
            self._institution.add(fee)
            self._write(FeeOrder("create"), patron, fee, cents)
            return fee

    def _settle(self, patron: Patron, fee: Fee, order: FeeOrder, cents: int) -> Fee:
        self._check_settlement(fee, order, cents)
        is_payment = order.op == "pay"
        now = self._institution.clock.now()
        transaction = Transaction(
            transaction_id=self._institution.next_transaction_id(),
            type_code="PAYMENT" if is_payment else "WAIVE",
            amount_cents=cents,
            at=now,
            created_by="API, Feebridge sandbox",
            received_by="Not At Desk",
            external_transaction_id=order.external_transaction_id or None,
            method=order.method if is_payment else None,
            reason=None if is_payment else order.reason,
            comment=order.comment or None,
        )
        left_cents = fee.balance_cents - cents
        changed = replace(
            fee,
            balance_cents=left_cents,
            status="ACTIVE" if left_cents else "CLOSED",
            status_at=now,
            transactions=(*fee.transactions, transaction),
        )
        self._institution.store(changed)
        self._write(order, patron, changed, cents)
        return changed

    @staticmethod
    def _check_settlement(fee: Fee, order: FeeOrder, cents: int) -> None:
        if order.op == "pay" and order.method not in PAYMENT_METHODS:
            raise bad_parameter("method", order.method)
        if order.op == "waive" and order.reason not in WAIVE_REASONS:
            raise bad_parameter("reason", order.reason)
        if fee.status != "ACTIVE":
            raise bad_parameter("op", f"{order.op} of a fee with status {fee.status}")
        if not 0 < cents <= fee.balance_cents:
            raise bad_parameter("amount", order.amount)

    def _write(self, order: FeeOrder, patron: Patron, fee: Fee, cents: int) -> None:
        self._book.record(
            order.op,
            institution=self._institution.spec.code,
            primary_id=patron.primary_id,
            fee_id=fee.fee_id,
            amount_cents=cents,
            balance_cents=fee.balance_cents,
            status=fee.status,
            method=order.method,
            reason=order.reason,
            external_transaction_id=order.external_transaction_id,
        )


def find_fee(institution: Institution, patron: Patron, fee_id: str) -> Fee:
    """The patron's fee with this id.

    Raises:
        AlmaRefusalError: 401665 when there is none, or it is somebody else's.
    """
    fee = institution.fee(fee_id)
    if fee is None or fee.patron_index != patron.index:
        raise fine_not_found(fee_id)
    return fee


def amount_cents(name: str, text: str) -> int:
    """Cents from a positive decimal such as "12.5".

    Raises:
        AlmaRefusalError: 401666 for no number, a negative one, or fractions of a cent.
    """
    try:
        cents = Decimal(text) * 100
    except InvalidOperation as err:
        raise bad_parameter(name, text) from err
    if not cents.is_finite() or cents < 0 or cents != int(cents):
        raise bad_parameter(name, text)
    return int(cents)


def _check_new_fee(wanted: NewFee, institution_code: str) -> None:
    if not wanted.type_code:
        raise AlmaRefusalError("4019991", "User fine/fee type is required.")
    if wanted.type_code not in FEE_TYPES:
        raise AlmaRefusalError("4019992", f"User fine/fee type invalid entry: {wanted.type_code}.")
    if not wanted.original_amount:
        raise AlmaRefusalError("4019994", "User fine/fee original amount is required.")
    if not wanted.owner:
        raise AlmaRefusalError("4019996", "User fine/fee owner is required.")
    if wanted.owner != institution_code and wanted.owner not in LIBRARIES:
        raise AlmaRefusalError("4019997", "User fine/fee owner must be a library and not institution.")
