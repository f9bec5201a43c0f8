"""Which combinations of fee type, library and so on the campus's fees had lately, for the coverage of its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webapp.models.scope import ScopedSession

LOOKED_AT = 50_000
LOOKED_BACK_DAYS = 365


@dataclass(frozen=True, slots=True)
class SeenCombination:
    """The values of a table's keys as fees had them, with how many fees and cents (as they were signed)."""

    values: tuple[str, ...]
    rows: int
    cents: int


def combinations_seen(session: ScopedSession, keys: Sequence[str]) -> tuple[list[SeenCombination], int]:
    """What the fees of the last year had in these fields, most frequent first, and how many fees were looked at.

    At most the newest ``LOOKED_AT`` fees are looked at, whatever was decided about them. ``keys`` are fields of a row.
    """
    columns = ", ".join(f"coalesce(body ->> :key{n}, '')" for n in range(len(keys)))
    rows = session.execute(
        text(f"""
            WITH newest AS (
                SELECT b.body, b.amount_cents FROM bursar_row b
                JOIN run r ON r.tenant_id = b.tenant_id AND r.id = b.run_id
                WHERE b.tenant_id = :tenant_id AND b.origin = 'file'
                  AND r.created_at > now() - make_interval(days => :days)
                ORDER BY b.run_id DESC, b.n LIMIT :looked_at
            )
            SELECT count(*), sum(amount_cents)::bigint, {columns} FROM newest
            GROUP BY {", ".join(str(n + 3) for n in range(len(keys)))} ORDER BY 1 DESC, 3
        """),
        {
            "tenant_id": session.tenant_id,
            "days": LOOKED_BACK_DAYS,
            "looked_at": LOOKED_AT,
            **{f"key{n}": key for n, key in enumerate(keys)},
        },
    ).all()
    found = [SeenCombination(tuple(row[2:]), int(row[0]), int(row[1])) for row in rows]
    return found, sum(seen.rows for seen in found)
