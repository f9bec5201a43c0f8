from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.schedule import (
    LAST_DAY,
    Occurrence,
    ScheduleError,
    ScheduleRule,
    describe,
    describe_dst,
    due_between,
    next_times,
    occurrences_after,
    rule_from_json,
    rule_to_json,
)


def at(hour: int, minute: int = 0) -> time:
    return time(hour, minute)


def keys_after(rule: ScheduleRule, after: datetime, count: int) -> list[str]:
    return [occurrence.local_key for occurrence in islice(occurrences_after(rule, after), count)]


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)


def test_nothing_is_due_when_not_scheduled():
    assert list(occurrences_after(ScheduleRule("none"), utc(2026, 1, 1))) == []
    assert due_between(ScheduleRule("none"), utc(2026, 1, 1), utc(2027, 1, 1)) == []


def test_every_day_means_the_campus_clock_in_winter_and_summer():
    rule = ScheduleRule("daily", at=at(18))
    assert next(occurrences_after(rule, utc(2026, 1, 10, 12))) == Occurrence(
        "2026-01-10T18:00", utc(2026, 1, 11, 2)
    )
    assert next(occurrences_after(rule, utc(2026, 7, 10, 12))) == Occurrence(
        "2026-07-10T18:00", utc(2026, 7, 11, 1)
    )


def test_only_what_is_due_strictly_after_the_moment_is_given():
    rule = ScheduleRule("daily", at=at(18))
    first = next(occurrences_after(rule, utc(2026, 1, 10, 12)))
    assert next(occurrences_after(rule, first.due_at)).local_key == "2026-01-11T18:00"
    assert next(occurrences_after(rule, first.due_at - timedelta(microseconds=1))) == first


def test_due_between_leaves_out_its_start_and_takes_in_its_end():
    rule = ScheduleRule("every_hours", at=at(0), every_hours=1, zone="UTC")
    due = due_between(rule, utc(2026, 5, 1, 3), utc(2026, 5, 1, 6))
    assert [occurrence.local_key for occurrence in due] == [
        "2026-05-01T04:00",
        "2026-05-01T05:00",
        "2026-05-01T06:00",
    ]
    assert due_between(rule, utc(2026, 5, 1, 6), utc(2026, 5, 1, 3)) == []


def test_windows_that_follow_each_other_give_each_occurrence_once():
    rule = ScheduleRule("every_hours", at=at(0, 30), every_hours=1)
    start, end = utc(2027, 3, 13), utc(2027, 3, 16)
    whole = due_between(rule, start, end)
    step = timedelta(minutes=7)
    pieces = []
    while start < end:
        pieces += due_between(rule, start, min(start + step, end))
        start += step
    assert pieces == whole


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1), datetime(2026, 7, 1, 12)])  # noqa: DTZ001
def test_a_moment_without_a_zone_is_refused(moment):
    rule = ScheduleRule("daily", at=at(18))
    with pytest.raises(ValueError, match="aware"):
        next(occurrences_after(rule, moment))
    with pytest.raises(ValueError, match="aware"):
        due_between(rule, utc(2026, 1, 1), moment)


def test_chosen_weekdays_only():
    rule = ScheduleRule("weekdays", at=at(6), weekdays=frozenset({0, 4}))
    assert keys_after(rule, utc(2026, 11, 21), 4) == [
        "2026-11-23T06:00", "2026-11-27T06:00", "2026-11-30T06:00", "2026-12-04T06:00"
    ]  # fmt: skip


def test_the_31st_is_left_out_of_shorter_months():
    rule = ScheduleRule("month_days", at=at(6), month_days=frozenset({31}), zone="UTC")
    assert [key[:10] for key in keys_after(rule, utc(2026, 1, 1), 7)] == [
        "2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31", "2026-10-31", "2026-12-31"
    ]  # fmt: skip


def test_the_last_day_of_the_month_knows_leap_years_and_comes_once():
    rule = ScheduleRule("month_days", at=at(6), month_days=frozenset({LAST_DAY, 31, 29}), zone="UTC")
    february_to_march = [key[:10] for key in keys_after(rule, utc(2028, 2, 1), 3)]
    assert february_to_march == ["2028-02-29", "2028-03-29", "2028-03-31"]
    assert keys_after(rule, utc(2027, 2, 1), 1) == ["2027-02-28T06:00"]


