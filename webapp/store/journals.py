"""Which payments are in which journal. A payment's line is taken once; a journal that never left gives its lines back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from webapp.store.ledger import FILE_STATE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime

    from webapp.models.scope import ScopedSession

PIPELINE = "gl_journal"

_FEE_TYPE = """
    coalesce(nullif(f.fee_type, ''), (
        SELECT x.fee_type FROM ledger_entry x
        WHERE x.tenant_id = l.tenant_id AND x.fee_ref = l.fee_ref AND x.fee_type <> '' ORDER BY x.id LIMIT 1), '')
"""
_IS_NEW = """
    NOT EXISTS (SELECT FROM journal_line j WHERE j.tenant_id = :tenant_id AND j.payment_id = {payment_id}
                  AND j.line_n = {n} AND j.event = {event})
"""
# Money that reached its fee, and money that went back after it had. The fee's type is Alma's word, else the ledger's.
_POSTED = f"""
    SELECT l.payment_id, l.n, e.event, e.at, CASE e.event WHEN 'posted' THEN l.amount_cents ELSE -l.amount_cents END AS cents,
           {_FEE_TYPE} AS fee_type
    FROM payment_line l
    JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
    LEFT JOIN alma_fee f ON f.tenant_id = l.tenant_id AND f.fee_id = l.fee_id
    CROSS JOIN LATERAL (VALUES ('posted', l.posted_at), ('refunded', CASE l.state WHEN 'refunded' THEN l.decided_at END))
        AS e (event, at)
    WHERE l.tenant_id = :tenant_id AND p.kind = 'payment' AND l.op <> 'waive' AND l.posted_at IS NOT NULL
      AND p.source = ANY(:sources) AND e.at < :until_at
      AND {_IS_NEW.format(payment_id="l.payment_id", n="l.n", event="e.event")}
"""
# What the cashier took back (a void, a cheque returned) after it had reached its fee, once a person has mended the fee and
# set the line aside. It is of the same item as the payment it takes back; of several the one of its amount, else the newest.
# What no fee ever had was netted when it was taken back: it is in no journal, so nothing of it is turned round.
_TAKEN_BACK = f"""
    SELECT b.payment_id, b.n, 'reversed', b.decided_at, -abs(b.amount_cents), o.fee_type
    FROM payment_line b
    JOIN payment r ON r.tenant_id = b.tenant_id AND r.id = b.payment_id
    CROSS JOIN LATERAL (
        SELECT {_FEE_TYPE} AS fee_type
        FROM payment p
        JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id
        LEFT JOIN alma_fee f ON f.tenant_id = l.tenant_id AND f.fee_id = l.fee_id
        WHERE p.tenant_id = b.tenant_id AND p.item_key = r.item_key AND p.source = r.source AND p.kind = 'payment'
          AND l.op <> 'waive' AND l.state = 'posted'
        ORDER BY l.amount_cents = abs(b.amount_cents) DESC, l.posted_at DESC, l.payment_id DESC, l.n DESC LIMIT 1
    ) o
    WHERE b.tenant_id = :tenant_id AND r.kind = 'reversal' AND b.state = 'ignored' AND b.rule = 'reversal'
      AND r.item_key <> '' AND r.source = ANY(:sources) AND b.decided_at < :until_at
      AND {_IS_NEW.format(payment_id="b.payment_id", n="b.n", event="'reversed'")}
"""
_EVENTS = f"{_POSTED} UNION ALL {_TAKEN_BACK}"


@dataclass(frozen=True, slots=True)
class DaySum:
    """Money of one day for one chartfield string."""

    on: date
    chartfields: Mapping[str, str]
    cents: int
    count: int


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Money for a fee type that has no chartfields."""

    fee_type: str
    cents: int
    count: int


def give_back_dead(session: ScopedSession, tenant_id: int) -> int:
    """Free the lines of journals that ended without a file that left, or may have left; returns how many."""
    freed = session.execute(
        text(f"""
            DELETE FROM journal_line j USING run r
            WHERE j.tenant_id = :tenant_id AND r.tenant_id = j.tenant_id AND r.id = j.run_id
              AND r.state IN ('failed', 'cancelled')
              AND NOT EXISTS (SELECT FROM ({FILE_STATE}) s WHERE s.run_id = j.run_id AND s.state <> 'dead')
        """),
        {"tenant_id": tenant_id},
    )
    return int(freed.rowcount)  # type: ignore[attr-defined]


