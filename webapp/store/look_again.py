"""Whom a source that reads only some patrons must read again: nothing that was left open may be forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from webapp.store.quarantine import LAYOUT

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

# A run that only lets go who has just paid looks at nobody else, and settles nothing for them.
ONLY_EMPLIDS = "only_emplids"
_EXPORTS = (
    "run.tenant_id = :tenant_id AND run.pipeline = 'holds_export' AND NOT run.dry_run AND run.id < :run_id "
    f"AND NOT run.options ? '{ONLY_EMPLIDS}'"
)


@dataclass(frozen=True, slots=True)
class SettledRun:
    """The last run after which nothing was open; ``id`` 0 when there was none yet, then since the very first run."""

    id: int = 0
    started_at: datetime | None = None


def last_settled_run(session: Session, tenant_id: int, run_id: int) -> SettledRun:
    """The last run before ``run_id`` that had nothing to send, or whose files were all confirmed."""
    bound = {"tenant_id": tenant_id, "run_id": run_id}
    settled = session.execute(
        text(f"""
            SELECT run.id, run.started_at FROM run
            WHERE {_EXPORTS} AND run.state IN ('succeeded', 'nothing_to_send') AND NOT EXISTS (
                SELECT FROM file f WHERE f.tenant_id = run.tenant_id AND f.run_id = run.id
                  AND f.kind <> 'collected' AND f.confirmed_at IS NULL)
            ORDER BY run.id DESC LIMIT 1
        """),
        bound,
    ).one_or_none()
    if settled is not None:
        return SettledRun(*settled)
    return SettledRun(0, session.scalar(text(f"SELECT min(started_at) FROM run WHERE {_EXPORTS}"), bound))


def patrons_left_open(
    session: Session, *, tenant_id: int, run_id: int, source: str, settled: SettledRun
) -> list[str]:
    """Ids of patrons with a row on the desk, with a debt within the days of grace, or with news that never arrived.

    A row that a person decided about since the settled run counts too: only another look carries the decision out.
    """
    query = text(f"""
        SELECT DISTINCT patron FROM (
            SELECT coalesce(nullif(q.raw ->> 'user_primary_id', ''), nullif(q.raw ->> 'emplid', ''),
                            q.raw ->> 'patron_key') AS patron
            FROM quarantined_row q
            WHERE q.tenant_id = :tenant_id AND q.source IN (:source, '{LAYOUT}')
              AND (q.resolved_at IS NULL OR q.resolved_at >= :settled_at)
            UNION ALL
            SELECT h.emplid FROM hold_change h JOIN run ON run.tenant_id = h.tenant_id AND run.id = h.run_id
            WHERE h.tenant_id = :tenant_id AND h.run_id > :settled_id AND h.confirmed_at IS NULL AND {_EXPORTS}
            UNION ALL
            SELECT jsonb_array_elements_text(last.in_grace) FROM (
                SELECT step.result -> 'in_grace' AS in_grace
                FROM run JOIN run_step step ON step.tenant_id = run.tenant_id AND step.run_id = run.id
                WHERE {_EXPORTS} AND step.name = 'decide' AND step.result ? 'in_grace'
                ORDER BY run.id DESC LIMIT 1
            ) last
        ) open WHERE patron <> '' ORDER BY patron
    """)
    bound = {
        "tenant_id": tenant_id,
        "run_id": run_id,
        "source": source,
        "settled_id": settled.id,
        "settled_at": settled.started_at,
    }
    return list(session.scalars(query, bound))


def lapsed_releases(
    session: Session, *, tenant_id: int, run_on: date, settled: SettledRun, time_zone: str
) -> list[str]:
    """Patrons off hold whose temporary release has ended since the settled run: their debt must be looked at again."""
    query = text("""
        SELECT DISTINCT t.emplid FROM temporary_release t
        WHERE t.tenant_id = :tenant_id
          AND (t.ended_at >= :settled_at
               OR t.until_on < :run_on AND t.until_on >= (CAST(:settled_at AS timestamptz) AT TIME ZONE :zone)::date)
          AND NOT EXISTS (SELECT FROM hold_register r WHERE r.tenant_id = t.tenant_id AND r.emplid = t.emplid)
        ORDER BY t.emplid
    """)
    bound = {
        "tenant_id": tenant_id,
        "run_on": run_on,
        "zone": time_zone,
        "settled_at": settled.started_at,
    }
    return list(session.scalars(query, bound))


def emplids_on_hold(session: Session, tenant_id: int) -> list[str]:
    """Everyone with a hold in force."""
    query = text(
        'SELECT emplid FROM hold_register WHERE tenant_id = :tenant_id GROUP BY emplid ORDER BY emplid COLLATE "C"'
    )
    return list(session.scalars(query, {"tenant_id": tenant_id}))