def test_the_29th_of_february_comes_in_leap_years_only():
    rule = ScheduleRule("month_days", at=at(6), month_days=frozenset({29}), zone="UTC")
    days = [key[:10] for key in keys_after(rule, utc(2025, 1, 1), 12 * 76)]
    leap = [day for day in days if day[5:7] == "02"]
    assert leap[:3] == ["2028-02-29", "2032-02-29", "2036-02-29"]
    assert "2100-02-29" not in days
    assert len(days) == len(set(days))


def test_every_few_hours_begins_afresh_each_local_day():
    six = ScheduleRule("every_hours", at=at(2), every_hours=6, zone="UTC")
    assert keys_after(six, utc(2026, 5, 1), 5) == [
        "2026-05-01T02:00", "2026-05-01T08:00", "2026-05-01T14:00", "2026-05-01T20:00", "2026-05-02T02:00"
    ]  # fmt: skip
    five = ScheduleRule("every_hours", at=at(6), every_hours=5, zone="UTC")
    assert [key[8:] for key in keys_after(five, utc(2026, 5, 1), 5)] == [
        "01T06:00",
        "01T11:00",
        "01T16:00",
        "01T21:00",
        "02T06:00",
    ]


def test_blackout_dates_are_skipped_and_not_moved():
    rule = ScheduleRule(
        "daily", at=at(6), zone="UTC", blackout_dates=frozenset({date(2026, 12, 24), date(2026, 12, 25)})
    )
    assert [key[:10] for key in keys_after(rule, utc(2026, 12, 23), 2)] == ["2026-12-23", "2026-12-26"]


def test_business_days_leave_out_weekends_and_holidays():
    rule = ScheduleRule(
        "daily", at=at(6), zone="UTC", business_days_only=True, holidays=frozenset({date(2026, 11, 26)})
    )
    assert [key[:10] for key in keys_after(rule, utc(2026, 11, 25), 3)] == [
        "2026-11-25",
        "2026-11-27",
        "2026-11-30",
    ]


def test_holidays_matter_only_to_business_days():
    rule = ScheduleRule("daily", at=at(6), zone="UTC", holidays=frozenset({date(2026, 11, 26)}))
    assert keys_after(rule, utc(2026, 11, 26), 1) == ["2026-11-26T06:00"]


def test_a_skipped_hour_starts_the_run_at_the_first_minute_after_it():
    rule = ScheduleRule("daily", at=at(2, 30))
    assert due_between(rule, utc(2027, 3, 14), utc(2027, 3, 15)) == [
        Occurrence(
            "2027-03-14T02:30", utc(2027, 3, 14, 10), "moved from 02:30, which does not exist on 14 Mar 2027"
        )
    ]


def test_an_hour_that_comes_twice_starts_the_run_the_first_time_only():
    rule = ScheduleRule("daily", at=at(1, 30))
    assert due_between(rule, utc(2027, 11, 7), utc(2027, 11, 8)) == [
        Occurrence("2027-11-07T01:30", utc(2027, 11, 7, 8, 30))
    ]


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
@pytest.mark.parametrize("minute_of_day", [90, 150])
def test_a_change_of_the_clock_makes_exactly_one_run(day, minute_of_day):
    rule = ScheduleRule("daily", at=at(*divmod(minute_of_day, 60)))
    midnight = utc(day.year, day.month, day.day, 7)
    assert len(due_between(rule, midnight, midnight + timedelta(hours=23))) == 1


def test_hourly_runs_of_a_skipped_hour_become_one_with_the_next():
    rule = ScheduleRule("every_hours", at=at(0), every_hours=1)
    due = due_between(rule, utc(2027, 3, 14, 8, 30), utc(2027, 3, 14, 11))
    assert [occurrence.local_key[11:] for occurrence in due] == ["01:00", "03:00", "04:00"]
    assert due[1].note == "also stands for 02:00, which does not exist on 14 Mar 2027"


def test_a_day_that_the_zone_skipped_altogether_is_made_up_at_the_next_midnight():
    rule = ScheduleRule("daily", at=at(18), zone="Pacific/Apia")
    due = due_between(rule, utc(2011, 12, 30, 5), utc(2011, 12, 31, 5))
    assert [(occurrence.local_key, occurrence.due_at) for occurrence in due] == [
        ("2011-12-30T18:00", utc(2011, 12, 30, 10)),
        ("2011-12-31T18:00", utc(2011, 12, 31, 4)),
    ]


