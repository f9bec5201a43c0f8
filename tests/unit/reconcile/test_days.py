"""Which moments belong to a run's days: the campus's midnights, whatever the clocks do."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from worker.pipelines.recon.days import Days

PACIFIC = ZoneInfo("America/Los_Angeles")


def days(first_on, last_on, *, today=date(2026, 12, 1), is_past=True):
    return Days(first_on, last_on, today, PACIFIC, is_past=is_past)


def test_a_day_begins_and_ends_at_the_campus_s_midnight():
    one = days(date(2026, 9, 17), date(2026, 9, 18))
    assert one.first_at == datetime(2026, 9, 17, 7, tzinfo=UTC)
    assert one.end_at == datetime(2026, 9, 19, 7, tzinfo=UTC)


def test_the_day_on_which_clocks_go_back_has_25_hours():
    one = days(date(2026, 11, 1), date(2026, 11, 1))
    assert (one.end_at.astimezone(UTC) - one.first_at.astimezone(UTC)).total_seconds() == 25 * 3600


def test_today_has_no_end_so_a_clock_ahead_of_ours_is_heard():
    assert days(date(2026, 9, 17), date(2026, 9, 18), is_past=False).end_at == datetime.max.replace(
        tzinfo=UTC
    )


def test_alma_is_asked_for_a_day_more_on_both_sides_and_for_none_that_lies_ahead():
    assert days(date(2026, 9, 11), date(2026, 9, 18)).asked == (date(2026, 9, 10), date(2026, 9, 19))
    today = days(date(2026, 9, 11), date(2026, 9, 18), today=date(2026, 9, 18), is_past=False)
    assert today.asked == (date(2026, 9, 10), date(2026, 9, 18))
