from datetime import date, timedelta

import pytest

from webapp.sandbox.alma_errors import AlmaRefusalError
from webapp.sandbox.gate import Thresholds

TODAY = date(2026, 11, 20)


def test_the_daily_threshold_ends_the_day_and_a_new_day_starts_afresh():
    thresholds = Thresholds(calls_per_second=100, calls_per_day=3)
    assert [thresholds.count(TODAY) for _ in range(3)] == [2, 1, 0]
    with pytest.raises(AlmaRefusalError) as refused:
        thresholds.count(TODAY)
    assert (refused.value.code, refused.value.status) == ("DAILY_THRESHOLD", 429)
    assert thresholds.count(TODAY + timedelta(days=1)) == 2


def test_a_refused_call_uses_up_nothing_of_the_day():
    thresholds = Thresholds(calls_per_second=2, calls_per_day=100)
    assert [thresholds.count(TODAY), thresholds.count(TODAY)] == [99, 98]
    with pytest.raises(AlmaRefusalError, match="PER_SECOND_THRESHOLD"):
        thresholds.count(TODAY)
    thresholds._recent.clear()  # the second is over
    assert thresholds.count(TODAY) == 97
