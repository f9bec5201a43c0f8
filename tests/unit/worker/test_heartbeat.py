"""The thread that renews a lease hears what changed while it was busy."""

from __future__ import annotations

import threading
import time
from unittest.mock import Mock

import pytest

from webapp.store import leases
from webapp.store.leases import Claim
from worker.heartbeat import BEATS_PER_LEASE, Heartbeat
from worker.interrupts import Interrupts

LEASE_S = 60
CLAIM = Claim(tenant_id=1, run_id=7, lease_token=1, from_state="queued")


@pytest.fixture
def renewal(monkeypatch):
    """A renewal that takes until the test lets it go; the first beat is due at once."""
    under_way, may_go_on = threading.Event(), threading.Event()

    def renew(_connection, _claim, *, lease_s):
        assert lease_s == LEASE_S
        under_way.set()
        return may_go_on.wait(10)

    monkeypatch.setattr(leases, "renew_lease", renew)
    monkeypatch.setattr("worker.heartbeat.BEATS_PER_LEASE", BEATS_PER_LEASE * 10_000)
    return under_way, may_go_on


def test_a_heartbeat_told_to_end_during_a_renewal_ends_after_it(renewal):
    under_way, may_go_on = renewal
    heartbeat = Heartbeat(Mock(), Interrupts("test worker"), LEASE_S)
    heartbeat.keep(CLAIM, asked_at=time.monotonic())
    assert under_way.wait(10)
    threading.Timer(0.1, may_go_on.set).start()
    began = time.monotonic()
    heartbeat.end()
    assert time.monotonic() - began < 3
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
