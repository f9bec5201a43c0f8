"""Two at the same time: runs, and a person beside a run."""

from __future__ import annotations

import threading

import pytest

from tests.integration.posting.conftest import Campus
from webapp.adapters.alma.client import AlmaClient
from webapp.services.audit import Actor
from webapp.services.settle_posting import PostingRefusedError, ask_waiver, mark_not_posted, mark_posted
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due

ANN = Actor(None, "Ann")


@pytest.fixture
def in_the_middle(monkeypatch):
    """Something is done while a payment is on its way: after Alma has it, before we know."""

    def arrange(act):
        real, done = AlmaClient.pay_fee, []

        def pay(self, *args, **options):
            answer = real(self, *args, **options)
            if not done:
                done.append(1)
                act()
            return answer

        monkeypatch.setattr(AlmaClient, "pay_fee", pay)

    return arrange


def test_two_runs_asked_for_at_once_post_each_payment_once(campus: Campus, core):
    fee_ids = [campus.charges("2.00") for _ in range(6)]
    campus.pays_in_parts([(200, fee_id) for fee_id in fee_ids])
    run_ids = [campus.submits(), campus.submits()]
    barrier = threading.Barrier(2)

    def work(name: str) -> None:
        with core.app_context():
            barrier.wait()
            carry_out_due(campus.settings, "interactive", Interrupts(name))

    workers = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    campus.work()
    states = sorted(campus.goes_on(run_id).state for run_id in run_ids)
    assert states == ["nothing_to_send", "succeeded"]
    assert [len(campus.booked(fee_id)) for fee_id in fee_ids] == [1] * 6


def test_a_person_decides_nothing_about_a_payment_that_is_on_its_way(campus: Campus, in_the_middle):
    fee_id = campus.charges("5.00")
    key = campus.pays(500, fee_id)
    said = []

    def decide():
        for act in (mark_posted, mark_not_posted):
            with pytest.raises(PostingRefusedError, match="posting just now"):
                act(campus.tenant_id, *key, ANN, "I say so")
            said.append(campus.line(key).state)

    in_the_middle(decide)
    campus.posts()
    assert said == ["sending", "sending"]
    assert (campus.line(key).state, len(campus.booked(fee_id))) == ("posted", 1)


def test_what_a_person_decides_at_the_desk_during_a_run_is_posted_by_the_next_one(
    campus: Campus, in_the_middle
):
    fee_id, other_id = campus.charges("5.00"), campus.charges("7.00")
    campus.pays(500, fee_id)
    payment_id, n = campus.pays(700, "", kind="write_off", state="unapplied", rule="write_off")
    in_the_middle(lambda: ask_waiver(campus.tenant_id, payment_id, n, other_id, ANN, "written off"))
    run = campus.posts()
    assert run.counts["posted"] == 1
    ((asked_for, state),) = campus.rows("SELECT id, state FROM run WHERE id <> :id", id=run.id)
    assert campus.goes_on(asked_for).counts["posted"] == 1, state
    assert [cents for cents, _ in campus.booked(other_id, "waive")] == [700]