ZONES = st.sampled_from(
    ["America/Los_Angeles", "Australia/Lord_Howe", "America/Nuuk", "America/Havana", "UTC"]
)
DATES = st.dates(date(2026, 1, 1), date(2028, 12, 31))
RULES = st.builds(
    ScheduleRule,
    kind=st.sampled_from(["daily", "weekdays", "month_days", "every_hours"]),
    at=st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    weekdays=st.frozensets(st.integers(0, 6)).map(lambda days: days | {2}),
    month_days=st.frozensets(st.integers(1, 31), min_size=1).map(lambda days: days | {LAST_DAY}),
    every_hours=st.integers(1, 24),
    zone=ZONES,
    blackout_dates=st.frozensets(DATES, max_size=3),
    business_days_only=st.booleans(),
    holidays=st.frozensets(DATES, max_size=3),
)


@given(RULES, st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_moments_and_keys_only_ever_rise(rule, after):
    due = list(islice(occurrences_after(rule, after), 30))
    assert len(due) == 30
    moments = [after, *(occurrence.due_at for occurrence in due)]
    assert all(earlier < later for earlier, later in pairwise(moments))
    keys = [occurrence.local_key for occurrence in due]
    assert keys == sorted(set(keys))
    assert all(
        occurrence.due_at.second == 0 and occurrence.due_at.utcoffset() == timedelta() for occurrence in due
    )


@given(RULES)
def test_a_rule_survives_json(rule):
    assert rule_from_json(rule_to_json(rule)) == rule


def test_a_rule_from_json_fills_in_what_is_absent():
    assert rule_from_json({"kind": "daily", "at": "6:05"}) == ScheduleRule("daily", at=at(6, 5))
    assert rule_from_json({"kind": "none"}) == ScheduleRule("none")


def test_every_fault_of_a_rule_is_told_at_once():
    with pytest.raises(ScheduleError) as caught:
        rule_from_json({
            "kind": "sometimes", "at": "25:00", "weekdays": [7], "month_days": ["first"], "every_hours": 0,
            "zone": "Mars/Phobos", "blackout_dates": ["2026-02-30"], "business_days_only": "yes", "colour": "red",
        })  # fmt: skip
    faults = caught.value.faults
    for word in (
        "sometimes",
        "25:00",
        "Sunday",
        "first",
        "1 to 24",
        "Mars/Phobos",
        "2026-02-30",
        "'yes'",
        "colour",
    ):
        assert sum(word in fault for fault in faults) == 1, word
    assert len(faults) == 9


@pytest.mark.parametrize(
    "obj",
    [
        {},
        {"kind": "daily"},
        {"kind": None, "at": "06:00"},
        {"kind": ["daily"], "at": "06:00"},
        {"kind": "daily", "at": 6},
        {"kind": "daily", "at": "06:00:30"},
        {"kind": "daily", "at": "\u0660\u0666:\u0660\u0660"},
        {"kind": "weekdays", "at": "06:00"},
        {"kind": "weekdays", "at": "06:00", "weekdays": "0"},
        {"kind": "weekdays", "at": "06:00", "weekdays": [True]},
        {"kind": "weekdays", "at": "06:00", "weekdays": [5, 6], "business_days_only": True},
        {"kind": "month_days", "at": "06:00", "month_days": [0]},
        {"kind": "month_days", "at": "06:00", "month_days": []},
        {"kind": "every_hours", "at": "06:00"},
        {"kind": "every_hours", "at": "06:00", "every_hours": 25},
        {"kind": "every_hours", "at": "06:00", "every_hours": 1.5},
        {"kind": "daily", "at": "06:00", "holidays": "2026-12-25"},
        {"kind": "daily", "at": "06:00", "holidays": [20261225]},
        {"kind": "daily", "at": "06:00", "blackout_dates": ["12/25/2026"]},
    ],
)
def test_a_rule_that_could_not_run_is_refused(obj):
    with pytest.raises(ScheduleError):
        rule_from_json(obj)


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "localtime",
        "America",
        "../../etc/passwd",
        "/etc/passwd",
        "America/../UTC",
        "A/" + "b" * 5000,
        "Pacific\0",
        "PST",
        8,
        None,
    ],
)
def test_an_unknown_time_zone_is_refused(zone):
    with pytest.raises(ScheduleError, match="time zone"):
        rule_from_json({"kind": "daily", "at": "06:00", "zone": zone})


