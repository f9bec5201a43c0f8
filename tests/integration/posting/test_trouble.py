"""Alma in trouble: nothing is posted twice, nothing is lost, and what cannot be known is shown."""

import time
from zoneinfo import ZoneInfo

import pytest

from tests.integration.posting.conftest import Campus
from worker.pipelines.posting import send

pytestmark = pytest.mark.usefixtures("settles_at_once")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("timeout_after", {"seconds": 0.2}),
        ("status_after", {}),
        ("truncated", {}),
        ("timeout_before", {"seconds": 0.2}),
        ("html_error", {}),
        ("status", {"status": 502, "body": "html"}),
        ("status", {"code": "402119"}),
    ],
)
def test_a_lost_answer_neither_loses_nor_doubles_a_payment(campus: Campus, kind, options):
    fee_id, other_id = campus.charges("25.00"), campus.charges("5.00")
    key, other = campus.pays_in_parts([(1000, fee_id), (500, other_id)])
    campus.alma.fault("alma.fees.pay", kind, **options)
    run = campus.posts()
    assert run.state == "succeeded", run.story
    assert (campus.line(key).state, campus.line(other).state) == ("posted", "posted")
    assert campus.booked(fee_id) == [(1000, campus.line(key).external_id)]
    assert campus.ledger(fee_id) == [("alma", "payment", -1000)]
    assert campus.line(key).tracking_id == campus.fee(fee_id)["transaction"][0]["transaction_id"]


def test_the_last_cents_whose_answer_was_lost_are_found_on_the_closed_fee(campus: Campus):
    fee_id = campus.charges("5.00")
    key = campus.pays(500, fee_id)
    campus.alma.fault("alma.fees.pay", "timeout_after", seconds=0.2)
    campus.posts()
    assert campus.fee(fee_id)["status"]["value"] == "CLOSED"
    assert campus.line(key).state == "posted"
    assert len(campus.booked(fee_id)) == 1


def test_an_answer_given_twice_is_not_taken_for_the_second_payment(campus: Campus):
    fee_id = campus.charges("25.00")
    first, second = campus.pays(300, fee_id), campus.pays(400, fee_id)
    campus.alma.fault("alma.fees.pay", "duplicate_answer", after=1)
    campus.posts()
    assert [campus.line(key).state for key in (first, second)] == ["posted", "posted"]
    assert [cents for cents, _ in campus.booked(fee_id)] == [300, 400]
    assert campus.fee(fee_id)["balance"] == 18


def test_a_waiver_whose_answer_was_lost_is_found_by_its_comment(campus: Campus):
    fee_id = campus.charges("9.00")
    key = campus.pays(400, fee_id, op="waive", kind="write_off")
    campus.alma.fault("alma.fees.waive", "timeout_after", seconds=0.2)
    campus.posts()
    assert campus.line(key).state == "posted"
    assert [cents for cents, _ in campus.booked(fee_id, "waive")] == [400]


def test_more_calls_than_alma_allows_only_take_longer(campus: Campus):
    fee_id = campus.charges("9.00")
    campus.pays(900, fee_id)
    campus.alma.fault("alma.fees.pay", "per_second", times=2)
    run = campus.posts()
    assert (run.counts["posted"], run.counts["alma_posts"]) == (1, 3)
    assert len(campus.booked(fee_id)) == 1


def test_the_daily_threshold_in_mid_run_waits_for_almas_midnight_and_loses_nothing(campus: Campus):
    fee_ids = [campus.charges("2.00") for _ in range(4)]
    keys = campus.pays_in_parts([(200, fee_id) for fee_id in fee_ids])
    campus.alma.fault("alma.fees.pay", "daily", after=2)
    run_id = campus.submits()
    campus.work()
    run = campus.the_run(run_id)
    assert run.state == "queued"
    assert run.story.startswith(
        "Alma's calls for today are used up. The 2 payments that are left wait until "
    )
    assert (run.not_before - run.created_at).total_seconds() > 60
    # Alma's midnight, told by the campus's clock.
    assert f"{run.not_before.astimezone(ZoneInfo('America/Los_Angeles')):%H:%M on %A, %d %B}" in run.story
    assert [campus.line(key).state for key in keys] == ["posted", "posted", "waiting", "waiting"]
    run = campus.goes_on(run_id)
    assert run.story == "4 payments, $8.00 posted to Alma."
    assert [len(campus.booked(fee_id)) for fee_id in fee_ids] == [1, 1, 1, 1]


