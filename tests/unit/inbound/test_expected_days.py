from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from webapp.domain.expected_days import DayFacts, RunOfDay, day_state, why_at_rest
from webapp.domain.schedule import ScheduleRule

ZONE = ZoneInfo("America/Los_Angeles")
DAY = date(2026, 8, 17)
DUE = datetime(2026, 8, 17, 18, tzinfo=ZONE)
NEXT_DAY = datetime(2026, 8, 18, 9, tzinfo=ZONE).astimezone(UTC)


def run(state="succeeded", run_id=7, **facts):
    return RunOfDay(run_id, state, DUE, **facts)


def state(*, now=NEXT_DAY, pipeline="bursar_conversion", **facts):
    found = day_state(DayFacts(DAY, pipeline, **facts), now, ZONE)
    return found.state, found.words


def test_a_file_that_reached_its_receiver_was_sent():
    sent = run(files=2, confirmed=2, rows=1204, cents=3_333_33)
    assert state(runs=(sent,)) == ("sent", "2 files, 1,204 lines, $3,333.33.")
    taken = run(files=1, confirmed=1, taken=1, rows=1, cents=277)
    assert state(runs=(taken,)) == ("sent", "1 file, 1 line, $2.77, taken by PeopleSoft.")


def test_a_file_nobody_fetched_waits():
    assert state(runs=(run(files=1, confirmed=0, rows=3, cents=100),))[0] == "waiting"


def test_a_run_with_nothing_to_send_says_so():
    assert state(runs=(run("nothing_to_send", had_input=True),), dues=(DUE,), reads_files=True) == (
        "nothing",
        "Nothing had to be sent.",
    )


def test_a_scheduled_conversion_without_a_file_of_almas_is_a_gap():
    found = state(runs=(run("nothing_to_send"),), dues=(DUE,), reads_files=True)
    assert found == ("missing", "No file came from Alma.")
    came = state(runs=(run("nothing_to_send"),), dues=(DUE,), reads_files=True, came=1)
    assert came[0] == "nothing"


def test_a_day_on_which_a_file_always_comes_and_did_not_is_a_gap():
    assert state(reads_files=True, usually_comes=True)[0] == "missing"
    assert state(reads_files=True, usually_comes=True, came=1)[0] == "not_due"
    # The day is not over yet.
    assert state(reads_files=True, usually_comes=True, now=DUE)[0] == "not_due"


def test_a_failure_counts_until_a_later_run_made_good():
    assert state(runs=(run("failed", 7),))[0] == "failed"
    assert state(runs=(run("failed", 7), run("succeeded", 8, files=1, confirmed=1)))[0] == "sent"
    assert state(runs=(run("succeeded", 7, files=1, confirmed=1), run("failed", 8)))[0] == "failed"


@pytest.mark.parametrize(
    ("minutes", "expected"), [(-60, "waiting"), (10, "waiting"), (31, "late"), (60 * 24, "missing")]
)
def test_a_time_without_a_run_is_waited_for_then_late_then_missing(minutes, expected):
    assert state(dues=(DUE,), now=DUE + timedelta(minutes=minutes))[0] == expected


@pytest.mark.parametrize(
    ("run_state", "minutes", "expected"),
    [
        ("running", 5, "waiting"),
        ("running", 45, "late"),
        ("delivering", 45, "late"),
        ("queued", 45, "waiting"),
        ("awaiting_approval", 600, "waiting"),
    ],
)
def test_a_run_under_way_is_waited_for_and_late_after_half_an_hour(run_state, minutes, expected):
    now = DUE + timedelta(minutes=minutes)
    assert state(runs=(run(run_state),), dues=(DUE,), now=now)[0] == expected


def test_a_cancelled_run_that_nothing_replaced_is_missing():
    assert state(runs=(run("cancelled"),), dues=(DUE,))[0] == "missing"


def test_a_day_without_plans_says_why():
    daily = ScheduleRule("daily", time(18), blackout_dates=frozenset({DAY}))
    assert why_at_rest(daily, DAY) == "A day without runs, as set in the schedule."
    business = ScheduleRule(
        "daily", time(18), business_days_only=True, holidays=frozenset({date(2026, 9, 7)})
    )
    assert why_at_rest(business, date(2026, 8, 16)) == "No business day."
    assert why_at_rest(business, date(2026, 9, 7)) == "A holiday."
    assert why_at_rest(None, DAY) == "Nothing is planned."
    assert state(rest="A holiday.") == ("not_due", "A holiday.")
