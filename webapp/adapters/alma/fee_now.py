"""A fee of Alma's as the rules of posting see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.domain.payments.posting import EntryNow, FeeNow

if TYPE_CHECKING:
    from webapp.adapters.alma.records import AlmaFee


def as_now(fee: AlmaFee) -> FeeNow:
    """The fee with its transactions, their amounts above zero."""
    entries = tuple(
        EntryNow(
            entry.type_code,
            abs(entry.amount_cents),
            entry.external_transaction_id,
            entry.transaction_id,
            entry.comment,
            entry.transaction_at,
        )
        for entry in fee.transactions
    )
    return FeeNow(fee.fee_id, fee.status, fee.balance_cents, entries, fee.original_cents)
