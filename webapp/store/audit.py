"""The audit chain's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, text

from webapp.models import AuditEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.models.scope import ScopedSession

# Two changes of one campus at once must not hang on the same predecessor.
AUDIT_LOCK = 51_120


def lock_chain(session: ScopedSession) -> None:
    """Keep the campus's chain to ourselves until the transaction ends."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(:space, :tenant)"),
        {"space": AUDIT_LOCK, "tenant": session.tenant_id},
    )


def newest(session: ScopedSession) -> AuditEvent | None:
    """The campus's newest event."""
    return session.scalars(select(AuditEvent).order_by(AuditEvent.n.desc()).limit(1)).first()


def in_order(session: ScopedSession) -> Iterator[AuditEvent]:
    """The campus's whole chain, oldest first, streamed."""
    return iter(session.scalars(select(AuditEvent).order_by(AuditEvent.n).execution_options(yield_per=1000)))


def recent(session: ScopedSession, limit: int = 100, subject: str | None = None) -> list[AuditEvent]:
    """The newest events, for one subject if named."""
    query = select(AuditEvent).order_by(AuditEvent.n.desc()).limit(limit)
    return list(session.scalars(query.where(AuditEvent.subject == subject) if subject else query))
