"""Which run a mail belongs to, found again when it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from webapp.models import Delivery, Effect, Run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from webapp.models.scope import ScopedSession


def tenants_with_run(every: Session, run_id: int) -> list[int]:
    """The campuses that have a run of this number; one or none."""
    return list(every.scalars(select(Run.tenant_id).where(Run.id == run_id)))


def has_sent(session: ScopedSession, run_id: int, message_id: str) -> bool:
    """Whether this run of the scope's campus handed exactly this mail to a mail server, or may have."""
    found = select(Effect.id).where(
        Effect.run_id == run_id,
        Effect.kind.in_(("mail", "notice")),
        Effect.state.in_(("sent", "confirmed", "unknown")),
        Effect.detail["message_id"].astext == message_id,
    )
    return session.scalar(found.limit(1)) is not None


def lock_mail_delivery(session: ScopedSession, run_id: int, message_id: str) -> Delivery | None:
    """The run's mail as its page shows it, locked; None when a later mail of the run stands there."""
    return session.scalars(
        select(Delivery)
        .where(
            Delivery.run_id == run_id, Delivery.target.startswith("mail"), Delivery.remote_name == message_id
        )
        .with_for_update()
    ).first()