def find_events(
    session: ScopedSession, tenant_id: int, *, sources: Collection[str], until_at: datetime
) -> None:
    """Make the transaction's table ``journal_event`` of what is in no journal."""
    session.execute(
        text(f"CREATE TEMPORARY TABLE journal_event ON COMMIT DROP AS {_EVENTS}"),
        {"tenant_id": tenant_id, "sources": list(sources), "until_at": until_at},
    )
    session.execute(text("ALTER TABLE journal_event ADD COLUMN chartfields jsonb"))


def fee_types(session: ScopedSession) -> list[str]:
    """The fee types in ``journal_event``."""
    return list(session.scalars(text("SELECT DISTINCT fee_type FROM journal_event ORDER BY 1")))


def name_chartfields(session: ScopedSession, by_type: Mapping[str, Mapping[str, str]]) -> None:
    """Give every event whose fee type is named its chartfields."""
    session.execute(
        text("""
            UPDATE journal_event SET chartfields = m.value FROM jsonb_each(CAST(:by_type AS jsonb)) m
            WHERE m.key = journal_event.fee_type
        """),
        {"by_type": json.dumps({name: dict(parts) for name, parts in by_type.items()})},
    )


def unmapped(session: ScopedSession) -> list[Unmapped]:
    """Money without chartfields, by fee type."""
    rows = session.execute(
        text("""
            SELECT fee_type, sum(cents)::bigint, count(*) FROM journal_event WHERE chartfields IS NULL
            GROUP BY 1 ORDER BY 1
        """)
    )
    return [Unmapped(*row) for row in rows]


def take(session: ScopedSession, tenant_id: int, run_id: int, zone: str) -> None:
    """Put every event with chartfields into this run's journal; what another run took meanwhile is left to it."""
    session.execute(
        text("""
            INSERT INTO journal_line (tenant_id, payment_id, line_n, event, run_id, on_date, amount_cents, chartfields)
            SELECT :tenant_id, payment_id, n, event, :run_id, (at AT TIME ZONE :zone)::date, cents, chartfields
            FROM journal_event WHERE chartfields IS NOT NULL
            ON CONFLICT (tenant_id, payment_id, line_n, event) DO NOTHING
        """),
        {"tenant_id": tenant_id, "run_id": run_id, "zone": zone},
    )


def sums_of_run(session: ScopedSession, tenant_id: int, run_id: int) -> list[DaySum]:
    """What this run's journal holds, by day and chartfields."""
    rows = session.execute(
        text("""
            SELECT on_date, chartfields, sum(amount_cents)::bigint, count(*) FROM journal_line
            WHERE tenant_id = :tenant_id AND run_id = :run_id GROUP BY 1, 2 ORDER BY 1, 2
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )
    return [DaySum(*row) for row in rows]


def sums_of_events(session: ScopedSession, zone: str) -> list[DaySum]:
    """The same of ``journal_event``, for a rehearsal that takes nothing."""
    rows = session.execute(
        text("""
            SELECT (at AT TIME ZONE :zone)::date, chartfields, sum(cents)::bigint, count(*) FROM journal_event
            WHERE chartfields IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        """),
        {"zone": zone},
    )
    return [DaySum(*row) for row in rows]


def next_sequence(session: ScopedSession, tenant_id: int, run_id: int, day: tuple[datetime, datetime]) -> int:
    """One more than the campus's earlier journals of the day [from, to)."""
    bound: dict[str, Any] = {"tenant_id": tenant_id, "run_id": run_id, "day_from": day[0], "day_to": day[1]}
    earlier = session.scalar(
        text(f"""
            SELECT count(*) FROM run r
            WHERE r.tenant_id = :tenant_id AND r.id < :run_id AND r.pipeline = '{PIPELINE}' AND NOT r.dry_run
              AND r.started_at >= :day_from AND r.started_at < :day_to
              AND EXISTS (SELECT FROM file f WHERE f.tenant_id = r.tenant_id AND f.run_id = r.id)
        """),
        bound,
    )
    return int(earlier or 0) + 1
