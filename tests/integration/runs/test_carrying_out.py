"""A run goes through its steps once, resumes where it stopped, and ends in words."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.integration.runs.conftest import (
    finish,
    let_lease_lapse,
    make_due,
    moves_of,
    notes_of,
    pipeline,
    run_of,
)
from webapp.adapters.errors import PermanentError, RetryableError, UnknownOutcomeError
from webapp.models.scope import every_tenant_scope, tenant_scope
from webapp.services.audit import Actor, verify_chain
from webapp.services.cancel_run import RunRefusedError, cancel_run
from webapp.services.decide_approval import approve_run, reject_run
from webapp.services.rerun import rerun
from webapp.services.submit_run import submit_run
from webapp.store import leases, runs
from worker.failures import RETRIES, TAKEOVERS
from worker.interrupts import LeaseLostError
from worker.steps import AskApproval, Continue, Finish

ANA = Actor(None, "Ana")


def test_a_run_goes_through_its_steps_and_keeps_their_results(two_tenants, work):
    seen = {}

    def count(ctx):
        ctx.progress(3, 3, "Counting")
        ctx.counts({"rows": 3})
        return Continue({"rows": 3})

    def tell(ctx):
        seen.update(ctx.result("count"))
        ctx.story("Counted 3 rows.")
        return Finish("succeeded")

    run_id = submit_run(two_tenants[0], pipeline(count, tell))
    assert work() == 1
    run = run_of(two_tenants[0], run_id)
    assert seen == {"rows": 3}
    assert (run.state, run.story, run.counts) == ("succeeded", "Counted 3 rows.", {"rows": 3})
    assert moves_of(two_tenants[0], run_id) == ["queued", "running", "succeeded"]
    assert run.lease_until is None


def test_a_run_whose_pipeline_tells_no_story_has_one_and_not_that_of_its_last_wait(two_tenants, work):
    told = []

    def push(ctx):
        ctx.progress(1, 1, "Pushing")
        if not told:
            told.append(run_of(ctx.tenant_id, ctx.run.id).progress_note)
            raise RetryableError("Busy.")
        return Continue()

    run_id = submit_run(two_tenants[0], pipeline(push))
    work()
    assert told == ["Pushing"]
    assert "Busy." in run_of(two_tenants[0], run_id).story
    make_due(run_id)
    work()
    assert run_of(two_tenants[0], run_id).story == "Probe: done."


def test_the_story_a_pipeline_told_stays_even_if_a_wait_said_the_same(two_tenants, work):
    tries = []

    def push(ctx):
        tries.append(ctx.run.id)
        if len(tries) == 1:
            raise RetryableError("Busy.")
        ctx.story(run_of(ctx.tenant_id, ctx.run.id).story)
        return Continue()

    run_id = submit_run(two_tenants[0], pipeline(push))
    work()
    make_due(run_id)
    work()
    assert run_of(two_tenants[0], run_id).story.startswith("Busy. Tried again")


def test_a_resumed_step_is_given_results_as_they_were_stored(two_tenants, work):
    def collect(_ctx):
        return Continue({"sizes": (1, 2), "by_number": {2: "b", 10: "c"}, "big": 1e16})

    def build(ctx):
        if ctx.run.attempt == 1:
            raise RetryableError("Later.")
        return Finish("succeeded", ctx.result("collect"))

    run_id = submit_run(two_tenants[0], pipeline(collect, build))
    work()
    make_due(run_id)
    work()
    assert run_of(two_tenants[0], run_id).state == "succeeded"


def test_a_run_ends_well_when_its_last_step_is_done(two_tenants, work):
    def only(_ctx):
        return Continue()

    run_id = submit_run(two_tenants[0], pipeline(only))
    work()
    assert run_of(two_tenants[0], run_id).state == "succeeded"


def test_a_step_that_may_work_later_is_tried_again_where_it_stopped(two_tenants, work):
    calls = []

    def collect(_ctx):
        calls.append("collect")
        return Continue({"n": 1})

    def push(_ctx):
        calls.append("push")
        if calls.count("push") == 1:
            raise RetryableError("The mail server is busy.", retry_after_s=120)
        return Finish("succeeded")

    run_id = submit_run(two_tenants[0], pipeline(collect, push))
    work()
    run = run_of(two_tenants[0], run_id)
    assert run.state == "queued"
    assert 110 < (run.not_before - run.started_at).total_seconds() < 130
    assert "The mail server is busy. Tried again by itself in 2 minutes." in run.story
    assert work() == 0
    make_due(run_id)
    work()
    assert calls == ["collect", "push", "push"]
    assert run_of(two_tenants[0], run_id).state == "succeeded"


def test_tries_are_bounded_and_the_run_then_fails_in_words(two_tenants, work):
    def push(_ctx):
        raise RetryableError("The server is away.")

    run_id = submit_run(two_tenants[0], pipeline(push))
    for _ in range(RETRIES):
        work()
        make_due(run_id)
    run = run_of(two_tenants[0], run_id)
    assert run.state == "failed"
    assert run.story == f"The server is away. It was tried {RETRIES} times; run again when the cause is gone."
    assert run.error["kind"] == "retryable"


def test_what_cannot_work_fails_at_once_with_its_words_and_evidence(two_tenants, work):
    def push(_ctx):
        raise PermanentError("The key was refused.", evidence={"status": "401"})

    run_id = submit_run(two_tenants[0], pipeline(push))
    work()
    run = run_of(two_tenants[0], run_id)
    assert (run.state, run.story) == ("failed", "The key was refused.")
    assert run.error["evidence"] == {"status": "401"}
    assert run.error["step"] == "push"
    assert run.finished_at is not None


def test_an_unknown_outcome_fails_visibly(two_tenants, work):
    def push(_ctx):
        raise UnknownOutcomeError("Whether the file arrived is not known.")

    run_id = submit_run(two_tenants[0], pipeline(push))
    work()
    assert run_of(two_tenants[0], run_id).error["kind"] == "unknown"


def test_a_bug_shows_a_number_and_never_its_message(two_tenants, work, caplog):
    def push(_ctx):
        raise KeyError("Jane Doe owes 12.50")

    run_id = submit_run(two_tenants[0], pipeline(push))
    work()
    run = run_of(two_tenants[0], run_id)
    assert run.state == "failed"
    assert run.error["error_id"] in run.story
    assert run.error["error_id"] in caplog.text
    assert "Jane" not in caplog.text + run.story
    assert "test_carrying_out.py" in caplog.text


def test_a_result_that_cannot_be_stored_fails_the_run_rather_than_the_worker(two_tenants, work):
    def push(_ctx):
        return Continue({"bad": object()})

    run_id = submit_run(two_tenants[0], pipeline(push))
    work()
    assert run_of(two_tenants[0], run_id).error["kind"] == "internal"


def test_a_pipeline_nobody_knows_fails_in_words(two_tenants, work):
    run_id = submit_run(two_tenants[0], "no_such_thing")
    work()
    assert "no pipeline “no_such_thing”" in run_of(two_tenants[0], run_id).story


def test_the_pipeline_is_told_once_why_its_run_fails(two_tenants, work):
    told = []

    def push(_ctx):
        raise PermanentError("No.")

    name = pipeline(push, on_failure=lambda ctx, error: told.append((ctx.run.id, error.message)))
    run_id = submit_run(two_tenants[0], name)
    work()
    assert told == [(run_id, "No.")]


def test_a_failing_message_about_a_failure_changes_nothing_but_is_noted(two_tenants, work):
    def push(_ctx):
        raise PermanentError("No.")

    def on_failure(_ctx, _error):
        raise RetryableError("Mail server away.")

    run_id = submit_run(two_tenants[0], pipeline(push, on_failure=on_failure))
    work()
    assert run_of(two_tenants[0], run_id).story == "No."
    assert "could not be sent" in notes_of(two_tenants[0], run_id)


def test_a_run_that_asks_goes_on_when_a_person_agrees(two_tenants, work):
    def check(_ctx):
        return AskApproval(["Ten times more than usual."], {"rows": 10})

    name = pipeline(check, finish)
    run_id = submit_run(two_tenants[0], name)
    work()
    run = run_of(two_tenants[0], run_id)
    assert (run.state, run.lease_until) == ("awaiting_approval", None)
    assert "Ten times more than usual." in run.story
    assert work() == 0
    approve_run(two_tenants[0], run_id, ANA, "Checked.")
    work()
    assert run_of(two_tenants[0], run_id).state == "succeeded"
    assert "Approved by Ana: Checked." in notes_of(two_tenants[0], run_id)
    with tenant_scope(two_tenants[0]) as session:
        assert runs.open_approval(session, run_id) is None
        assert verify_chain(session) == []
    with pytest.raises(RunRefusedError, match="does not wait"):
        approve_run(two_tenants[0], run_id, ANA)


def test_a_rejected_run_sends_nothing(two_tenants, work):
    def check(_ctx):
        return AskApproval(["Odd."])

    run_id = submit_run(two_tenants[0], pipeline(check, finish))
    work()
    reject_run(two_tenants[0], run_id, ANA, "Wrong report.")
    assert work() == 0
    run = run_of(two_tenants[0], run_id)
    assert (run.state, run.story) == ("cancelled", "Rejected by Ana: Wrong report. Nothing was sent.")


def test_a_dry_run_skips_what_delivers_and_asks_nobody(two_tenants, work):
    called = []

    def check(_ctx):
        return AskApproval(["Odd."], {"ok": True})

    def deliver(_ctx):
        called.append("deliver")
        return Continue()

    run_id = submit_run(two_tenants[0], pipeline(check, deliver, finish), dry_run=True)
    work()
    assert run_of(two_tenants[0], run_id).state == "succeeded"
    assert called == []
    assert "would ask a person first: Odd." in notes_of(two_tenants[0], run_id)


def test_a_run_delivers_in_a_state_of_its_own(two_tenants, work):
    states = []

    def deliver(ctx):
        states.append(run_of(ctx.tenant_id, ctx.run.id).state)
        return Finish("nothing_to_send")

    run_id = submit_run(two_tenants[0], pipeline(deliver))
    work()
    assert states == ["delivering"]
    assert run_of(two_tenants[0], run_id).state == "nothing_to_send"


def test_a_cancelled_run_stops_at_its_next_sign_of_progress(two_tenants, work):
    def collect(ctx):
        cancel_run(ctx.tenant_id, ctx.run.id, ANA)
        try:
            ctx.progress(1, 1)
        except Exception:  # noqa: BLE001 - what a careless pipeline might do
            return Finish("succeeded")
        return Finish("succeeded")

    run_id = submit_run(two_tenants[0], pipeline(collect))
    work()
    run = run_of(two_tenants[0], run_id)
    assert (run.state, run.story) == ("cancelled", "Cancelled by a person before anything was sent.")


def test_a_cancelled_run_stops_between_steps(two_tenants, work):
    def collect(ctx):
        assert cancel_run(ctx.tenant_id, ctx.run.id, ANA) == "running"
        return Continue()

    run_id = submit_run(two_tenants[0], pipeline(collect, finish))
    work()
    assert run_of(two_tenants[0], run_id).state == "cancelled"


def test_a_waiting_run_is_cancelled_at_once_and_a_finished_one_not_at_all(two_tenants, work):
    run_id = submit_run(two_tenants[0], pipeline(finish))
    assert cancel_run(two_tenants[0], run_id, ANA) == "cancelled"
    assert work() == 0
    with pytest.raises(RunRefusedError, match="it is cancelled"):
        cancel_run(two_tenants[0], run_id, ANA)
    with pytest.raises(LookupError):
        cancel_run(two_tenants[1], run_id, ANA)


def test_a_run_goes_again_with_the_same_options(two_tenants, work):
    first = submit_run(two_tenants[0], pipeline(finish), options={"code": "LIB"})
    work()
    second = run_of(two_tenants[0], rerun(two_tenants[0], first, ANA))
    assert (second.options, second.parent_run_id) == ({"code": "LIB"}, first)
    assert second.window_from_at == run_of(two_tenants[0], first).started_at


def test_a_taken_over_run_resumes_at_its_unfinished_step_and_sees_the_same_clock(two_tenants, work):
    clocks = []

    def collect(ctx):
        clocks.append(ctx.now)
        return Continue({"sha256": "abc"})

    def build(ctx):
        clocks.append(ctx.now)
        if len(clocks) == 2:
            let_lease_lapse(ctx.run.id)
            ctx.counts({"never": 1})
        return Finish("succeeded", ctx.result("collect"))

    run_id = submit_run(two_tenants[0], pipeline(collect, build))
    assert work() == 0
    run = run_of(two_tenants[0], run_id)
    assert (run.state, run.counts) == ("running", {})
    assert work() == 1
    assert run_of(two_tenants[0], run_id).state == "succeeded"
    assert len(clocks) == 3
    assert len(set(clocks)) == 1


def test_a_step_that_kills_its_worker_every_time_is_given_up(two_tenants, work):
    def crash(ctx):
        let_lease_lapse(ctx.run.id)
        raise LeaseLostError("as if killed")

    run_id = submit_run(two_tenants[0], pipeline(crash))
    for _ in range(TAKEOVERS + 2):
        work()
    run = run_of(two_tenants[0], run_id)
    assert run.state == "failed"
    assert "cut short 5 times" in run.story


def test_tries_that_failed_by_themselves_do_not_count_as_workers_that_stopped(two_tenants, work):
    calls = []

    def push(ctx):
        calls.append("push")
        if len(calls) <= TAKEOVERS:
            raise RetryableError("The server is away.")
        if len(calls) == TAKEOVERS + 1:
            let_lease_lapse(ctx.run.id)
            raise LeaseLostError("as if killed")
        return Finish("succeeded")

    run_id = submit_run(two_tenants[0], pipeline(push))
    for _ in range(TAKEOVERS + 2):
        work()
        make_due(run_id)
    assert len(calls) == TAKEOVERS + 2
    assert run_of(two_tenants[0], run_id).state == "succeeded"


def test_a_zombie_can_neither_write_nor_finish(two_tenants, work):
    def build(ctx):
        let_lease_lapse(ctx.run.id)
        with every_tenant_scope() as session:
            heir = leases.claim_fairest(session, queue="interactive", holder="heir", lease_s=40, cap=2)
        assert heir.run_id == ctx.run.id
        for act in (
            ctx.check_fence,
            lambda: ctx.note("x"),
            lambda: ctx.progress(1, 1),
            lambda: ctx.story("x"),
        ):
            with pytest.raises(LeaseLostError):
                act()
        with pytest.raises(LeaseLostError), ctx.transaction() as session:
            session.execute(text("UPDATE run SET story = 'zombie'"))
        return Finish("succeeded")

    run_id = submit_run(two_tenants[0], pipeline(build))
    work()
    run = run_of(two_tenants[0], run_id)
    assert (run.state, run.lease_holder, run.story) == ("running", "heir", "")


def test_a_step_is_not_done_again_with_other_inputs(two_tenants, work, superuser):
    def collect(_ctx):
        return Continue({"rows": 1})

    def build(_ctx):
        raise RetryableError("Later.")

    run_id = submit_run(two_tenants[0], pipeline(collect, build))
    work()
    superuser.execute("UPDATE run_step SET result = '{\"rows\": 2}' WHERE name = 'collect'")
    make_due(run_id)
    work()
    assert run_of(two_tenants[0], run_id).error["kind"] == "internal"
