"""Deliveries that PeopleSoft has not shown to have taken, and the load results that wait to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from webapp.models import InboundFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from webapp.models.scope import ScopedSession

CHARGES = ("bursar_conversion", "balance_export")
WATCHED_DAYS = 30
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class AwaitedDelivery:
    """A file on an SFTP server that nobody is known to have taken. ``target`` is its effect's, see ``frozen_target``."""

    delivery_id: int
    run_id: int
    name: str
    delivered_at: datetime
    target: Mapping[str, Any]


def awaited_deliveries(session: ScopedSession, tenant_id: int) -> list[AwaitedDelivery]:
    """Files of charges delivered by SFTP in the last month and not acknowledged, oldest first."""
    rows = session.execute(
        text(f"""
            SELECT d.id, d.run_id, d.remote_name, d.delivered_at, x.detail -> 'target'
            FROM delivery d
            JOIN file f ON f.tenant_id = d.tenant_id AND f.id = d.file_id
            JOIN run r ON r.tenant_id = f.tenant_id AND r.id = f.run_id AND r.pipeline = ANY(:charges)
            JOIN LATERAL (
                SELECT detail FROM effect x WHERE x.tenant_id = d.tenant_id AND x.run_id = d.run_id
                  AND x.detail -> 'file_ids' @> to_jsonb(f.id) AND x.detail -> 'target' IS NOT NULL
                ORDER BY x.id DESC LIMIT 1) x ON true
            WHERE d.tenant_id = :tenant_id AND d.target = 'sftp' AND d.state = 'delivered' AND d.remote_name <> ''
              AND d.acknowledged_at IS NULL AND d.delivered_at > now() - interval '{WATCHED_DAYS} days'
            ORDER BY d.delivered_at, d.id LIMIT {_MOST}
        """),
        {"tenant_id": tenant_id, "charges": list(CHARGES)},
    )
    return [AwaitedDelivery(*row) for row in rows]


def note_taken(session: ScopedSession, tenant_id: int, delivery_id: int, words: str) -> bool:
    """The delivery was taken, as ``words`` say; false when that was known already."""
    taken = session.execute(
        text("""
            UPDATE delivery SET acknowledged_at = clock_timestamp(), acknowledgement = :words
            WHERE tenant_id = :tenant_id AND id = :id AND acknowledged_at IS NULL RETURNING id
        """),
        {"tenant_id": tenant_id, "id": delivery_id, "words": words},
    )
    return taken.first() is not None


def await_until(session: ScopedSession, tenant_id: int, hours: int | None) -> None:
    """Ask for an acknowledgement of every open delivery of charges within so many hours; None: ask for none."""
    session.execute(
        text(f"""
            UPDATE delivery d SET awaited_until = d.delivered_at + make_interval(hours => :hours)
            FROM file f JOIN run r ON r.tenant_id = f.tenant_id AND r.id = f.run_id
            WHERE d.tenant_id = :tenant_id AND f.tenant_id = d.tenant_id AND f.id = d.file_id
              AND r.pipeline = ANY(:charges) AND d.target = 'sftp' AND d.state = 'delivered'
              AND d.acknowledged_at IS NULL AND d.delivered_at > now() - interval '{WATCHED_DAYS} days'
              AND d.awaited_until IS DISTINCT FROM d.delivered_at + make_interval(hours => :hours)
        """),
        {"tenant_id": tenant_id, "hours": hours, "charges": list(CHARGES)},
    )


def waiting_results(session: ScopedSession, tenant_id: int) -> list[int]:
    """The numbers of load results that nobody has read yet, oldest first."""
    rows = session.scalars(
        text("""
            SELECT id FROM inbound_file
            WHERE tenant_id = :tenant_id AND kind = 'load_result' AND state IN ('waiting', 'taken') ORDER BY id
        """),
        {"tenant_id": tenant_id},
    )
    return list(rows)


def waiting_result(session: ScopedSession, inbound_file_id: int) -> InboundFile | None:
    """One of them, its row locked until the transaction ends; None when it was read meanwhile."""
    found = session.get(InboundFile, (session.tenant_id, inbound_file_id), with_for_update=True)
    return found if found is not None and found.state in {"waiting", "taken"} else None


def settle_result(
    session: ScopedSession,
    inbound: InboundFile,
    *,
    state: str,
    run_id: int,
    message: str,
    row_count: int | None = None,
    total_cents: int | None = None,
) -> None:
    """Note what became of a load result: ``done`` or ``refused``."""
    session.execute(
        text("""
            UPDATE inbound_file SET state = :state, run_id = :run_id, message = :message, row_count = :row_count,
                                    total_cents = :total_cents, settled_at = clock_timestamp()
            WHERE tenant_id = :tenant_id AND id = :id
        """),
        {
            "tenant_id": inbound.tenant_id,
            "id": inbound.id,
            "state": state,
            "run_id": run_id,
            "message": message,
            "row_count": row_count,
            "total_cents": total_cents,
        },
    )
