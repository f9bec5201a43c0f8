"""One payment of several fails, Alma's clock is not ours, two workers post at once: each payment is in Alma once."""

import pytest

from tests.integration.payments.test_deaths_and_races import at_once
from webapp.services.submit_run import submit_run

pytestmark = pytest.mark.usefixtures("settles_at_once")


def test_of_five_payments_one_that_fails_is_shown_and_tried_again_and_four_are_posted(campus, monkeypatch):
    fee_ids = [campus.charges("4.00") for _ in range(5)]
    keys = campus.pays_in_parts([(400, fee_id) for fee_id in fee_ids])
    with monkeypatch.context() as patch:
        campus.gives_up_soon(patch)
        campus.alma.fault("alma.fees.pay", "status", status=503, after=2)
        run_id = campus.submits()
        campus.work()
        run = campus.the_run(run_id)
    assert [campus.line(key).state for key in keys] == ["posted", "posted", "waiting", "posted", "posted"]
    assert run.state == "queued"
    assert "looked for in Alma once more" in run.story
    run = campus.goes_on(run_id)
    assert run.story == "5 payments, $20.00 posted to Alma."
    assert [campus.line(key).state for key in keys] == ["posted"] * 5
    assert [[cents for cents, _ in campus.booked(fee_id)] for fee_id in fee_ids] == [[400]] * 5


def test_two_workers_that_post_at_once_post_each_payment_once(campus):
    fee_ids = [campus.charges("9.00") for _ in range(6)]
    keys = campus.pays_in_parts([(300, fee_id) for fee_id in fee_ids])
    keys += [campus.pays(200, fee_id) for fee_id in fee_ids]
    run_ids = [submit_run(campus.tenant_id, "payment_posting") for _ in range(2)]
    for done in at_once((campus.work,), (campus.work,)):
        done.result()
    ended = [campus.goes_on(run_id).state for run_id in run_ids]
    assert set(ended) <= {"succeeded", "nothing_to_send"}
    assert {campus.line(key).state for key in keys} == {"posted"}
    for fee_id in fee_ids:
        assert sorted(cents for cents, _ in campus.booked(fee_id)) == [200, 300]
        assert campus.fee(fee_id)["balance"] == 4


@pytest.mark.parametrize("hours", [-30, 30])
def test_books_whose_clock_is_far_from_almas_post_each_payment_once(campus, hours):
    """What we have seen and sent before seems to lie a day ahead, or a day behind, of what Alma says now."""
    fee_id = campus.charges("25.00")
    key = campus.pays(1000, fee_id)
    campus.posts()
    campus.changes(f"UPDATE alma_fee SET seen_at = seen_at + interval '{hours} hours'")
    campus.changes(f"UPDATE payment_line SET posted_at = posted_at + interval '{hours} hours'")
    later = campus.pays(1500, fee_id)
    campus.alma.fault("alma.fees.pay", "timeout_after", seconds=0.2)
    assert campus.posts().state == "succeeded"
    assert (campus.line(key).state, campus.line(later).state) == ("posted", "posted")
    assert [cents for cents, _ in campus.booked(fee_id)] == [1000, 1500]
    assert campus.fee(fee_id)["status"]["value"] == "CLOSED"
