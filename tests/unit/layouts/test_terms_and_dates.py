"""Terms from a campus's calendar, date rules and zones."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.unit.layouts.making import column as holds_column
from tests.unit.layouts.making import layout as holds_layout
from tests.unit.layouts.making import written
from tests.unit.layouts.making_sets import Rendered, charges, column, fee, value_of
from webapp.domain.layouts import LayoutError, check_layout, load_layout_set

TERMS = {
    "terms": [
        ["2232", "2023-01-16", "2023-05-20"],
        ["2233", "2023-05-21", "2023-08-14"],
        ["2234", "2023-08-15", "2023-12-31"],
        ["L232", "2023-01-03", "2023-05-20", "LAW"],
    ]
}
MONTHS = {"months": [[1, 5, "{YYYY}SP"], [6, 7, "{YYYY}SU"], [8, 12, "{YYYY+1}FA"]]}


def term(on="transaction_on", calendar=TERMS, row=None, career=None, **shaping):
    """The term of one row."""
    value = {"term": "terms", "on": on, **({"career": career} if career else {})}
    return value_of(column(value, **shaping), row or fee(), calendars={"terms": calendar})


def refusal(row, calendar=TERMS, career=None):
    """Why a row gets no term."""
    value = {"term": "terms", "on": "transaction_on", **({"career": career} if career else {})}
    rendered = Rendered(charges(column(value), calendars={"terms": calendar}), [row])
    assert not rendered.files
    (reason,) = rendered.reasons
    return reason


@pytest.mark.parametrize(
    ("day", "code"),
    [("2023-01-16", "2232"), ("2023-05-20", "2232"), ("2023-05-21", "2233"), ("2023-12-31", "2234")],
)
def test_a_day_has_the_term_whose_first_and_last_day_enclose_it(day, code):
    assert term(row=fee(transaction_on=date.fromisoformat(day))) == code


def test_a_term_may_be_that_of_the_run():
    assert term("run") == "2232"


def test_a_moment_has_the_term_of_its_day_on_campus():
    new_year_in_london = datetime(2024, 1, 1, 2, 0, tzinfo=ZoneInfo("UTC"))

    assert term("transaction_at", row=fee(transaction_at=new_year_in_london)) == "2234"


def test_a_career_with_terms_of_its_own_comes_before_the_terms_for_all():
    early = date(2023, 1, 5)

    assert term(row=fee(transaction_on=early, career="LAW"), career="career") == "L232"
    assert term(row=fee(career="UGRD"), career="career") == "2232"
    assert term(row=fee(transaction_on=date(2023, 9, 1), career="LAW"), career="career") == "2234"
    assert refusal(fee(transaction_on=early, career="UGRD"), career="career") == (
        "calendar 'terms' has no term on 2023-01-05 for career 'UGRD'"
    )


@pytest.mark.parametrize(
    ("day", "code"), [("2023-02-23", "2023SP"), ("2023-06-01", "2023SU"), ("2023-12-31", "2024FA")]
)
def test_a_calendar_by_months_needs_no_years(day, code):
    assert term(calendar=MONTHS, row=fee(transaction_on=date.fromisoformat(day))) == code


def test_a_term_pattern_may_hold_two_digits_and_earlier_years():
    months = {"months": [[1, 12, "2{YY}8-{YY-1}-{YYYY-1}"]]}

    assert term(calendar=months) == "2238-22-2022"


def test_a_day_in_a_hole_of_the_calendar_refuses_its_row():
    assert refusal(fee(transaction_on=date(2023, 1, 2))) == "calendar 'terms' has no term on 2023-01-02"


def test_a_day_in_a_hole_is_blank_where_the_calendar_or_a_fallback_says_so():
    hole = fee(transaction_on=date(2022, 1, 1))

    assert not term(calendar={**TERMS, "missing": "blank"}, row=hole)
    assert term(row=hole, fallback="0000") == "0000"


def test_a_row_without_the_date_is_refused_rather_than_given_some_term():
    assert refusal(fee(transaction_on=None)) == "there is no term without a date, and transaction_on is empty"
    assert not term(calendar={**TERMS, "missing": "blank"}, row=fee(transaction_on=None))


def test_a_derived_term_serves_in_conditions_and_look_ups():
    document = charges(
        column({"lookup": {"table": "by_term", "column": "text"}}),
        calendars={"terms": TERMS},
        fields={"term": {"term": "terms", "on": "transaction_on"}},
        tables={
            "by_term": {"keys": ["term"], "columns": ["text"], "rows": [["2232", "Spring"], ["*", "Other"]]}
        },
        file_name="{term}_{kind}.txt",
        files=[{"kind": "spring", "when": {"field": "term", "is": "2232"}}, {"kind": "rest"}],
    )

    rendered = Rendered(document, [fee(), fee(transaction_on=date(2023, 9, 1))])

    assert [rendered.text("spring"), rendered.text("rest")] == ["Spring\n", "Other\n"]
    assert [file.name for file in rendered.files] == ["2232_spring.txt", "2234_rest.txt"]


def test_holds_may_use_calendars_too():
    document = holds_layout(
        holds_column({"term": "terms", "on": "run"}), calendars={"terms": {"months": [[1, 12, "2{YY}8"]]}}
    )

    assert written(document, {"emplid": "1", "total_cents": 1}) == b"2258\n"


def test_overlapping_terms_and_holes_are_warnings():
    calendar = {
        "terms": [
            ["A", "2023-01-01", "2023-02-10"],
            ["B", "2023-02-01", "2023-03-01"],
            ["C", "2023-03-05", "2023-04-01"],
        ]
    }
    document = charges(
        column("emplid"), calendars={"terms": calendar, "months": {"months": [[1, 6, "A"], [6, 11, "B"]]}}
    )

    load_layout_set(document)
    assert [(fault.path, fault.severity, fault.message) for fault in check_layout(document)] == [
        ("$.calendars.terms", "warning",
         "terms 'A' and 'B' overlap from 2023-02-01 to 2023-02-10; the one listed first is taken"),
        ("$.calendars.terms", "warning",
         "no term covers 2023-03-02 to 2023-03-04, between 'B' and 'C': rows of these days are set aside"),
        ("$.calendars.months", "warning", "month 6 has the terms 'A' and 'B'; the first is taken"),
        ("$.calendars.months", "warning", "month 12 has no term"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("calendar", "path", "message"),
    [
        ({}, "", "either terms or months"),
        ({"terms": [["A", "2023-02-30", "2023-03-01"]]}, ".terms[0]", "is no day"),
        ({"terms": [["A", "2023-03-02", "2023-03-01"]]}, ".terms[0]", "before it begins"),
        ({"terms": [["A", 20230301, "2023-03-01"]]}, ".terms[0]", "is no day"),
        ({"terms": [["A"]]}, ".terms[0]", "must be [code"),
        ({"terms": [["", "2023-03-01", "2023-03-01"]]}, ".terms[0]", "1 to 40 characters"),
        ({"months": [[5, 1, "A"]]}, ".months[0]", "the first not after the last"),
        ({"months": [[0, 12, "A"]]}, ".months[0]", "from 1 to 12"),
        ({"months": [[1, 12, "{MM}"]]}, ".months[0]", "braces around something else"),
        ({"months": [[1, 12]]}, ".months[0]", "[first month, last month, pattern]"),
        ({"terms": [], "missing": "zero"}, ".missing", '"refuse" or "blank"'),
    ],
)
def test_a_fault_of_a_calendar_is_told_at_its_place(calendar, path, message):
    found = {
        fault.path: fault.message
        for fault in check_layout(charges(column("emplid"), calendars={"terms": calendar}))
    }

    assert message in found[f"$.calendars.terms{path}"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"term": "other", "on": "run"}, "unknown calendar 'other'"),
        ({"term": "terms", "on": "emplid"}, "'emplid' is no date to find a term by"),
        ({"term": "terms", "on": "paid_on"}, "unknown field 'paid_on'"),
        ({"term": "terms", "on": "run", "career": "level"}, "unknown field 'level'"),
        ({"term": "terms"}, "is missing"),
    ],
)
def test_a_term_that_cannot_be_found_is_refused_when_saved(value, message):
    faults = check_layout(charges(column(value), calendars={"terms": TERMS}))

    assert message in "\n".join(fault.message for fault in faults if fault.severity == "error")


RULES = [
    ([{"add_months": 1}, {"day": 25}], "2023-02-23", "2023-03-25"),
    ([{"add_months": 1}, {"day": 25}], "2023-12-31", "2024-01-25"),
    ([{"day": "last"}], "2024-02-01", "2024-02-29"),
    ([{"day": 31}], "2023-04-02", "2023-04-30"),
    ([{"add_months": 1}], "2023-01-31", "2023-02-28"),
    ([{"add_months": -2}], "2023-01-31", "2022-11-30"),
    ([{"add_days": 30}], "2023-02-01", "2023-03-03"),
    ([{"add_days": -1}, {"day": 1}], "2023-03-01", "2023-02-01"),
]


@pytest.mark.parametrize(("rule", "day", "expected"), RULES)
def test_a_date_rule_moves_the_day_step_by_step(rule, day, expected):
    row = fee(transaction_on=date.fromisoformat(day))

    assert value_of(column({"date": "transaction_on"}, date_rule=rule), row) == expected


def test_a_rule_may_start_at_the_run_and_move_a_moment_within_its_zone():
    late = datetime(2023, 3, 1, 6, 30, tzinfo=ZoneInfo("UTC"))

    assert value_of(column({"date": "run"}, date_rule=[{"add_months": 1}, {"day": 25}])) == "2023-04-25"
    assert (
        value_of(column("transaction_at", date_rule=[{"day": 1}]), fee(transaction_at=late)) == "2023-02-01"
    )


def test_a_date_zone_tells_a_moment_in_another_zone():
    moment = fee(transaction_at=datetime(2023, 3, 1, 6, 30, tzinfo=ZoneInfo("UTC")))
    shape = "YYYY-MM-DD HH:mm"

    assert value_of(column("transaction_at", date_format=shape), moment) == "2023-02-28 22:30"
    assert (
        value_of(column("transaction_at", date_format=shape, date_zone="Europe/Berlin"), moment)
        == "2023-03-01 07:30"
    )
    assert value_of(column({"date": "run"}, date_format=shape, date_zone="UTC")) == "2023-03-02 02:00"


def test_a_rule_that_leaves_the_calendar_refuses_its_row():
    rendered = Rendered(
        charges(column("due_on", date_rule=[{"add_months": 12}])), [fee(due_on=date(9999, 12, 31)), fee()]
    )

    assert rendered.reasons == ["the date rule leads from 9999-12-31 out of the calendar"]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("YYYYDDD", "2024366"),
        ("Q", "4"),
        ("GGGG-[W]WW", "2025-W01"),
        ("YY[Q]Q", "24Q4"),
        ("DDMMYYYY", "31122024"),
    ],
)
def test_dates_by_day_of_the_year_quarter_and_week(pattern, text):
    assert value_of(column("due_on", date_format=pattern), fee(due_on=date(2024, 12, 31))) == text


@pytest.mark.parametrize(
    ("shaping", "place", "message"),
    [
        ({"date_rule": [{"day": 32}]}, ".date_rule[0].day", "from 1 to 31"),
        ({"date_rule": [{"day": "first"}]}, ".date_rule[0].day", '"last"'),
        ({"date_rule": [{"day": 1, "add_days": 1}]}, ".date_rule[0]", "exactly one of"),
        ({"date_rule": [{"add_years": 1}]}, ".date_rule[0]", "exactly one of"),
        ({"date_rule": []}, ".date_rule", "1 to 10 entries"),
        ({"date_zone": "Mars/Olympus"}, ".date_zone", "is no time zone"),
        ({"date_zone": "UTC"}, ".date_zone", "a day without a time of day"),
    ],
)
def test_an_impossible_date_is_refused_when_saved(shaping, place, message):
    with pytest.raises(LayoutError) as caught:
        load_layout_set(charges(column("due_on", **shaping)))

    assert (
        message in {fault.path: fault.message for fault in caught.value.faults}[f"$.records.detail[0]{place}"]
    )


def test_a_date_rule_is_for_dates_only():
    with pytest.raises(LayoutError, match="is for dates, and this value is text"):
        load_layout_set(charges(column("emplid", date_rule=[{"day": 1}])))
