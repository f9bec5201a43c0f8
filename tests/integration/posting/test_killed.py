"""A worker that dies between what it did in Alma and its own commit; another one goes on, and nothing is done twice."""

from __future__ import annotations

import pytest

from tests.integration.posting.conftest import Campus
from webapp.adapters.alma.client import AlmaClient
from webapp.services.audit import Actor
from webapp.services.settle_posting import restore_and_post

pytestmark = pytest.mark.usefixtures("settles_at_once")

ANN = Actor(None, "Ann")


class KilledError(BaseException):
    """What nothing in a worker catches: the process is gone."""


@pytest.fixture
def dies_after(monkeypatch):
    """The first call of this kind happens in Alma, and then the worker is no more."""

    def arrange(name):
        real, struck = getattr(AlmaClient, name), []

        def call(self, *args, **options):
            answer = real(self, *args, **options)
            if not struck:
                struck.append(1)
                raise KilledError
            return answer

        monkeypatch.setattr(AlmaClient, name, call)

    return arrange


def is_killed_and_taken_over(campus: Campus, run_id: int = 0):
    run_id = run_id or campus.submits()
    with pytest.raises(KilledError):
        campus.work()
    campus.take_over(run_id)
    return campus.goes_on(run_id)


def test_a_payment_that_was_done_is_found_and_not_sent_again(campus, dies_after):
    fee_id = campus.charges("5.00")
    key = campus.pays(500, fee_id)
    dies_after("pay_fee")
    run = is_killed_and_taken_over(campus)
    assert (run.state, campus.line(key).state, len(campus.booked(fee_id))) == ("succeeded", "posted", 1)
    assert campus.ledger(fee_id) == [("alma", "payment", -500)]


def test_a_waiver_that_was_done_is_found_and_not_asked_for_again(campus, dies_after):
    fee_id = campus.charges("9.00")
    key = campus.pays(400, fee_id, op="waive", kind="write_off")
    dies_after("waive_fee")
    run = is_killed_and_taken_over(campus)
    assert (run.state, campus.line(key).state) == ("succeeded", "posted")
    assert [cents for cents, _ in campus.booked(fee_id, "waive")] == [400]
    assert campus.ledger(fee_id) == [("alma", "waiver", -400)]


def test_a_waiver_is_found_though_alma_shows_no_comments(campus, dies_after, monkeypatch):
    fee_id = campus.charges("9.00")
    key = campus.pays(400, fee_id, op="waive", kind="write_off")
    real = AlmaClient.waive_fee

    def without_comment(self, *args, **options):
        return real(self, *args, **(options | {"comment": ""}))

    monkeypatch.setattr(AlmaClient, "waive_fee", without_comment)
    dies_after("waive_fee")
    is_killed_and_taken_over(campus)
    assert campus.line(key).state == "posted"
    assert [cents for cents, _ in campus.booked(fee_id, "waive")] == [400]


def test_a_dispute_that_was_ended_is_not_ended_again_and_its_money_is_posted(campus, dies_after):
    fee_id = campus.charges("9.00")
    campus.at_the_desk(fee_id, "dispute")
    payment_id, n = campus.pays(900, fee_id)
    campus.posts()
    number = restore_and_post(campus.tenant_id, payment_id, n, ANN, "the student agreed")
    dies_after("restore_fee")
    ((asked_for,),) = campus.rows("SELECT id FROM run WHERE state = 'queued' AND started_at IS NULL")
    run = is_killed_and_taken_over(campus, asked_for)
    assert (run.state, campus.line((payment_id, number)).state) == ("succeeded", "posted")
    assert len(campus.booked(fee_id, "restore")) == 1
    assert campus.rows("SELECT state FROM effect WHERE kind = 'alma_restore'") == [("confirmed",)]
