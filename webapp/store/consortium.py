"""Every campus's health as states and counts, read with the scheduler's narrow role: no patron, no amount owed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from webapp.models import Membership

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

# What a campus needs, worst first; the words are for people.
ATTENTION = ("failing", "waiting", "well", "new", "inactive")

_HEALTH = """
WITH late_runs AS (
    SELECT tenant_id, count(*) AS n FROM run
    WHERE state = 'queued' AND not_before < now() - interval '15 minutes' GROUP BY tenant_id
), late_schedules AS (
    SELECT tenant_id, count(*) FILTER (WHERE next_due_at < now() - interval '5 minutes') AS n,
           min(next_due_at) AS next_due_at
    FROM schedule WHERE is_enabled GROUP BY tenant_id
), failed AS (
    SELECT r.tenant_id, count(*) AS n FROM run r
    WHERE r.state = 'failed' AND NOT r.dry_run AND r.created_at > now() - interval '7 days'
      AND NOT EXISTS (
        SELECT FROM run later
        WHERE later.tenant_id = r.tenant_id AND later.pipeline = r.pipeline AND NOT later.dry_run
          AND later.created_at > r.created_at AND later.state IN ('succeeded', 'nothing_to_send'))
    GROUP BY r.tenant_id
), awaiting AS (
    SELECT tenant_id, count(*) AS n FROM run WHERE state = 'awaiting_approval' AND NOT dry_run GROUP BY tenant_id
), quarantined AS (
    SELECT tenant_id, count(*) AS n FROM quarantined_row WHERE resolved_at IS NULL GROUP BY tenant_id
), money AS (
    SELECT DISTINCT ON (tenant_id) tenant_id, is_equal, oldest_open_at FROM money_check
    WHERE at > now() - interval '30 days' ORDER BY tenant_id, at DESC
), counted AS (
    SELECT t.id AS tenant_id, t.slug, t.name, t.alma_institution, t.time_zone, t.is_active,
           last_run.state AS last_state, coalesce(last_run.finished_at, last_run.created_at) AS last_at,
           late_schedules.next_due_at,
           coalesce(failed.n, 0) AS failed_count, coalesce(awaiting.n, 0) AS awaiting_count,
           coalesce(quarantined.n, 0) AS quarantined_count,
           coalesce(late_runs.n, 0) + coalesce(late_schedules.n, 0)
               + CASE WHEN money.is_equal IS FALSE THEN 1 ELSE 0 END AS overdue_count,
           coalesce(money.oldest_open_at < now() - interval '24 hours', false) AS money_waits
    FROM tenant t
    LEFT JOIN LATERAL (
        SELECT state, finished_at, created_at FROM run
        WHERE run.tenant_id = t.id AND NOT run.dry_run ORDER BY run.created_at DESC LIMIT 1
    ) last_run ON true
    LEFT JOIN late_schedules ON late_schedules.tenant_id = t.id
    LEFT JOIN late_runs ON late_runs.tenant_id = t.id
    LEFT JOIN failed ON failed.tenant_id = t.id
    LEFT JOIN awaiting ON awaiting.tenant_id = t.id
    LEFT JOIN quarantined ON quarantined.tenant_id = t.id
    LEFT JOIN money ON money.tenant_id = t.id
), health AS (
    SELECT counted.*, CASE
        WHEN NOT is_active THEN 'inactive'
        WHEN failed_count > 0 OR overdue_count > 0 THEN 'failing'
        WHEN awaiting_count > 0 OR quarantined_count > 0 OR money_waits THEN 'waiting'
        WHEN last_state IS NULL THEN 'new'
        ELSE 'well' END AS attention
    FROM counted
)
"""
_ATTENTION_RANK = "array_position(ARRAY['failing', 'waiting', 'new', 'well', 'inactive'], attention)"
HEALTH_ORDERS = {
    "attention": _ATTENTION_RANK,
    "name": "lower(name)",
    "last": "last_at",
    "next": "next_due_at",
    "failed": "failed_count",
    "awaiting": "awaiting_count",
    "quarantined": "quarantined_count",
    "overdue": "overdue_count",
}


@dataclass(frozen=True, slots=True)
class CampusHealth:
    """One campus in counts. ``attention`` is one of ATTENTION; times are aware UTC.

    Money that does not add up counts as overdue; ``money_waits``: some is neither posted nor set aside for a day.
    """

    tenant_id: int
    slug: str
    name: str
    alma_institution: str
    time_zone: str
    is_active: bool
    last_state: str | None
    last_at: datetime | None
    next_due_at: datetime | None
    failed_count: int
    awaiting_count: int
    quarantined_count: int
    overdue_count: int
    money_waits: bool
    attention: str


def list_health(
    session: Session,
    *,
    search: str,
    attention: str,
    sort: str,
    descending: bool,
    limit: int | None,
    offset: int,
) -> tuple[list[CampusHealth], int]:
    """One page of campuses and how many fit the filter. ``sort`` is a key of HEALTH_ORDERS."""
    where = (
        "(:search = '' OR strpos(lower(name || ' ' || slug || ' ' || alma_institution), lower(:search)) > 0)"
    )
    where += " AND (:attention = '' OR attention = :attention)"
    values = {"search": search, "attention": attention, "limit": limit, "offset": offset}
    direction = "DESC" if descending else "ASC"
    rows = session.execute(
        text(
            f"{_HEALTH} SELECT * FROM health WHERE {where} "
            f"ORDER BY {HEALTH_ORDERS[sort]} {direction} NULLS LAST, lower(name), tenant_id LIMIT :limit OFFSET :offset"
        ),
        values,
    )
    found = [CampusHealth(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
    total = session.scalar(text(f"{_HEALTH} SELECT count(*) FROM health WHERE {where}"), values)
    return found, int(total or 0)


def health_of(session: Session, slug: str) -> CampusHealth | None:
    """One campus's health."""
    row = session.execute(text(f"{_HEALTH} SELECT * FROM health WHERE slug = :slug"), {"slug": slug}).first()
    return CampusHealth(**row._mapping) if row else None  # noqa: SLF001


def attention_counts(session: Session) -> dict[str, int]:
    """How many campuses are failing, waiting, well, new and inactive."""
    counts = dict.fromkeys(ATTENTION, 0)
    for attention, count in session.execute(
        text(f"{_HEALTH} SELECT attention, count(*) FROM health GROUP BY attention")
    ):
        counts[attention] = count
    return counts


def roles_of(session: Session, person_ids: Iterable[int]) -> dict[int, list[tuple[int, str]]]:
    """Who may do what where: (tenant id, role) by person."""
    found: dict[int, list[tuple[int, str]]] = {}
    rows = session.execute(
        select(Membership.person_id, Membership.tenant_id, Membership.role)
        .where(Membership.person_id.in_(list(person_ids)))
        .order_by(Membership.person_id, Membership.tenant_id)
    )
    for person_id, tenant_id, role in rows:
        found.setdefault(person_id, []).append((tenant_id, role))
    return found
