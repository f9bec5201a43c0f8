"""The ledger's entries about one fee with the files that prove them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from webapp.models import File, InboundFile, LedgerEntry, Payment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webapp.models.scope import ScopedSession

ENTRIES_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """A line of the ledger, the file of ours that told it, and the file that brought it (None: neither)."""

    entry: LedgerEntry
    file: File | None
    inbound: InboundFile | None


def proven_entries(session: ScopedSession, fee_ref: str) -> Sequence[ProvenEntry]:
    """Every entry about the fee and the credits that take it back, in the order they were written."""
    rows = session.execute(
        select(LedgerEntry, File, InboundFile)
        .outerjoin(File, and_(File.tenant_id == LedgerEntry.tenant_id, File.id == LedgerEntry.file_id))
        .outerjoin(
            InboundFile,
            and_(
                InboundFile.tenant_id == LedgerEntry.tenant_id, InboundFile.id == LedgerEntry.inbound_file_id
            ),
        )
        .where(or_(LedgerEntry.fee_ref == fee_ref, LedgerEntry.original_ref == fee_ref))
        .order_by(LedgerEntry.id)
        .limit(ENTRIES_SHOWN)
    )
    return [ProvenEntry(*row) for row in rows]


def record_of(session: ScopedSession, payment_id: int) -> str:
    """A payment's line of its file as it came; empty where it was not written down."""
    return session.scalar(select(Payment.evidence["raw"].astext).where(Payment.id == payment_id)) or ""
