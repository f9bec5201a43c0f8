"""What Alma last said of fees: a copy, by fee, that an older reading never overwrites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy import select, text

from webapp.models import SeenFee

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from webapp.models.scope import ScopedSession

_BATCH = 1_000
_KEEP = text("""
    INSERT INTO alma_fee (tenant_id, fee_id, patron_id, emplid, bursar_ref, fee_type, status, balance_cents,
                          original_cents, library, title, barcode, created_at, seen_at)
    VALUES (:tenant_id, :fee_id, :patron_id, :emplid, :bursar_ref, :fee_type, :status, :balance_cents,
            :original_cents, :library, :title, :barcode, :created_at, :seen_at)
    ON CONFLICT (tenant_id, fee_id) DO UPDATE SET
        patron_id = excluded.patron_id,
        emplid = coalesce(nullif(excluded.emplid, ''), alma_fee.emplid),
        bursar_ref = coalesce(nullif(excluded.bursar_ref, ''), alma_fee.bursar_ref),
        fee_type = excluded.fee_type,
        status = excluded.status,
        balance_cents = excluded.balance_cents,
        original_cents = excluded.original_cents,
        library = excluded.library,
        title = excluded.title,
        barcode = excluded.barcode,
        created_at = excluded.created_at,
        seen_at = excluded.seen_at
    WHERE alma_fee.seen_at <= excluded.seen_at
""")


class FeeAsRead(Protocol):
    """A fee as the Alma client gives it."""

    @property
    def fee_id(self) -> str:
        """Alma's id."""

    @property
    def user_primary_id(self) -> str:
        """Whose it is."""

    @property
    def bursar_transaction_id(self) -> str:
        """Empty until it was numbered for the bursar."""

    @property
    def type_code(self) -> str:
        """Such as OVERDUEFINE."""

    @property
    def status(self) -> str:
        """ACTIVE, INDISPUTE, EXPORTED or CLOSED."""

    @property
    def balance_cents(self) -> int:
        """What is still owed."""

    @property
    def original_cents(self) -> int | None:
        """What it began with."""

    @property
    def library(self) -> str:
        """The owner's code."""

    @property
    def title(self) -> str:
        """Of the item."""

    @property
    def barcode(self) -> str:
        """Of the item."""

    @property
    def created_at(self) -> datetime | None:
        """When it was made."""


def keep_fees(
    session: ScopedSession, tenant_id: int, fees: Sequence[FeeAsRead], emplid: str, seen_at: datetime
) -> None:
    """Remember what Alma said of these fees of one patron. ``seen_at`` is before the reading, by the database's clock.

    ``emplid`` may be empty where it is not known; one that is known stays.
    """
    rows = [
        {
            "tenant_id": tenant_id,
            "fee_id": fee.fee_id,
            "patron_id": fee.user_primary_id,
            "emplid": emplid,
            "bursar_ref": fee.bursar_transaction_id,
            "fee_type": fee.type_code,
            "status": fee.status,
            "balance_cents": fee.balance_cents,
            "original_cents": fee.original_cents,
            "library": fee.library,
            "title": fee.title,
            "barcode": fee.barcode,
            "created_at": fee.created_at,
            "seen_at": seen_at,
        }
        # In one order for everybody: two that keep the same fees would else wait for each other.
        for fee in sorted(fees, key=lambda fee: fee.fee_id)
    ]
    for start in range(0, len(rows), _BATCH):
        session.execute(_KEEP, rows[start : start + _BATCH])


def seen_fee(session: ScopedSession, fee_ref: str) -> SeenFee | None:
    """What Alma last said of the fee that the ledger calls ``fee_ref``: its own id, or its bursar transaction id."""
    if not fee_ref:
        return None
    by_id = session.scalars(select(SeenFee).where(SeenFee.fee_id == fee_ref)).first()
    if by_id is not None:
        return by_id
    found = session.scalars(select(SeenFee).where(SeenFee.bursar_ref == fee_ref).limit(2)).all()
    return found[0] if len(found) == 1 else None
