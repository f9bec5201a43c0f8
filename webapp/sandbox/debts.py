"""Fees and their transactions as the sandbox keeps them, and the inventing of those a patron starts with."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from webapp.sandbox.cast import CAST, FIRST_RANDOM_DEBTOR, FeePlan
from webapp.sandbox.words import LIBRARIES, TITLES

if TYPE_CHECKING:
    from webapp.sandbox.people import Patron, Population

FEES_PER_PATRON = 8  # room for invented fee numbers; more would run into the next patron's
FIRST_INVENTED, FIRST_ADDED = 130_000_000, 900_000_000
OVERDUE_KINDS = ("OVERDUEFINE", "OVERDUEFINE", "OVERDUEFINE", "OVERDUEFINE", "RECALLEDOVERDUEFINE")
FLAT_KINDS = (
    ("LOCKERKEY", 2500),
    ("LIBRARYCARDREPLACEMENT", 1000),
    ("DAMAGEDITEMFINE", 3500),
    ("SERVICEFEE", 450),
    ("OTHER", 125),
    ("CREDIT", -700),
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One payment or waiver. Cents are positive; ``external_transaction_id`` is text of whoever took the money."""

    transaction_id: str
    type_code: str
    amount_cents: int
    at: datetime
    created_by: str
    received_by: str
    external_transaction_id: str | None = None
    method: str | None = None
    reason: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Fee:
    """One fine or fee. ``fee_id`` is text (16 digits, beyond what a JSON number keeps); credits are negative."""

    fee_id: str
    patron_index: int
    type_code: str
    status: str
    original_cents: int
    balance_cents: int
    created_at: datetime
    status_at: datetime
    owner: str  # a library code, or the institution's code
    title: str | None = None
    barcode: str | None = None
    comment: str | None = None
    transactions: tuple[Transaction, ...] = ()
    bursar_transaction_id: str | None = None  # set when the fee was exported to the bursar

    @property
    def is_outstanding(self) -> bool:
        """True while the library itself still waits for money (or owes it): active or in dispute, and not zero."""
        return self.status in {"ACTIVE", "INDISPUTE"} and self.balance_cents != 0


class Inventor:
    """Invents the fees one institution's patrons start with; the same ones every time for the same first day."""

    def __init__(self, population: Population, institution_code: str, first_day: date) -> None:
        self._population = population
        self._institution_code = institution_code
        self._first_day = first_day
        self.suffix = f"{1000 + zlib.crc32(institution_code.encode()) % 9000:04d}"

    def fees(self, patron: Patron) -> tuple[Fee, ...]:
        """The patron's invented fees, oldest id first; empty for most."""
        if not self._population.owes(patron.index):
            return ()
        return tuple(self._fee(patron, slot, plan) for slot, plan in enumerate(self._plans(patron.index)))

    def patron_index(self, fee_id: str) -> int | None:
        """Whose invented fee this id would be, or None when it cannot be one."""
        number = self._serial(fee_id)
        if number is None or not FIRST_INVENTED <= number < FIRST_ADDED:
            return None
        return (number - FIRST_INVENTED) // FEES_PER_PATRON

    def added_id(self, count: int) -> str:
        """The id of the ``count``-th fee added after the start."""
        return self._id(FIRST_ADDED + count)

    def _plans(self, index: int) -> tuple[FeePlan, ...]:
        if index < FIRST_RANDOM_DEBTOR:
            return CAST[index].fees
        chance = self._population.digest(index)
        count = (1, 1, 1, 2, 2, 3)[chance[8] % 6]
        plans = [_random_plan(chance[10 + 6 * slot : 16 + 6 * slot]) for slot in range(count)]
        first = plans[0]
        if first.type_code == "LOSTITEMREPLACEMENTFEE":
            plans.append(
                FeePlan("LOSTITEMPROCESSFEE", 1500, first.days_ago, title=first.title, owner=first.owner)
            )
        return tuple(plans)

    def _fee(self, patron: Patron, slot: int, plan: FeePlan) -> Fee:
        created_at = datetime.combine(
            self._first_day - timedelta(days=plan.days_ago), time(17, 30, slot), tzinfo=UTC
        )
        owner = plan.owner or self._institution_code
        number = FIRST_INVENTED + patron.index * FEES_PER_PATRON + slot
        fee = Fee(
            fee_id=self._id(number),
            patron_index=patron.index,
            type_code=plan.type_code,
            status=plan.status,
            original_cents=plan.original_cents,
            balance_cents=plan.original_cents if plan.status in {"ACTIVE", "INDISPUTE"} else 0,
            created_at=created_at,
            status_at=created_at,
            owner=owner,
            title=None if plan.title is None else TITLES[plan.title],
            barcode=None if plan.title is None else f"3{number:013d}",
            comment=_comment(plan, created_at.date()),
        )
        for type_code, cents in (("PAYMENT", plan.paid_cents), ("WAIVE", plan.waived_cents)):
            if cents:
                fee = self._settled_at_desk(fee, type_code, cents)
        return fee

    def _settled_at_desk(self, fee: Fee, type_code: str, cents: int) -> Fee:
        at = fee.created_at + timedelta(days=2)
        number = f"24{fee.patron_index:07d}{len(fee.transactions)}"
        is_payment = type_code == "PAYMENT"
        transaction = Transaction(
            transaction_id=f"{number}000{self.suffix}",
            type_code=type_code,
            amount_cents=cents,
            at=at,
            created_by="Circulation desk",
            received_by="Circulation",
            external_transaction_id=f"{number}{self.suffix}" if is_payment else None,
            method="CASH" if is_payment else None,
            reason=None if is_payment else "GOODWILL",
        )
        left = max(0, fee.balance_cents - cents)
        return replace(fee, balance_cents=left, status_at=at, transactions=(*fee.transactions, transaction))

    def _id(self, number: int) -> str:
        return f"{number}000{self.suffix}"

    def _serial(self, fee_id: str) -> int | None:
        if (
            not fee_id.isascii()
            or not fee_id.isdigit()
            or len(fee_id) != 16
            or fee_id[9:] != f"000{self.suffix}"
        ):
            return None
        return int(fee_id[:9])


def _random_plan(chance: bytes) -> FeePlan:
    days_ago = 1 + int.from_bytes(chance[:2]) % 700
    title = chance[2] % len(TITLES)
    owner = tuple(LIBRARIES)[(0, 0, 0, 1, 2)[chance[3] % 5]]
    status = "INDISPUTE" if chance[4] < 13 else "ACTIVE"
    kind = chance[5]
    if kind < 150:
        cents = 25 * (1 + chance[3] % 160)
        paid_cents = cents // 2 if kind < 15 else 0
        return FeePlan(OVERDUE_KINDS[kind % 5], cents, days_ago, title, owner, status, paid_cents)
    if kind < 200:
        return FeePlan("LOSTITEMREPLACEMENTFEE", 2995 + 100 * chance[3], days_ago, title, owner, status)
    type_code, cents = FLAT_KINDS[kind % len(FLAT_KINDS)]
    return FeePlan(type_code, cents, days_ago, None, owner, "ACTIVE" if cents < 0 else status)


def _comment(plan: FeePlan, created_on: date) -> str | None:
    if plan.title is None or plan.type_code == "CREDIT":
        return None
    due_on = created_on - timedelta(days=14)
    return (
        f"Date generated: {created_on:%m/%d/%Y}, Due: {due_on:%m/%d/%Y}, "
        "Fine Policy/ies:  Overdue fine policy: 0.25 Open Days Overdue Fine , Action: Item was returned"
    )
