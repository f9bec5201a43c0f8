"""What the API lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from webapp.models import Delivery, File, Run

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from webapp.models.scope import ScopedSession


def files_after(session: ScopedSession, *, after: int, limit: int) -> list[tuple[File, bool]]:
    """The campus's built files with numbers above ``after``, oldest first, and whether each may leave.

    Not what was collected, nor dry runs'.
    """
    query = (
        select(File, _may_leave())
        .join(Run, (Run.tenant_id == File.tenant_id) & (Run.id == File.run_id))
        .where(File.id > after, File.kind != "collected", Run.dry_run.is_(False))
    )
    return [(file, may_leave) for file, may_leave in session.execute(query.order_by(File.id).limit(limit))]


def may_leave(session: ScopedSession, file_id: int) -> bool | None:
    """Whether programs may have the file's bytes; None when the campus has no such file."""
    query = select(_may_leave()).select_from(File)
    joined = query.join(Run, (Run.tenant_id == File.tenant_id) & (Run.id == File.run_id))
    found: bool | None = session.scalar(joined.where(File.id == file_id))
    return found


def _may_leave() -> ColumnElement[bool]:
    """It left, or its run lets it: not while people still have to agree, nor after they did not, or the run failed."""
    waits = select(Delivery.id).where(
        Delivery.tenant_id == File.tenant_id,
        Delivery.file_id == File.id,
        Delivery.target == "download",
        Delivery.state == "pending",
    )
    its_run_lets_it = and_(Run.dry_run.is_(False), Run.state.in_(("delivering", "succeeded")))
    return or_(File.confirmed_at.is_not(None), its_run_lets_it, waits.exists())
