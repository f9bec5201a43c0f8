"""Claim due runs, fairest first, and see each through with its lease kept alive."""

from __future__ import annotations

import logging
import time

from webapp.config import Settings
from webapp.models import db
from webapp.models.scope import every_tenant_scope
from webapp.store import leases
from worker.attempt import Attempt
from worker.heartbeat import Heartbeat
from worker.interrupts import Interrupts, LeaseLostError

log = logging.getLogger(__name__)

# One bell is answered with all that is due, but a process does not live for ever.
WORK_FOR_S = 60.0


def carry_out_due(
    settings: Settings, queue: str, interrupts: Interrupts, *, work_for_s: float = WORK_FOR_S
) -> int:
    """Claim and carry out due runs of a queue until none is due, the time is over, or we are asked to stop.

    Needs an open application context. Returns how many runs were carried out.
    """
    heartbeat = Heartbeat(db.engines["scheduler"], interrupts, settings.lease_s)
    until = time.monotonic() + work_for_s
    count = 0
    try:
        while time.monotonic() < until and not interrupts.stop_requested.is_set():
            asked_at = time.monotonic()
            claim = _claim(settings, queue, interrupts.holder)
            if claim is None:
                break
            heartbeat.keep(claim, asked_at=asked_at)
            Attempt(settings, claim, interrupts).carry_out()
            heartbeat.drop()
            count += 1
    except LeaseLostError as err:
        # The new holder goes on; whatever this process still has in memory about the run is worth nothing.
        log.warning("lease_lost holder=%s reason=%s", interrupts.holder, err)
    finally:
        heartbeat.end()
    return count


def _claim(settings: Settings, queue: str, holder: str) -> leases.Claim | None:
    with every_tenant_scope() as session:
        return leases.claim_fairest(
            session, queue=queue, holder=holder, lease_s=settings.lease_s, cap=settings.tenant_run_cap
        )
