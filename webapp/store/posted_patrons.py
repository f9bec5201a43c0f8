"""Whose debts a posting run has paid off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, text

from webapp.models import Run

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession


def release_run_of(session: ScopedSession, posting_run_id: int) -> int | None:
    """The holds run that this posting run has asked for already."""
    query = select(Run.id).where(
        Run.pipeline == "holds_export", Run.options["posting_run_id"].as_integer() == posting_run_id
    )
    return session.scalar(query.limit(1))


def paid_and_on_hold(session: ScopedSession, tenant_id: int, posting_run_id: int) -> list[str]:
    """EMPLIDs on hold with a payment posted by this run, and no open fee left.

    The run has read all active fees of everybody it posted for: one that it has not seen is active no more.
    """
    query = text("""
        SELECT DISTINCT p.emplid
        FROM payment_line l JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
        WHERE l.tenant_id = :tenant_id AND l.run_id = :run_id AND l.state = 'posted' AND p.emplid <> ''
          AND EXISTS (SELECT FROM hold_register r WHERE r.tenant_id = l.tenant_id AND r.emplid = p.emplid)
          AND NOT EXISTS (SELECT FROM alma_fee f WHERE f.tenant_id = l.tenant_id AND f.emplid = p.emplid
                            AND f.status = 'ACTIVE' AND f.balance_cents > 0
                            AND f.seen_at >= (SELECT started_at FROM run r WHERE r.tenant_id = f.tenant_id AND r.id = :run_id))
        ORDER BY p.emplid
    """)
    return list(session.scalars(query, {"tenant_id": tenant_id, "run_id": posting_run_id}))
