"""A step that waits gives its worker back and is asked again when its time has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from tests.integration.runs.conftest import finish, make_due, moves_of, notes_of, pipeline, run_of
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.cancel_run import cancel_run
from webapp.services.submit_run import submit_run
from worker.failures import RETRIES
from worker.steps import Continue, Wait

IN_AN_HOUR = timedelta(hours=1)


class CutOff:
    """A step that waits until a test says that the time has come."""

    def __init__(self) -> None:
        self.has_come = False
        self.until = datetime.now(UTC) + IN_AN_HOUR
        self.asked = 0

    def step(self, _ctx):
        self.asked += 1
        return Continue({"asked": self.asked}) if self.has_come else Wait(self.until, "Leaves in an hour.")


def a_waiting_run(tenant_id: int, work) -> tuple[int, CutOff]:
    cutoff = CutOff()

    def wait(ctx):
        return cutoff.step(ctx)

    run_id = submit_run(tenant_id, pipeline(wait, finish))
    work()
    return run_id, cutoff


def test_a_run_that_waits_is_queued_until_its_time_and_says_what_it_waits_for(two_tenants, work):
    run_id, cutoff = a_waiting_run(two_tenants[0], work)
    run = run_of(two_tenants[0], run_id)
    assert (run.state, run.story, run.step) == ("queued", "Leaves in an hour.", "wait")
    assert abs(run.not_before - cutoff.until) < timedelta(seconds=5)
    assert run.lease_until is None
    assert work() == 0
    assert "Leaves in an hour." in notes_of(two_tenants[0], run_id)


def test_the_same_step_is_asked_again_and_the_run_goes_on(two_tenants, work):
    run_id, cutoff = a_waiting_run(two_tenants[0], work)
    cutoff.has_come = True
    make_due(run_id)
    assert work() == 1
    assert cutoff.asked == 2
    assert moves_of(two_tenants[0], run_id) == ["queued", "running", "queued", "running", "succeeded"]
    assert run_of(two_tenants[0], run_id).story == "Probe: done."


def test_waiting_is_no_failed_try_however_often_the_step_is_asked(two_tenants, work):
    run_id, cutoff = a_waiting_run(two_tenants[0], work)
    for _ in range(RETRIES + 2):
        make_due(run_id)
        work()
    assert cutoff.asked == RETRIES + 3
    with tenant_scope(two_tenants[0]) as session:
        assert session.scalar(text("SELECT attempt FROM run_step")) == 0
    assert run_of(two_tenants[0], run_id).state == "queued"


def test_a_run_that_waits_can_be_cancelled(two_tenants, work):
    run_id, _cutoff = a_waiting_run(two_tenants[0], work)
    assert cancel_run(two_tenants[0], run_id, Actor(None, "Ana")) == "cancelled"
    make_due(run_id)
    assert work() == 0
    assert run_of(two_tenants[0], run_id).state == "cancelled"
