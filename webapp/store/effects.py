"""The intent log: what was, or may have been, done to the outside world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from webapp.models import Effect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.models.scope import ScopedSession


def intend(session: ScopedSession, run_id: int, *, key: str, kind: str, detail: Mapping[str, Any]) -> Effect:
    """Write the intent down unless it is there, and return its row, locked until the transaction ends."""
    session.execute(
        insert(Effect)
        .values(tenant_id=session.tenant_id, run_id=run_id, key=key, kind=kind, detail=dict(detail))
        .on_conflict_do_nothing(index_elements=["tenant_id", "key"])
    )
    return session.scalars(select(Effect).where(Effect.key == key).with_for_update()).one()


def mark_sent(session: ScopedSession, effect_id: int) -> None:
    """From here on the effect may have happened."""
    session.execute(
        text("""
            UPDATE effect SET state = 'sent', attempts = attempts + 1, sent_at = clock_timestamp(), settled_at = NULL
            WHERE tenant_id = :tenant_id AND id = :id
        """),
        {"tenant_id": session.tenant_id, "id": effect_id},
    )


def settle(
    session: ScopedSession, effect_id: int, state: str, evidence: Mapping[str, Any] | None = None
) -> None:
    """Write down what became of it: ``confirmed``, ``failed``, ``unknown``, or ``intended`` (it did not happen)."""
    session.execute(
        text("""
            UPDATE effect SET state = :state, evidence = evidence || CAST(:evidence AS jsonb),
                              settled_at = CASE WHEN :state = 'intended' THEN NULL ELSE clock_timestamp() END
            WHERE tenant_id = :tenant_id AND id = :id
        """),
        {
            "tenant_id": session.tenant_id,
            "id": effect_id,
            "state": state,
            "evidence": json.dumps(dict(evidence or {})),
        },
    )


def doubt_sent(session: ScopedSession, run_id: int) -> None:
    """A run that ends leaves nothing half told: what was sent and never settled is unknown, and shown as such."""
    session.execute(
        text("""
            UPDATE effect SET state = 'unknown', settled_at = clock_timestamp()
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND state = 'sent'
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )


def attempts_of(session: ScopedSession, key: str) -> int:
    """How often the effect of this key may have been done."""
    return session.scalar(select(Effect.attempts).where(Effect.key == key)) or 0
