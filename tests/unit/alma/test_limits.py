from datetime import UTC, datetime

import pytest

from webapp.adapters.alma.budget import CallBudget
from webapp.adapters.alma.limits import LocalRateLimiter
from webapp.adapters.errors import PermanentError, RetryableError


class FakeTime:
    def __init__(self):
        self.now = 100.0
        self.slept = []

    def sleep(self, pause_s):
        self.slept.append(pause_s)
        self.now += pause_s


def limiter(time, **options):
    return LocalRateLimiter(4, clock=lambda: time.now, sleep=time.sleep, **options)


def test_after_a_burst_of_one_second_calls_are_spread_over_time():
    time = FakeTime()
    limit = limiter(time)
    for _call in range(12):
        limit.wait("01CALS_USM")
    assert sum(time.slept) == pytest.approx(2.0)


def test_institutions_do_not_wait_for_each_other():
    time = FakeTime()
    limit = limiter(time)
    for _call in range(4):
        limit.wait("01CALS_USM")
    limit.wait("01CALS_HUL")
    assert time.slept == []


def test_after_a_threshold_everybody_holds_off():
    time = FakeTime()
    limit = limiter(time)
    limit.hold_off("01CALS_USM", 2.0)
    limit.wait("01CALS_USM")
    assert sum(time.slept) == pytest.approx(1.25)


def test_a_queue_that_is_too_long_is_not_joined():
    time = FakeTime()
    limit = limiter(time, longest_wait_s=1.0)
    limit.hold_off("01CALS_USM", 60.0)
    with pytest.raises(RetryableError) as caught:
        limit.wait("01CALS_USM")
    assert caught.value.retry_after_s > 50
    assert time.slept == []


def budget():
    return CallBudget("01CALS_USM", 5000, now=lambda: datetime(2026, 11, 20, 22, 0, tzinfo=UTC))


def test_nobody_is_stopped_before_alma_has_said_what_is_left():
    assert budget().remaining() is None
    budget().check("batch")


def test_batch_work_stops_at_the_reserve_and_payments_go_on():
    calls = budget()
    calls.note(5001)
    calls.check("batch")
    calls.note(5000)
    with pytest.raises(PermanentError, match="2026-11-21 00:00 GMT") as caught:
        calls.check("batch")
    assert caught.value.evidence == {"remaining_calls": "5000", "reserve_calls": "5000"}
    calls.check("payment")


def test_payments_stop_when_nothing_is_left():
    calls = budget()
    calls.note(0)
    with pytest.raises(PermanentError):
        calls.check("payment")
