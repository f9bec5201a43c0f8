"""What the page of one fee reads beyond the bursar's ledger lines: payments, Alma's own words, and the patron's holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, literal, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from webapp.models import (
    Delivery,
    File,
    HoldChange,
    Payment,
    PaymentLine,
    SeenFee,
    SeenTransaction,
)
from webapp.store.emplids import spellings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webapp.models.scope import ScopedSession

PAID_EVENTS = ("payment", "waiver", "write_off")
LINES_SHOWN = 200
HOLDS_SHOWN = 50
# Which of a run's files holds a line of each action.
_KIND_OF_ACTION = {"added": ("A", "U"), "released": ("R",), "snapshot": ("S",)}


@dataclass(frozen=True, slots=True)
class FeeMoney:
    """A part of a payment that goes, went or was to go to the fee."""

    line: PaymentLine
    payment: Payment


@dataclass(frozen=True, slots=True)
class ReportedTransaction:
    """A transaction of the fee as Alma's own report lists it."""

    transaction_key: str
    type_code: str
    amount_cents: int
    at: datetime
    external_id: str
    received_by: str
    run_id: int | None


@dataclass(frozen=True, slots=True)
class OtherBooks:
    """What the books beside the bursar's charges say of a fee: its payments' parts, and Alma."""

    money: Sequence[FeeMoney]
    fee: SeenFee | None
    transactions: Sequence[ReportedTransaction]


@dataclass(frozen=True, slots=True)
class HoldMoment:
    """A change of the patron's hold that PeopleSoft was told, and when its file left and was picked up."""

    change: HoldChange
    told_at: datetime
    file: File | None
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    address: str


def other_books(session: ScopedSession, fee_ref: str) -> OtherBooks:
    """Payments for the fee that the ledger calls ``fee_ref``, and what Alma says of it under that id or number.

    Parts that were replaced are left out. One read.
    """
    is_it = or_(SeenFee.fee_id == fee_ref, and_(SeenFee.bursar_ref == fee_ref, SeenFee.bursar_ref != ""))
    one = select(literal(1)).subquery("one")
    rows = session.execute(
        select(PaymentLine, Payment, SeenFee, _REPORTED)
        .select_from(one)
        .outerjoin(SeenFee, is_it)
        .outerjoin(
            PaymentLine,
            and_(
                or_(PaymentLine.fee_ref == fee_ref, PaymentLine.fee_id == fee_ref),
                PaymentLine.state != "replaced",
            ),
        )
        .outerjoin(
            Payment, and_(Payment.tenant_id == PaymentLine.tenant_id, Payment.id == PaymentLine.payment_id)
        )
        .order_by(PaymentLine.payment_id, PaymentLine.n)
        .limit(LINES_SHOWN)
    ).all()
    money = {(row[0].payment_id, row[0].n): FeeMoney(row[0], row[1]) for row in rows if row[0] is not None}
    fees = {row[2].fee_id: (row[2], row[3] or ()) for row in rows if row[2] is not None}
    # One number for two fees names neither.
    fee, found = fees.get(fee_ref) or (next(iter(fees.values())) if len(fees) == 1 else (None, ()))
    transactions = [
        ReportedTransaction(**{**each, "at": datetime.fromisoformat(each["at"])})
        for each in found[:LINES_SHOWN]
    ]
    return OtherBooks(list(money.values()), fee, transactions)


# The transactions with a time of the fee in the same row, oldest first.
_REPORTED = (
    select(
        func.jsonb_agg(
            aggregate_order_by(
                func.jsonb_build_object(
                    *("transaction_key", SeenTransaction.transaction_key),
                    *("type_code", SeenTransaction.type_code),
                    *("amount_cents", SeenTransaction.amount_cents),
                    *("at", SeenTransaction.transaction_at),
                    *("external_id", SeenTransaction.external_id),
                    *("received_by", SeenTransaction.received_by),
                    *("run_id", SeenTransaction.run_id),
                ),
                SeenTransaction.transaction_at,
                SeenTransaction.transaction_key,
            )
        )
    )
    .where(
        SeenTransaction.tenant_id == SeenFee.tenant_id,
        SeenTransaction.fee_id == SeenFee.fee_id,
        SeenTransaction.transaction_at.is_not(None),
    )
    .correlate(SeenFee)
    .scalar_subquery()
)


def holds_of(session: ScopedSession, emplid: str, *, since_at: datetime) -> list[HoldMoment]:
    """What PeopleSoft was told of the patron's holds from ``since_at`` on, oldest first."""
    if not emplid:
        return []
    in_file = or_(
        *(
            and_(File.kind == kind, HoldChange.action.in_(actions))
            for kind, actions in _KIND_OF_ACTION.items()
        )
    )
    delivery = (
        select(
            func.min(Delivery.delivered_at).label("delivered_at"),
            func.min(Delivery.acknowledged_at).label("acknowledged_at"),
            func.min(Delivery.address).label("address"),
        )
        .where(
            Delivery.tenant_id == File.tenant_id,
            Delivery.run_id == File.run_id,
            Delivery.file_id == File.id,
            Delivery.state == "delivered",
        )
        .lateral("handed_over")
    )
    rows = session.execute(
        select(
            HoldChange,
            HoldChange.confirmed_at,
            File,
            delivery.c.delivered_at,
            delivery.c.acknowledged_at,
            func.coalesce(delivery.c.address, ""),
        )
        .outerjoin(
            File,
            and_(File.tenant_id == HoldChange.tenant_id, File.run_id == HoldChange.run_id, in_file),
        )
        .outerjoin(delivery, File.id.is_not(None))
        .where(HoldChange.emplid.in_(spellings(emplid)), HoldChange.confirmed_at >= since_at)
        .order_by(HoldChange.id)
        .limit(HOLDS_SHOWN)
    )
    found: dict[int, HoldMoment] = {}
    for row in rows:
        # A long file may be split; which of its parts holds the line does not matter for when it left.
        found.setdefault(row[0].id, HoldMoment(*row))
    return list(found.values())
