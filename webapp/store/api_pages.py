"""What the API lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from webapp.models import File, Run

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession


def files_after(session: ScopedSession, *, after: int, limit: int) -> list[File]:
    """The campus's built files with numbers above ``after``, oldest first; not what was collected, nor dry runs'."""
    query = (
        select(File)
        .join(Run, (Run.tenant_id == File.tenant_id) & (Run.id == File.run_id))
        .where(File.id > after, File.kind != "collected", Run.dry_run.is_(False))
    )
    return list(session.scalars(query.order_by(File.id).limit(limit)))
