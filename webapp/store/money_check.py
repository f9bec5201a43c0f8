"""The money identity of every campus: what was received is posted, waits, is unapplied, refunded, set aside or unknown.

Runs in the scheduler's session, which sees sums and states and nothing that names a patron.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from webapp.models import MoneyCheck

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from webapp.models.scope import ScopedSession

EVERY = timedelta(minutes=15)
# Of two schedulers one takes the check; the other finds it taken.
_LOCK = 0x6D6F6E65


@dataclass(frozen=True, slots=True)
class Checked:
    """One campus's check. ``oldest_open_at``: since when money is neither posted nor set aside."""

    tenant_id: int
    received_cents: int
    is_equal: bool
    oldest_open_at: datetime | None


# Write-offs and the like are news without money, so they are no part of it. A payment whose lines do not add up makes the
# sums unequal, unless another one is wrong by as much the other way; so payments are counted that are unequal by themselves.
_CHECK = """
    WITH line AS (
        SELECT l.tenant_id, l.payment_id,
               coalesce(sum(l.amount_cents) FILTER (WHERE l.state = 'posted'), 0) AS posted,
               coalesce(sum(l.amount_cents) FILTER (WHERE l.state IN ('waiting', 'sending')), 0) AS waiting,
               coalesce(sum(l.amount_cents) FILTER (WHERE l.state = 'unapplied'), 0) AS unapplied,
               coalesce(sum(l.amount_cents) FILTER (WHERE l.state IN ('refunded', 'refund_due')), 0) AS refunded,
               coalesce(sum(l.amount_cents) FILTER (WHERE l.state IN ('ignored', 'netted')), 0) AS set_aside,
               coalesce(sum(l.amount_cents) FILTER (WHERE l.state = 'unknown'), 0) AS unknown,
               sum(l.amount_cents) AS cents,
               bool_or(l.state IN ('waiting', 'sending', 'unapplied', 'unknown')) AS is_open
        FROM payment_line l WHERE l.state <> 'replaced' GROUP BY 1, 2
    )
    INSERT INTO money_check (tenant_id, received_cents, posted_cents, waiting_cents, unapplied_cents, refunded_cents,
                             set_aside_cents, unknown_cents, is_equal, oldest_open_at)
    SELECT t.id, coalesce(m.received, 0), coalesce(m.posted, 0), coalesce(m.waiting, 0), coalesce(m.unapplied, 0),
           coalesce(m.refunded, 0), coalesce(m.set_aside, 0), coalesce(m.unknown, 0), coalesce(m.unequal, 0) = 0,
           m.oldest_open_at
    FROM tenant t LEFT JOIN (
        SELECT p.tenant_id, sum(p.amount_cents) AS received, sum(l.posted) AS posted, sum(l.waiting) AS waiting,
               sum(l.unapplied) AS unapplied, sum(l.refunded) AS refunded, sum(l.set_aside) AS set_aside,
               sum(l.unknown) AS unknown, count(*) FILTER (WHERE p.amount_cents <> coalesce(l.cents, 0)) AS unequal,
               min(p.at) FILTER (WHERE l.is_open) AS oldest_open_at
        FROM payment p LEFT JOIN line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id
        WHERE p.kind IN ('payment', 'reversal') GROUP BY 1
    ) m ON m.tenant_id = t.id
    WHERE {whose}
    RETURNING tenant_id, received_cents, is_equal, oldest_open_at
"""
_DUE = """
    t.is_active AND NOT EXISTS (
        SELECT FROM money_check c WHERE c.tenant_id = t.id AND c.at >= clock_timestamp() - CAST(:every AS interval))
"""


def take_due_check(session: Session) -> list[Checked]:
    """Write a check of each active campus that had none within a quarter of an hour; returns them."""
    is_first = session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    is_due = session.scalar(text(f"SELECT EXISTS (SELECT FROM tenant t WHERE {_DUE})"), {"every": EVERY})
    if not (is_first and is_due):
        return []
    return [Checked(*row) for row in session.execute(text(_CHECK.format(whose=_DUE)), {"every": EVERY})]


def take_check(session: ScopedSession) -> None:
    """Write a check of this campus now, for whoever looks at its books next."""
    session.execute(text(_CHECK.format(whose="t.id = :tenant_id")), {"tenant_id": session.tenant_id})


def newest_check(session: ScopedSession) -> MoneyCheck | None:
    """The campus's last check."""
    return session.scalars(select(MoneyCheck).order_by(MoneyCheck.at.desc()).limit(1)).first()
