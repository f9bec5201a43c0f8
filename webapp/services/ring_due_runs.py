"""Ring for what waits: bells get lost with Redis, workers die with their runs."""

from __future__ import annotations

from webapp.adapters.queue import RunQueue
from webapp.domain.run_states import QUEUES
from webapp.models.scope import every_tenant_scope
from webapp.store import leases

# A worker that hears one bell goes on until nothing is due; more bells than workers wake nobody.
BELLS_AT_ONCE = 32


def ring_due_runs(bell: RunQueue, *, tenant_cap: int) -> int:
    """Ring for runs that a worker could claim now, as far as fewer than a few bells wait; returns how many it rang."""
    rung = 0
    with every_tenant_scope() as session:
        for queue in QUEUES:
            run_ids = leases.claimable_runs(session, queue=queue, cap=tenant_cap, limit=BELLS_AT_ONCE)
            session.rollback()
            waiting = bell.depth(queue) if run_ids else None
            if waiting is not None:
                rung += bell.ring(queue, run_ids[: max(BELLS_AT_ONCE - waiting, 0)])
    return rung
