"""Who may work on a run: the claim, the lease on the database's clock, and the fence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from webapp.models.scope import ScopedSession

# Claims of one queue follow one another: a cap read while another claim commits would be wrong.
CLAIM_LOCK = 51_121
# A process frozen in the middle of a transaction must not keep its locks from the one that takes over.
FROZEN_AFTER_S = 5.0
CLAIM_MOVES = (("queued", "running"), ("running", "running"), ("delivering", "delivering"))
# Two claims of different queues may still meet on the unique index of started runs.
_CLAIM_TRIES = 5

# A queued run is claimable when its time has come, its campus is below the cap, and no other run of the same
# lane is started and not finished. A dry run changes nothing and waits for nobody.
CLAIMABLE = """
    r.state = 'queued' AND r.not_before <= clock_timestamp()
    AND (r.dry_run OR r.started_at IS NOT NULL OR NOT EXISTS (
        SELECT FROM run other
        WHERE other.tenant_id = r.tenant_id AND other.lane = r.lane
          AND other.started_at IS NOT NULL AND other.finished_at IS NULL AND NOT other.dry_run))
"""
BELOW_CAP = """
    (SELECT count(*) FROM run busy
     WHERE busy.tenant_id = t.id AND busy.state IN ('running', 'delivering')
       AND busy.lease_until > clock_timestamp()) < :cap
"""

# First whatever a dead worker left (it blocks its lane), then the oldest due run of the campus that has waited
# longest since it was last served.
_CLAIM = text(f"""
    WITH lapsed AS (
        SELECT tenant_id, id, state FROM run
        WHERE state IN ('running', 'delivering') AND lease_until < clock_timestamp() AND queue = :queue
        ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
    ), fairest AS (
        SELECT due.tenant_id, due.id, due.state
        FROM (SELECT id FROM tenant WHERE is_active ORDER BY last_served_at NULLS FIRST, id) t
        CROSS JOIN LATERAL (
            SELECT r.tenant_id, r.id, r.state FROM run r
            WHERE r.tenant_id = t.id AND r.queue = :queue AND {CLAIMABLE} AND {BELOW_CAP}
            ORDER BY r.not_before, r.id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) due
        WHERE NOT EXISTS (SELECT FROM lapsed)
        LIMIT 1
    ), picked AS (
        SELECT * FROM lapsed UNION ALL SELECT * FROM fairest
    ), claimed AS (
        UPDATE run SET
            state = CASE picked.state WHEN 'queued' THEN 'running' ELSE picked.state END,
            attempt = attempt + 1,
            lease_token = lease_token + 1,
            lease_until = clock_timestamp() + make_interval(secs => :lease_s),
            lease_holder = :holder,
            started_at = coalesce(started_at, clock_timestamp())
        FROM picked WHERE run.tenant_id = picked.tenant_id AND run.id = picked.id
        RETURNING run.tenant_id, run.id, run.lease_token, picked.state AS from_state, run.state AS to_state
    ), served AS (
        UPDATE tenant SET last_served_at = clock_timestamp() FROM claimed WHERE tenant.id = claimed.tenant_id
    ), noted AS (
        INSERT INTO run_event (tenant_id, run_id, actor, from_state, to_state, note)
        SELECT tenant_id, id, :holder, from_state, to_state,
               CASE WHEN from_state = 'queued' THEN '' ELSE 'Taken over from a worker that was not heard of again.' END
        FROM claimed
    )
    SELECT tenant_id, id, lease_token, from_state FROM claimed
""")

_CLAIMABLE_RUNS = text(f"""
    (SELECT id FROM run
     WHERE state IN ('running', 'delivering') AND lease_until < clock_timestamp() AND queue = :queue LIMIT :limit)
    UNION ALL
    (SELECT r.id FROM run r JOIN tenant t ON t.id = r.tenant_id
     WHERE t.is_active AND r.queue = :queue AND {CLAIMABLE} AND {BELOW_CAP} LIMIT :limit)
    LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Claim:
    """A run to carry out, and the fence token that says it is ours."""

    tenant_id: int
    run_id: int
    lease_token: int
    from_state: str

    @property
    def is_takeover(self) -> bool:
        """Whether another worker had it and was not heard of again."""
        return self.from_state != "queued"


