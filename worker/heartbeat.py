"""Renews the lease of the run being carried out, from a thread and a connection of its own."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from webapp.store import leases
from webapp.store.leases import Claim
from worker.interrupts import Interrupts

log = logging.getLogger(__name__)

# Four beats in a lease; after a failed beat the next one is tried at once a second.
BEATS_PER_LEASE = 4
RETRY_S = 1.0
# Stop this long before the database would give the run to somebody else.
SAFETY_S = 2.0


class Heartbeat:
    """Keeps one claim's lease alive until ``end``. The engine is the scheduler role's."""

    def __init__(self, engine: Engine, interrupts: Interrupts, lease_s: int) -> None:
        self._engine = engine
        self._interrupts = interrupts
        self._lease_s = lease_s
        self._claim: Claim | None = None
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
        self._thread.start()

    def keep(self, claim: Claim, *, asked_at: float) -> None:
        """Renew this claim's lease from now on; it was asked for at ``asked_at`` (monotonic seconds)."""
        self._interrupts.lease_runs_until(asked_at + self._lease_s - SAFETY_S)
        with self._changed:
            self._claim = claim
            self._changed.notify()

    def drop(self) -> None:
        """Stop renewing."""
        with self._changed:
            self._claim = None
            self._changed.notify()
        self._interrupts.lease_runs_until(None)

    def end(self) -> None:
        """Stop renewing and end the thread."""
        self.drop()
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def _beat_on(self) -> None:
        connection: Connection | None = None
        claim: Claim | None = None
        wait_s = self._lease_s / BEATS_PER_LEASE
        while True:
            with self._changed:
                # What changed while a renewal was under way rang for nobody: it is looked at, not listened for.
                changed = self._changed.wait_for(
                    partial(self._is_news_to, claim), timeout=wait_s if claim else None
                )
                claim, ended = self._claim, self._ended
            if ended:
                break
            if claim is None or changed:
                wait_s = self._lease_s / BEATS_PER_LEASE
                continue
            asked_at = time.monotonic()
            try:
                connection = connection or self._connect()
                is_ours = leases.renew_lease(connection, claim, lease_s=self._lease_s)
                wait_s = self._lease_s / BEATS_PER_LEASE
            except SQLAlchemyError as err:
                log.warning("lease_not_renewed run=%s reason=%s", claim.run_id, type(err).__name__)
                _discard(connection)
                connection = None
                wait_s = RETRY_S
                continue
            self._note(claim, asked_at if is_ours else None)
        _discard(connection)

    def _is_news_to(self, claim: Claim | None) -> bool:
        return self._ended or self._claim is not claim

    def _note(self, claim: Claim, renewed_at: float | None) -> None:
        with self._changed:
            if self._claim is not claim:
                return
            if renewed_at is None:
                self._interrupts.lease_runs_until(0.0)
            else:
                self._interrupts.lease_runs_until(renewed_at + self._lease_s - SAFETY_S)

    def _connect(self) -> Connection:
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _discard(connection: Connection | None) -> None:
    if connection is not None:
        connection.invalidate()
        connection.close()
