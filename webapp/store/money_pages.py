"""What the desk for money reads: parts of payments that wait for a person, and the fees a part may pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from webapp.models import Payment, PaymentLine, Person, SeenFee
from webapp.store.emplids import spellings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from webapp.models.scope import ScopedSession

EXPORT_BATCH = 2_000
FEES_SHOWN = 50
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
    """An open fee of a patron as Alma last showed it, and the money that is on its way to it already."""

    fee: SeenFee
    coming_cents: int

    @property
    def left_cents(self) -> int:
        """What it can still take."""
        return max(self.fee.balance_cents - self.coming_cents, 0)


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
    """Fees of the payment's patron that are open as Alma last showed them, the oldest first."""
    whose: list[ColumnElement[bool]] = []
    if payment.emplid:
        whose.append(SeenFee.emplid.in_(spellings(payment.emplid)))
    if payment.patron_id:
        whose.append(SeenFee.patron_id == payment.patron_id)
    if not whose:
        return []
    coming = (
        select(func.coalesce(func.sum(PaymentLine.amount_cents), 0))
        .where(
            PaymentLine.tenant_id == SeenFee.tenant_id,
            PaymentLine.fee_id == SeenFee.fee_id,
            PaymentLine.state.in_(_ON_ITS_WAY),
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(SeenFee, coming)
        .where(or_(*whose), SeenFee.balance_cents > 0, SeenFee.status != "CLOSED")
        .order_by(SeenFee.created_at, SeenFee.fee_id)
        .limit(FEES_SHOWN)
    )
    return [PayableFee(row[0], int(row[1])) for row in rows]


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
