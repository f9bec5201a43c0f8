"""What the mail template's page reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from webapp.models import Run

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession


def last_real_run(session: ScopedSession, pipeline: str) -> Run | None:
    """The newest run that was no rehearsal and ended well."""
    return session.scalars(
        select(Run)
        .where(
            Run.pipeline == pipeline,
            Run.dry_run.is_(False),
            Run.state.in_(("succeeded", "nothing_to_send")),
        )
        .order_by(Run.created_at.desc())
        .limit(1)
    ).first()
