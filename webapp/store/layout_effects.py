"""The newest runs that sent charges, and what they sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from webapp.models import BursarRow, Run

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession


@dataclass(frozen=True, slots=True)
class SentRun:
    """A run with the moment it began and how many rows it sent."""

    run_id: int
    started_at: datetime
    rows: int


def newest_sent_runs(session: ScopedSession, limit: int) -> list[SentRun]:
    """The newest runs with rows that went out, newest first."""
    rows = session.execute(
        select(Run.id, func.coalesce(Run.started_at, Run.created_at), func.count())
        .join(BursarRow, (BursarRow.tenant_id == Run.tenant_id) & (BursarRow.run_id == Run.id))
        .where(BursarRow.verdict == "send")
        .group_by(Run.id, Run.started_at, Run.created_at)
        .order_by(Run.id.desc())
        .limit(limit)
    )
    return [SentRun(run_id, started_at, count) for run_id, started_at, count in rows]


def sent_rows(session: ScopedSession, run_id: int, limit: int) -> list[dict[str, Any]]:
    """The first rows that a run sent, in their order, as they were staged."""
    query = select(BursarRow.body).where(BursarRow.run_id == run_id, BursarRow.verdict == "send")
    return list(session.scalars(query.order_by(BursarRow.n).limit(limit)))
