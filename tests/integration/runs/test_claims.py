"""Who is served next: the campus that waited longest, within its cap, one run of a pipeline at a time."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from tests.integration.runs.conftest import let_lease_lapse, moves_of, notes_of, run_of
from webapp.models import db
from webapp.models.scope import every_tenant_scope, tenant_scope
from webapp.services.submit_run import submit_run
from webapp.store import leases, runs


def claim(queue: str = "interactive", cap: int = 2, lease_s: int = 40) -> leases.Claim | None:
    with every_tenant_scope() as session:
        return leases.claim_fairest(session, queue=queue, holder="test worker", lease_s=lease_s, cap=cap)


def claimable(cap: int = 2) -> list[int]:
    with every_tenant_scope() as session:
        return leases.claimable_runs(session, queue="interactive", cap=cap, limit=100)


def end(held: leases.Claim, state: str = "succeeded") -> None:
    with tenant_scope(held.tenant_id) as session:
        assert runs.move_run(session, held.run_id, state, actor="test", fence=held.lease_token)
        session.commit()


def test_a_claim_takes_a_lease_and_counts_the_attempt(two_tenants):
    run_id = submit_run(two_tenants[0], "probe")
    held = claim()
    run = run_of(two_tenants[0], run_id)
    assert (held.run_id, held.lease_token, held.is_takeover) == (run_id, 1, False)
    assert (run.state, run.attempt, run.lease_holder) == ("running", 1, "test worker")
    assert 38 < (run.lease_until - run.started_at).total_seconds() < 42
    assert claim() is None


def test_a_flood_of_one_campus_delays_another_by_one_run_at_most(two_tenants):
    flood = [submit_run(two_tenants[0], f"probe{n}") for n in range(30)]
    lone = submit_run(two_tenants[1], "probe")
    served = []
    for _ in range(3):
        held = claim()
        served.append(held.run_id)
        end(held)
    assert served == [flood[0], lone, flood[1]]


def test_a_campus_gets_no_more_runs_at_once_than_its_cap(two_tenants):
    for n in range(3):
        submit_run(two_tenants[0], f"probe{n}")
    first, second = claim(), claim()
    assert claim() is None
    assert claimable() == []
    end(first)
    assert claim() is not None
    assert second is not None


def test_a_second_run_of_a_pipeline_waits_until_the_first_is_finished(two_tenants):
    submit_run(two_tenants[0], "probe")
    submit_run(two_tenants[0], "probe")
    first = claim()
    assert claim() is None
    assert claimable() == []
    end(first)
    assert claim() is not None


@pytest.mark.parametrize("state", ["awaiting_approval", "queued"])
def test_a_started_run_keeps_its_pipeline_while_it_waits(two_tenants, state):
    submit_run(two_tenants[0], "probe")
    held = claim()
    with tenant_scope(held.tenant_id) as session:
        runs.move_run(session, held.run_id, state, actor="test", fence=held.lease_token, delay_s=600)
        session.commit()
    submit_run(two_tenants[0], "probe")
    assert claim() is None


def test_a_dry_run_waits_for_nobody_and_holds_up_nobody(two_tenants):
    submit_run(two_tenants[0], "probe")
    assert claim() is not None
    dry = submit_run(two_tenants[0], "probe", dry_run=True)
    assert claim().run_id == dry


def test_a_run_is_not_claimed_before_its_time(two_tenants):
    submit_run(two_tenants[0], "probe")
    held = claim()
    with tenant_scope(held.tenant_id) as session:
        runs.move_run(session, held.run_id, "queued", actor="test", fence=held.lease_token, delay_s=30)
        session.commit()
    assert claim() is None


def test_a_worker_takes_runs_of_its_own_queue_only(two_tenants):
    submit_run(two_tenants[0], "probe", queue="batch")
    assert claim("interactive") is None
    assert claim("batch") is not None


def test_a_run_whose_lease_lapsed_is_taken_over_with_a_new_token(two_tenants):
    run_id = submit_run(two_tenants[0], "probe")
    former = claim()
    let_lease_lapse(run_id)
    assert claimable() == [run_id]
    heir = claim()
    assert (heir.run_id, heir.lease_token, heir.is_takeover) == (run_id, former.lease_token + 1, True)
    assert moves_of(two_tenants[0], run_id) == ["queued", "running", "running"]
    assert "Taken over" in notes_of(two_tenants[0], run_id)
    with tenant_scope(two_tenants[0]) as session:
        assert not leases.fence_holds(session, run_id, former.lease_token)
        assert leases.fence_holds(session, run_id, heir.lease_token)
    with db.engines["scheduler"].connect() as connection:
        assert not leases.renew_lease(connection, former, lease_s=40)


def test_a_lapsed_lease_is_no_fence_even_before_anybody_took_over(two_tenants):
    run_id = submit_run(two_tenants[0], "probe")
    held = claim()
    let_lease_lapse(run_id)
    with tenant_scope(two_tenants[0]) as session:
        assert not leases.fence_holds(session, run_id, held.lease_token)


def test_an_inactive_campus_is_not_served(two_tenants, superuser):
    submit_run(two_tenants[0], "probe")
    superuser.execute("UPDATE tenant SET is_active = false")
    assert claim() is None
    assert claimable() == []


def test_many_workers_at_once_claim_each_run_once_and_respect_every_cap(two_tenants, core):
    for tenant_id in two_tenants:
        for n in range(10):
            submit_run(tenant_id, f"probe{n % 5}")
    claims: list[leases.Claim] = []

    def claim_twice() -> None:
        with core.app_context():
            claims.extend(held for held in (claim(cap=3), claim(cap=3)) if held)

    threads = [threading.Thread(target=claim_twice) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({held.run_id for held in claims}) == len(claims)
    assert Counter(held.tenant_id for held in claims) == dict.fromkeys(two_tenants, 3)


def test_what_a_frozen_worker_left_open_is_ended_when_its_run_is_taken_over(two_tenants):
    run_id = submit_run(two_tenants[0], "probe")
    former = claim()
    with tenant_scope(two_tenants[0]) as frozen:
        leases.mark_transaction(frozen, run_id, former.lease_token, silence_limit_s=60)
        let_lease_lapse(run_id)
        heir = claim()
        with tenant_scope(two_tenants[0]) as session:
            assert leases.end_older_transactions(session, run_id, heir.lease_token) == 1
        with pytest.raises(OperationalError, match="terminating"):
            runs.run_by_id(frozen, run_id)


def test_a_transaction_that_its_frozen_worker_leaves_idle_is_ended_so_that_the_run_can_be_claimed(
    two_tenants,
):
    run_id = submit_run(two_tenants[0], "probe")
    former = claim()
    let_lease_lapse(run_id)
    with tenant_scope(two_tenants[0]) as frozen:
        leases.mark_transaction(frozen, run_id, former.lease_token, silence_limit_s=0.2)
        runs.write_story(frozen, run_id, "never")
        assert claim() is None
        time.sleep(0.4)
        assert claim().run_id == run_id
        with pytest.raises(DBAPIError, match="idle-in-transaction"):
            frozen.commit()
        frozen.invalidate()