def test_one_account_that_cannot_be_read_stops_nobody_elses_payment(campus: Campus, monkeypatch):
    mine, theirs = campus.charges("2.00"), campus.charges("3.00", campus.others[0])
    campus.pays(200, mine)
    campus.pays(300, theirs, patron_id=campus.others[0])
    campus.gives_up_soon(monkeypatch)
    campus.alma.fault("alma.fees.list", "status", times=1)
    run = campus.posts()
    assert run.counts["posted"] == 2
    assert (len(campus.booked(mine)), len(campus.booked(theirs))) == (1, 1)


def test_an_alma_that_is_away_altogether_is_tried_again_later(campus: Campus, monkeypatch):
    people = campus.others[:3]
    for patron_id in people:
        campus.pays(100, campus.charges("1.00", patron_id), patron_id=patron_id)
    campus.gives_up_soon(monkeypatch)
    campus.alma.fault("alma.fees.list", "status", times=3)
    run_id = campus.submits()
    campus.work()
    assert campus.the_run(run_id).state == "queued"
    assert "Tried again by itself" in campus.the_run(run_id).story
    assert campus.goes_on(run_id).counts["posted"] == 3


def test_what_is_not_known_is_shown_and_never_sent_blindly(campus: Campus, monkeypatch):
    fee_id = campus.charges("25.00")
    key, later = campus.pays(1000, fee_id), campus.pays(500, fee_id)
    campus.gives_up_soon(monkeypatch)
    campus.alma.fault("alma.fees.pay", "timeout_after", seconds=0.2)
    campus.alma.fault("alma.fees.get", "html_error", times=None)
    campus.alma.fault("alma.fees.list", "html_error", times=None, after=1)
    run = campus.posts()
    assert (campus.line(key).state, campus.line(later).state) == ("unknown", "waiting")
    assert "it is not known whether Alma has it" in run.story
    assert len(campus.booked(fee_id)) == 1
    campus.alma.clear_faults()
    campus.posts()
    assert (campus.line(key).state, campus.line(later).state) == ("posted", "posted")
    assert [cents for cents, _ in campus.booked(fee_id)] == [1000, 500]


def test_an_effect_that_comes_late_is_waited_for_before_anything_is_sent_again(campus: Campus, monkeypatch):
    monkeypatch.setattr(send, "SETTLES_AFTER_S", 2.0)
    fee_id = campus.charges("25.00")
    key = campus.pays(1000, fee_id)
    campus.alma.fault("alma.fees.pay", "late", seconds=0.7)
    run_id = campus.submits()
    campus.work()
    assert campus.the_run(run_id).state == "queued"
    assert campus.line(key).state == "unknown"
    time.sleep(2.1)
    assert campus.goes_on(run_id).story == "1 payment, $10.00 posted to Alma."
    assert len(campus.booked(fee_id)) == 1


@pytest.fixture
def left_open(campus: Campus, monkeypatch):
    """A run that could not find out whether Alma has a payment; the run, the line, the fee."""
    fee_id = campus.charges("25.00")
    key = campus.pays(1000, fee_id)
    with monkeypatch.context() as patch:
        campus.gives_up_soon(patch)
        campus.alma.fault("alma.fees.pay", "timeout_after", seconds=0.1)
        campus.alma.fault("alma.fees.get", "html_error", times=None)
        campus.alma.fault("alma.fees.list", "html_error", times=None, after=1)
        run = campus.posts()
    campus.alma.clear_faults()
    assert campus.line(key).state == "unknown"
    return run, key, fee_id


def follow_ups(campus: Campus):
    """Runs that go on with what others left open: id, minutes from now."""
    return campus.rows(
        "SELECT id, round(extract(epoch FROM not_before - clock_timestamp()) / 60)::int FROM run "
        "WHERE options ? 'follows_run_id' AND state = 'queued' ORDER BY id"
    )


def test_what_a_run_leaves_open_is_looked_at_by_another_one_that_nobody_has_to_ask_for(
    campus: Campus, left_open
):
    _, key, fee_id = left_open
    ((run_id, minutes),) = follow_ups(campus)
    assert minutes == 15
    run = campus.wakes(run_id, "batch")
    assert run.story == "1 payment, $10.00 posted to Alma."
    assert (campus.line(key).state, len(campus.booked(fee_id))) == ("posted", 1)
    assert follow_ups(campus) == []


def test_after_a_day_an_open_question_is_a_persons_matter(campus: Campus, left_open, monkeypatch):
    ((run_id, _),) = follow_ups(campus)
    campus.changes(
        "UPDATE run SET options = jsonb_set(options, '{open_since}', to_jsonb((now() - interval '27 hours')::text)) "
        "WHERE id = :id",
        id=run_id,
    )
    campus.gives_up_soon(monkeypatch)
    campus.alma.fault("alma.fees", "html_error", times=None)
    run = campus.goes_on(run_id, queue="batch")
    assert run.state == "succeeded", run.story
    assert follow_ups(campus) == []