def claim_fairest(session: Session, *, queue: str, holder: str, lease_s: int, cap: int) -> Claim | None:
    """Claim the fairest due run of a queue for ``lease_s`` seconds, and commit; None when nothing can be claimed.

    The session is the scheduler's. ``cap`` is how many runs of one campus may be carried out at once.
    """
    for _ in range(_CLAIM_TRIES):
        try:
            session.execute(
                text(f"SELECT pg_advisory_xact_lock({CLAIM_LOCK}), {guard_against_freezing()}"),
            )
            row = session.execute(
                _CLAIM, {"queue": queue, "holder": holder, "lease_s": lease_s, "cap": cap}
            ).first()
            session.commit()
        except IntegrityError:
            session.rollback()
            continue
        return Claim(row.tenant_id, row.id, row.lease_token, row.from_state) if row else None
    return None


def claimable_runs(session: Session, *, queue: str, cap: int, limit: int) -> list[int]:
    """Ids of runs of a queue that a worker could claim now: due and free, or left by a worker that died."""
    return list(session.scalars(_CLAIMABLE_RUNS, {"queue": queue, "cap": cap, "limit": limit}))


def guard_against_freezing(limit_s: float = FROZEN_AFTER_S) -> str:
    """SQL that makes PostgreSQL end this transaction should its process not speak for so long in the middle of it."""
    return f"set_config('idle_in_transaction_session_timeout', '{limit_s * 1000:.0f}', true)"


def renew_lease(connection: Connection, claim: Claim, *, lease_s: int) -> bool:
    """Extend a lease on the database's clock; False when it is no longer ours. The connection commits by itself."""
    return bool(
        connection.scalar(
            text("""
                UPDATE run SET lease_until = clock_timestamp() + make_interval(secs => :lease_s)
                WHERE tenant_id = :tenant_id AND id = :run_id AND lease_token = :token
                  AND state IN ('running', 'delivering')
                RETURNING true
            """),
            {
                "tenant_id": claim.tenant_id,
                "run_id": claim.run_id,
                "token": claim.lease_token,
                "lease_s": lease_s,
            },
        )
    )


def fence_holds(session: ScopedSession, run_id: int, lease_token: int) -> bool:
    """Whether the lease is still ours; the run's row stays locked until the transaction ends, so it also stays so."""
    return bool(
        session.scalar(
            text(f"""
                SELECT true FROM run, {guard_against_freezing()} AS guard
                WHERE tenant_id = :tenant_id AND id = :run_id AND lease_token = :token
                  AND state IN ('running', 'delivering') AND lease_until > clock_timestamp()
                FOR UPDATE OF run
            """),
            {"tenant_id": session.tenant_id, "run_id": run_id, "token": lease_token},
        )
    )


def mark_transaction(
    session: ScopedSession, run_id: int, lease_token: int, *, silence_limit_s: float
) -> None:
    """Name the transaction after its run and token, so that whoever takes the run over can end it.

    PostgreSQL ends it by itself when its process leaves it idle for ``silence_limit_s``.
    """
    session.execute(
        text(
            f"SELECT set_config('application_name', :name, true), {guard_against_freezing(silence_limit_s)}"
        ),
        {"name": _transaction_name(session.tenant_id, run_id, lease_token)},
    )


def end_older_transactions(session: ScopedSession, run_id: int, lease_token: int) -> int:
    """End what the run's former holder left open in the database; returns how many transactions that were.

    PostgreSQL lets a role end its own role's sessions (pg_terminate_backend, PostgreSQL 15 documentation 9.27.2).
    """
    names = [_transaction_name(session.tenant_id, run_id, token) for token in range(1, lease_token)]
    return len(
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY(:names)"
            ),
            {"names": names},
        ).all()
    )


def _transaction_name(tenant_id: int | None, run_id: int, lease_token: int) -> str:
    return f"feebridge run {tenant_id}/{run_id} token {lease_token}"