def test_seconds_and_foreign_zones_in_the_time_of_day_are_refused():
    for wrong in (time(6, 0, 1), time(6, 0, 0, 1), time(6, tzinfo=UTC)):
        with pytest.raises(ScheduleError, match="whole minutes"):
            ScheduleRule("daily", at=wrong)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ScheduleRule("none"), "Not scheduled"),
        (ScheduleRule("daily", at=at(18)), "Every day at 18:00 (Pacific time)"),
        (
            ScheduleRule("weekdays", at=at(18), weekdays=frozenset({4, 0, 2})),
            "Every Monday, Wednesday and Friday at 18:00 (Pacific time)",
        ),
        (
            ScheduleRule(
                "month_days", at=at(6, 5), month_days=frozenset({1, 2, 3, 11, 22, LAST_DAY}), zone="UTC"
            ),
            "On the 1st, 2nd, 3rd, 11th, 22nd and last day of each month at 06:05 (UTC)",
        ),
        (
            ScheduleRule("month_days", at=at(6), month_days=frozenset({31}), zone="Europe/Berlin"),
            "On the 31st of each month at 06:00, only in months that have that day (Berlin time)",
        ),
        (
            ScheduleRule("every_hours", at=at(2), every_hours=6),
            "Every 6 hours from 02:00: each day at 02:00, 08:00, 14:00 and 20:00 (Pacific time)",
        ),
        (
            ScheduleRule("every_hours", at=at(6), every_hours=1, zone="America/New_York"),
            "Every hour from 06:00 to 23:00 each day (Eastern time)",
        ),
        (ScheduleRule("every_hours", at=at(13), every_hours=12), "Every day at 13:00 (Pacific time)"),
        (
            ScheduleRule("daily", at=at(6), business_days_only=True),
            "Every day at 06:00 (Pacific time); business days only (Saturdays and Sundays are skipped, not moved)",
        ),
        (
            ScheduleRule(
                "daily",
                at=at(6),
                business_days_only=True,
                holidays=frozenset({date(2026, 11, 26), date(2026, 11, 27)}),
                blackout_dates=frozenset({date(2026, 12, 24)}),
            ),
            (
                "Every day at 06:00 (Pacific time); business days only (Saturdays, Sundays and 2 holidays are skipped, not "
                "moved); not on 24 December 2026 (skipped, not moved)"
            ),
        ),
        (
            ScheduleRule(
                "daily", at=at(6), blackout_dates=frozenset(date(2026, 12, day) for day in range(20, 32))
            ),
            "Every day at 06:00 (Pacific time); not on 12 blackout dates (skipped, not moved)",
        ),
    ],
)
def test_a_rule_reads_as_a_sentence(rule, words):
    assert describe(rule) == words


def test_the_next_times_say_what_a_change_of_the_clock_does():
    assert next_times(ScheduleRule("daily", at=at(2, 30)), utc(2027, 3, 13), n=3) == [
        "Saturday 13 March 2027 at 02:30",
        "Sunday 14 March 2027 at 03:00 (moved from 02:30, which does not exist on 14 Mar 2027)",
        "Monday 15 March 2027 at 02:30",
    ]
    assert next_times(ScheduleRule("daily", at=at(1, 30)), utc(2027, 11, 7), n=1) == [
        "Sunday 7 November 2027 at 01:30 (the first of two such times)"
    ]
    assert len(next_times(ScheduleRule("daily", at=at(18)), utc(2027, 11, 7))) == 5
    assert next_times(ScheduleRule("none"), utc(2027, 11, 7)) == []


GAP = "On Sunday 14 March 2027 the clock skips from 2:00 to 3:00; "
OVERLAP = "On Sunday 7 November 2027 the clock goes back from 2:00 to 1:00, so 1:00 to 2:00 comes twice; "
UNTOUCHED = "no run is planned in that time, so nothing changes."


@pytest.mark.parametrize(
    ("rule", "gap", "overlap"),
    [
        (ScheduleRule("daily", at=at(2, 30)), "the 02:30 run starts at 03:00.", UNTOUCHED),
        (ScheduleRule("daily", at=at(1, 30)), UNTOUCHED, "the 01:30 run starts once, the first time."),
        (ScheduleRule("daily", at=at(3)), UNTOUCHED, UNTOUCHED),
        (ScheduleRule("weekdays", at=at(2, 30), weekdays=frozenset({0})), UNTOUCHED, UNTOUCHED),
        (
            ScheduleRule("every_hours", at=at(0), every_hours=1),
            "the 02:00 and 03:00 runs become one, which starts at 03:00.",
            "the 01:00 run starts once, the first time.",
        ),
        (ScheduleRule("none"), "nothing is scheduled.", "nothing is scheduled."),
    ],
)
def test_the_days_on_which_the_clock_changes_are_told_in_words(rule, gap, overlap):
    assert describe_dst(rule, 2027) == [GAP + gap, OVERLAP + overlap]


