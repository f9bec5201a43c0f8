"""Each effect on the outside world at most once: the other side's own list is the judge."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.integration.runs.conftest import let_lease_lapse, make_due, pipeline, run_of
from webapp.adapters.errors import PermanentError, RetryableError, UnknownOutcomeError
from webapp.models import Effect
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.cancel_run import RunRefusedError, cancel_run
from webapp.services.submit_run import submit_run
from webapp.store import runs
from worker.effects import perform_effect
from worker.interrupts import LeaseLostError
from worker.steps import Finish


class Peer:
    """The other side: what reached it, and how it fails next."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.confirmed: list[dict] = []
        self.before: BaseException | None = None
        self.after: BaseException | None = None
        self.look_answer: str | None = None
        self.looks = 0

    def send(self, before_effect):
        before, self.before = self.before, None
        if before:
            raise before
        before_effect()
        self.received.append("file")
        after, self.after = self.after, None
        if after:
            raise after
        return {"receipt": len(self.received)}

    def look(self):
        self.looks += 1
        return self.look_answer or ("happened" if self.received else "did_not_happen")

    def deliver(self, ctx):
        evidence = perform_effect(
            ctx,
            key="holds.1.sftp",
            kind="sftp",
            detail={"name": "a.txt", "file_ids": [1]},
            send=self.send,
            look=self.look,
            on_confirm=lambda session, evidence: self.confirm(ctx, session, evidence),
        )
        return Finish("succeeded", evidence)

    def confirm(self, ctx, session, evidence):
        self.confirmed.append(evidence)
        runs.merge_counts(session, ctx.run.id, {"confirmed": True})


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def run_id(two_tenants, peer) -> int:
    def deliver(ctx):
        return peer.deliver(ctx)

    return submit_run(two_tenants[0], pipeline(deliver))


def effect_state(tenant_id: int, run_id: int) -> str:
    with tenant_scope(tenant_id) as session:
        return session.scalars(select(Effect.state).where(Effect.run_id == run_id)).one()


def test_an_effect_is_confirmed_together_with_what_follows_from_it(two_tenants, work, peer, run_id):
    work()
    run = run_of(two_tenants[0], run_id)
    assert (run.state, run.counts) == ("succeeded", {"confirmed": True})
    assert (peer.received, peer.looks) == (["file"], 0)
    assert effect_state(two_tenants[0], run_id) == "confirmed"


def test_a_failure_before_the_effect_is_simply_tried_again(two_tenants, work, peer, run_id):
    peer.before = RetryableError("The line was busy.")
    work()
    assert effect_state(two_tenants[0], run_id) == "intended"
    make_due(run_id)
    work()
    assert (peer.received, peer.looks) == (["file"], 0)


def test_a_refusal_marks_the_effect_as_failed(two_tenants, work, peer, run_id):
    peer.before = PermanentError("The folder does not exist.")
    work()
    assert effect_state(two_tenants[0], run_id) == "failed"
    assert run_of(two_tenants[0], run_id).story == "The folder does not exist."


@pytest.mark.parametrize("crash", [LeaseLostError("killed"), RuntimeError("bug")])
def test_a_worker_that_dies_right_after_the_effect_does_not_double_it(two_tenants, work, peer, run_id, crash):
    peer.after = crash
    work()
    if isinstance(crash, LeaseLostError):
        assert effect_state(two_tenants[0], run_id) == "sent"
        let_lease_lapse(run_id)
        work()
        assert effect_state(two_tenants[0], run_id) == "confirmed"
        assert peer.confirmed == [{"settled_by": "looking at the other side"}]
    else:
        assert effect_state(two_tenants[0], run_id) == "unknown"
    assert peer.received == ["file"]


def test_a_worker_that_dies_right_before_the_effect_sends_it_after_a_look(two_tenants, work, peer, run_id):
    peer.after = LeaseLostError("killed")
    work()
    peer.received.clear()
    let_lease_lapse(run_id)
    work()
    assert (peer.received, peer.looks) == (["file"], 1)


def test_an_unknown_outcome_is_settled_by_a_look(two_tenants, work, peer, run_id):
    peer.after = UnknownOutcomeError("The line dropped.", evidence={"at": "rename"})
    work()
    assert run_of(two_tenants[0], run_id).state == "succeeded"
    assert peer.received == ["file"]
    assert peer.confirmed == [{"at": "rename", "settled_by": "looking at the other side"}]


def test_an_unknown_outcome_that_did_not_happen_is_tried_again(two_tenants, work, peer, run_id):
    peer.after = UnknownOutcomeError("The line dropped.")
    peer.look_answer = "did_not_happen"
    work()
    assert run_of(two_tenants[0], run_id).state == "queued"
    assert effect_state(two_tenants[0], run_id) == "intended"


def test_when_looking_cannot_tell_the_run_fails_and_the_effect_stays_unknown_and_unsent(
    two_tenants, work, peer, run_id
):
    peer.after = UnknownOutcomeError("The mail server dropped the line after the mail was handed over.")
    peer.look_answer = "cannot_tell"
    work()
    run = run_of(two_tenants[0], run_id)
    assert (run.state, run.error["kind"]) == ("failed", "unknown")
    assert "dropped the line" in run.story
    assert effect_state(two_tenants[0], run_id) == "unknown"
    assert peer.received == ["file"]


def test_a_look_that_cannot_be_had_now_is_tried_again_and_nothing_is_sent(two_tenants, work, peer, run_id):
    peer.after = LeaseLostError("killed")
    work()
    let_lease_lapse(run_id)
    peer.look = lambda: (_ for _ in ()).throw(RetryableError("The server is away."))
    work()
    assert run_of(two_tenants[0], run_id).state == "queued"
    assert effect_state(two_tenants[0], run_id) == "sent"
    assert peer.received == ["file"]


def test_a_confirmed_effect_is_not_repeated_when_its_step_is(two_tenants, work):
    peer = Peer()

    def deliver(ctx):
        outcome = peer.deliver(ctx)
        if len(peer.confirmed) == 1 and not peer.looks:
            peer.looks = 1
            raise RetryableError("The step must be done again.")
        return outcome

    run_id = submit_run(two_tenants[0], pipeline(deliver))
    work()
    make_due(run_id)
    work()
    assert run_of(two_tenants[0], run_id).state == "succeeded"
    assert (peer.received, peer.confirmed) == (["file"], [{"receipt": 1}])


def test_a_sender_that_does_not_say_when_its_effect_begins_is_a_bug(two_tenants, work, peer, run_id):
    peer.send = lambda _before_effect: {"receipt": 1}
    work()
    assert run_of(two_tenants[0], run_id).error["kind"] == "internal"


def test_a_run_of_which_something_has_left_cannot_be_cancelled(two_tenants, work, peer, run_id):
    peer.after = UnknownOutcomeError("Dropped.")
    peer.look = lambda: (_ for _ in ()).throw(RetryableError("Away."))
    work()
    assert run_of(two_tenants[0], run_id).state == "queued"
    with pytest.raises(RunRefusedError, match="already left"):
        cancel_run(two_tenants[0], run_id, Actor(None, "Ana"))
