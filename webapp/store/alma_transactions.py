"""Payments and waivers as Alma lists them: a copy, each once, however often its report is read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from webapp.models.scope import ScopedSession

_BATCH = 1_000
_KEEP = text("""
    INSERT INTO alma_transaction (tenant_id, fee_id, transaction_key, patron_id, bursar_ref, type_code, amount_cents,
                                  transaction_at, external_id, method, received_by, created_by, library, run_id, seen_at)
    VALUES (:tenant_id, :fee_id, :transaction_key, :patron_id, :bursar_ref, :type_code, :amount_cents,
            :transaction_at, :external_id, :method, :received_by, :created_by, :library, :run_id, :seen_at)
    ON CONFLICT (tenant_id, fee_id, transaction_key) DO UPDATE SET
        patron_id = excluded.patron_id,
        bursar_ref = coalesce(nullif(excluded.bursar_ref, ''), alma_transaction.bursar_ref),
        type_code = excluded.type_code, amount_cents = excluded.amount_cents,
        transaction_at = excluded.transaction_at, external_id = excluded.external_id, method = excluded.method,
        received_by = excluded.received_by, created_by = excluded.created_by, library = excluded.library,
        run_id = excluded.run_id, seen_at = excluded.seen_at
    WHERE alma_transaction.seen_at <= excluded.seen_at
""")


@dataclass(frozen=True, slots=True)
class TransactionSeen:
    """One transaction on a fee as Alma lists it; cents are positive, ``transaction_key`` is one of a kind in its fee."""

    fee_id: str
    transaction_key: str
    patron_id: str
    bursar_ref: str
    type_code: str
    amount_cents: int
    transaction_at: datetime | None
    external_id: str
    method: str
    received_by: str
    created_by: str
    library: str


def keep_transactions(
    session: ScopedSession, seen: Sequence[TransactionSeen], *, run_id: int, seen_at: datetime
) -> None:
    """Remember them. ``seen_at`` is before the reading, by the database's clock; an older reading changes nothing."""
    rows = [
        asdict(one) | {"tenant_id": session.tenant_id, "run_id": run_id, "seen_at": seen_at}
        for one in sorted(seen, key=lambda one: (one.fee_id, one.transaction_key))
    ]
    for start in range(0, len(rows), _BATCH):
        session.execute(_KEEP, rows[start : start + _BATCH])