def test_a_zone_whose_clock_never_changes_has_nothing_to_tell():
    for zone in ("America/Phoenix", "Pacific/Honolulu", "UTC"):
        assert describe_dst(ScheduleRule("daily", at=at(2, 30), zone=zone), 2027) == []


def test_changes_at_midnight_and_of_half_an_hour_are_told_in_words():
    nuuk = describe_dst(ScheduleRule("daily", at=at(23, 30), zone="America/Nuuk"), 2027)
    assert nuuk == [
        "On Saturday 27 March 2027 the clock skips from 23:00 to midnight; the 23:30 run starts at 00:00 on Sunday 28 March 2027.",
        (
            "On Saturday 30 October 2027 the clock goes back from midnight to 23:00, so 23:00 to midnight comes twice; "
            "the 23:30 run starts once, the first time."
        ),
    ]
    lord_howe = describe_dst(ScheduleRule("daily", at=at(2, 15), zone="Australia/Lord_Howe"), 2027)
    assert (
        lord_howe[1]
        == "On Sunday 3 October 2027 the clock skips from 2:00 to 2:30; the 02:15 run starts at 02:30."
    )


@given(RULES, st.integers(2025, 2040))
def test_what_is_said_about_a_year_is_whole_sentences(rule, year):
    for sentence in describe_dst(rule, year):
        assert sentence.startswith("On ")
        assert sentence.endswith(".")
        assert str(year) in sentence
    assert describe(rule)[0].isupper()


EVERY_TEN = ScheduleRule("minutes", at=time(6), every_minutes=10)


def test_every_ten_minutes_is_said_and_kept():
    assert describe(EVERY_TEN) == "Every 10 minutes from 06:00 to 23:50 each day (Pacific time)"
    assert rule_from_json(rule_to_json(EVERY_TEN)) == EVERY_TEN


def test_every_ten_minutes_begins_afresh_each_day():
    after = datetime(2026, 11, 21, 7, 45, tzinfo=UTC)  # 23:45 in California
    keys = [occurrence.local_key for occurrence in islice(occurrences_after(EVERY_TEN, after), 3)]
    assert keys == ["2026-11-20T23:50", "2026-11-21T06:00", "2026-11-21T06:10"]


@pytest.mark.parametrize("every_minutes", [4, 61, 0, -5, None])
def test_minutes_are_from_five_to_sixty(every_minutes):
    with pytest.raises(ScheduleError, match="from 5 to 60"):
        ScheduleRule("minutes", at=time(0), every_minutes=every_minutes)


def test_minutes_in_the_lost_hour_become_one_run_and_those_in_the_doubled_hour_start_once():
    rule = ScheduleRule("minutes", at=time(0), every_minutes=5)
    spring = due_between(
        rule, datetime(2026, 3, 8, 9, 50, tzinfo=UTC), datetime(2026, 3, 8, 10, 10, tzinfo=UTC)
    )
    assert [(o.local_key[11:], o.due_at.hour * 60 + o.due_at.minute) for o in spring] == [
        ("01:55", 595),
        ("03:00", 600),
        ("03:05", 605),
        ("03:10", 610),
    ]
    autumn = due_between(
        rule, datetime(2026, 11, 1, 8, 50, tzinfo=UTC), datetime(2026, 11, 1, 10, 5, tzinfo=UTC)
    )
    assert [o.local_key[11:] for o in autumn] == ["01:55", "02:00", "02:05"]
    spring_words, autumn_words = describe_dst(rule, 2026)
    assert "the 02:00 to 03:00 runs become one, which starts at 03:00" in spring_words
    assert "the 01:00 to 01:55 runs start once each, the first time" in autumn_words


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), st.sampled_from([5, 7, 15, 60]))  # noqa: DTZ001
def test_leaving_out_what_is_past_changes_nothing(moment, every_minutes):
    rule = ScheduleRule("minutes", at=time(0, 3), every_minutes=every_minutes)
    after = moment.replace(tzinfo=UTC)
    from_yesterday = (o for o in occurrences_after(rule, after - timedelta(days=1)) if o.due_at > after)
    assert list(islice(occurrences_after(rule, after), 5)) == list(islice(from_yesterday, 5))
