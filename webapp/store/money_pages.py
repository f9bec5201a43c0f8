"""What the desk for money reads: parts of payments that wait for a person, and the fees a part may pay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, text, tuple_
from sqlalchemy.orm import aliased

from webapp.models import Payment, PaymentLine, Person, SeenFee
from webapp.store.emplids import spellings
from webapp.store.ledger import ToldCharge, charges_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from webapp.models.scope import ScopedSession

EXPORT_BATCH = 2_000
FEES_SHOWN = 50
FEES_READ = 500
# In the order in which they should be looked at.
DESK_STATES = ("unknown", "unapplied", "refund_due")
_ON_ITS_WAY = ("waiting", "sending", "unknown")


@dataclass(frozen=True, slots=True)
class MoneyFilter:
    """Which parts the desk shows; empty means any. ``owner_id`` 0: those that nobody has. ``words``: whole ids."""

    state: str = ""
    rule: str = ""
    owner_id: int | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """A part of a payment on the desk, its payment, who looks after it, and who decided about it."""

    line: PaymentLine
    payment: Payment
    owner: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class MoneyTotal:
    """How much of one state waits, and since when."""

    parts: int
    cents: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class MoneyPage:
    """One page, the oldest payment first. ``after`` is the key to go on from, None at the end."""

    rows: Sequence[MoneyRow]
    after: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class PayableFee:
    """An open fee of a patron, and the money that is on its way to it already.

    ``fee_ref``: Alma's id, or what PeopleSoft was told for a fee that Alma was not asked about. ``owed_cents``: its
    balance as Alma last showed it, else what is left of its charge. ``status``: empty where Alma was not asked.
    """

    fee_ref: str
    fee_type: str
    title: str
    opened_on: date | None
    status: str
    owed_cents: int
    coming_cents: int

    @property
    def left_cents(self) -> int:
        """What it can still take."""
        return max(self.owed_cents - self.coming_cents, 0)


def desk_totals(session: ScopedSession) -> Mapping[str, MoneyTotal]:
    """What waits for a person, by state; states in which nothing waits are missing."""
    rows = session.execute(
        select(
            PaymentLine.state,
            func.count(),
            func.sum(PaymentLine.amount_cents),
            func.min(PaymentLine.created_at),
        )
        .where(PaymentLine.state.in_(DESK_STATES))
        .group_by(PaymentLine.state)
    )
    found = {row[0]: MoneyTotal(row[1], int(row[2]), row[3]) for row in rows}
    return {state: found[state] for state in DESK_STATES if state in found}


def money_page(
    session: ScopedSession, wanted: MoneyFilter, *, after: tuple[int, int] | None, limit: int
) -> MoneyPage:
    """One page of the desk."""
    query = _ordered(wanted)
    if after is not None:
        query = query.where(tuple_(PaymentLine.payment_id, PaymentLine.n) > after)
    rows = [MoneyRow(*row) for row in session.execute(query.limit(limit + 1))]
    last = rows[limit - 1].line if len(rows) > limit else None
    return MoneyPage(rows[:limit], (last.payment_id, last.n) if last else None)


def every_money_row(session: ScopedSession, wanted: MoneyFilter) -> Iterator[MoneyRow]:
    """All parts under the filter, fetched in batches, for an export."""
    for row in session.execute(_ordered(wanted), execution_options={"yield_per": EXPORT_BATCH}):
        yield MoneyRow(*row)


def money_row(session: ScopedSession, payment_id: int, n: int) -> MoneyRow | None:
    """One part of a payment of the scope's campus, whatever its state."""
    found = session.execute(_select().where(PaymentLine.payment_id == payment_id, PaymentLine.n == n)).first()
    return None if found is None else MoneyRow(*found)


def open_fees(session: ScopedSession, payment: Payment) -> list[PayableFee]:
    """Fees of the payment's patron that are open as Alma last showed them, or by what PeopleSoft was told, oldest first."""
    seen = _seen_of(session, payment)
    told = _told_of(session, payment, {name for fee in seen for name in (fee.fee_id, fee.bursar_ref)})
    booked = _booked(session, [*(name for fee in seen for name in (fee.fee_id, fee.bursar_ref)), *told])
    found = []
    for fee in seen:
        if fee.balance_cents > 0 and fee.status != "CLOSED":
            coming = sum(booked.get(name, (0, 0))[0] for name in {fee.fee_id, fee.bursar_ref} - {""})
            opened_on = fee.created_at.date() if fee.created_at else None
            found.append(
                PayableFee(
                    fee.fee_id, fee.fee_type, fee.title, opened_on, fee.status, fee.balance_cents, coming
                )
            )
    for charge in told.values():
        coming, posted = booked.get(charge.fee_ref, (0, 0))
        if (owed := charge.remaining_cents - posted) > 0:
            found.append(PayableFee(charge.fee_ref, charge.fee_type, "", charge.billing_on, "", owed, coming))
    return sorted(found, key=lambda fee: (fee.opened_on or date.max, fee.fee_ref))[:FEES_SHOWN]


def _seen_of(session: ScopedSession, payment: Payment) -> Sequence[SeenFee]:
    """Fees of the patron that Alma was asked about, closed ones too."""
    whose: list[ColumnElement[bool]] = []
    if payment.emplid:
        whose.append(SeenFee.emplid.in_(spellings(payment.emplid)))
    if payment.patron_id:
        whose.append(SeenFee.patron_id == payment.patron_id)
    if not whose:
        return ()
    query = select(SeenFee).where(or_(*whose)).order_by(SeenFee.created_at.desc()).limit(FEES_READ)
    return session.scalars(query).all()


def _told_of(session: ScopedSession, payment: Payment, seen: set[str]) -> dict[str, ToldCharge]:
    """Charges of the patron that PeopleSoft was told and Alma was not asked about."""
    ids = spellings(payment.emplid) | ({payment.patron_id} - {""})
    if not ids:
        return {}
    theirs = """
        SELECT fee_ref FROM ledger_entry
        WHERE tenant_id = :tenant_id AND patron_id = ANY(:ids) AND side = 'bursar' AND event = 'charge'
    """
    rows = session.execute(text(charges_of(theirs)), {"tenant_id": session.tenant_id, "ids": sorted(ids)})
    found = [ToldCharge(*row) for row in rows]
    return {
        charge.fee_ref: charge
        for charge in found
        if charge.remaining_cents > 0 and charge.fee_ref not in seen
    }


def _booked(session: ScopedSession, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Money booked for fees under any of these names: cents on their way, and cents posted."""
    wanted = sorted({*names} - {""})
    name = case((PaymentLine.fee_id.in_(wanted), PaymentLine.fee_id), else_=PaymentLine.fee_ref)
    coming = func.coalesce(func.sum(PaymentLine.amount_cents).filter(PaymentLine.state.in_(_ON_ITS_WAY)), 0)
    posted = func.coalesce(func.sum(PaymentLine.amount_cents).filter(PaymentLine.state == "posted"), 0)
    rows = session.execute(
        select(name, coming, posted)
        .where(or_(PaymentLine.fee_id.in_(wanted), PaymentLine.fee_ref.in_(wanted)))
        .group_by(name)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def _select() -> Select[PaymentLine, Payment, str, str]:
    owner, decider = aliased(Person), aliased(Person)
    return (
        select(
            PaymentLine,
            Payment,
            func.coalesce(owner.full_name, ""),
            func.coalesce(decider.full_name, ""),
        )
        .join(Payment, and_(Payment.tenant_id == PaymentLine.tenant_id, Payment.id == PaymentLine.payment_id))
        .outerjoin(owner, owner.id == PaymentLine.owner_id)
        .outerjoin(decider, decider.id == PaymentLine.decided_by)
    )


def _ordered(wanted: MoneyFilter) -> Select[PaymentLine, Payment, str, str]:
    return _select().where(*_conditions(wanted)).order_by(PaymentLine.payment_id, PaymentLine.n)


def _conditions(wanted: MoneyFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        PaymentLine.state == wanted.state if wanted.state else PaymentLine.state.in_(DESK_STATES)
    ]
    if wanted.rule:
        found.append(PaymentLine.rule == wanted.rule)
    if wanted.owner_id is not None:
        owner_id = PaymentLine.owner_id
        found.append(owner_id == wanted.owner_id if wanted.owner_id else owner_id.is_(None))
    found.extend(
        or_(
            Payment.emplid.in_(spellings(word)),
            Payment.ref == word,
            PaymentLine.external_id == word,
            PaymentLine.fee_ref == word,
        )
        for word in wanted.words.split()
    )
    return found
