"""What one column writes for one row."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.unit.layouts.making import CONTEXT, column, hold, layout, value_of, written
from webapp.domain.layouts import RowRefusedError


@pytest.mark.parametrize(
    ("cents", "amount", "text"),
    [
        (12_500, {}, "125.00"),
        (5, {}, "0.05"),
        (0, {}, "0.00"),
        (-325, {}, "-3.25"),
        (123_456_789, {}, "1234567.89"),
        (12_500, {"decimals": "implied"}, "12500"),
        (5, {"decimals": "implied"}, "005"),
        (-325, {"sign": "trailing"}, "3.25-"),
        (325, {"sign": "trailing", "plus": " "}, "3.25 "),
        (325, {"plus": "+"}, "+3.25"),
        (-325, {"sign": "parentheses"}, "(3.25)"),
        (325, {"sign": "parentheses"}, "3.25"),
        (-325, {"absolute": True}, "3.25"),
        (-325, {"sign": "none", "absolute": True}, "3.25"),
        (0, {"zero": "blank"}, ""),
    ],
)
def test_an_amount_takes_every_form(cents, amount, text):
    assert value_of(column("total_cents", amount=amount), hold(total_cents=cents)) == text


@pytest.mark.parametrize(
    ("cents", "amount", "text"),
    [
        (1_250, {}, "0012.50"),
        (-1_250, {}, "-012.50"),
        (-1_250, {"sign": "trailing"}, "012.50-"),
        (-1_250, {"sign": "parentheses"}, "(12.50)"),
        (1_250, {"plus": "+"}, "+012.50"),
        (1_250, {"decimals": "implied"}, "0001250"),
    ],
)
def test_zeros_stand_between_the_sign_and_the_digits(cents, amount, text):
    assert value_of(column("total_cents", amount=amount, width=7, pad="0"), hold(total_cents=cents)) == text


def test_blanks_stand_before_an_amount():
    assert value_of(column("total_cents", width=8, pad=" ")) == "  125.00"


@pytest.mark.parametrize(
    ("changes", "amount", "reason"),
    [
        ({"total_cents": -1}, {"sign": "none"}, "the amount is below zero, and the column shows no sign"),
        ({"total_cents": 0}, {"zero": "refuse"}, "the amount is 0.00, which this column does not allow"),
        ({"total_cents": 12.5}, {}, "total_cents should be a whole number and is 12.5"),
        ({"total_cents": True}, {}, "total_cents should be a whole number and is True"),
    ],
)
def test_an_amount_the_column_cannot_show_refuses_the_row(changes, amount, reason):
    with pytest.raises(RowRefusedError) as refused:
        value_of(column("total_cents", amount=amount), hold(**changes))

    assert (refused.value.field, refused.value.reason, refused.value.row_number) == ("Column", reason, 1)


@pytest.mark.parametrize(("cents", "sign"), [(1, "DR"), (-1, "CR"), (0, "")])
def test_a_sign_can_have_a_column_of_its_own(cents, sign):
    value = {"sign_of": {"field": "total_cents"}, "positive": "DR", "negative": "CR", "zero": ""}

    assert value_of(column(value), hold(total_cents=cents)) == sign


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("YYYY-MM-DD", "2025-09-04"),
        ("MM/DD/YYYY", "09/04/2025"),
        ("MMDDYY", "090425"),
        ("DDMMYYYY", "04092025"),
        ("YYYY.MM.DD", "2025.09.04"),
        ("D Mon YYYY", "4 Sep 2025"),
        ("DDMONYY", "04SEP25"),
        ("M/D/YY", "9/4/25"),
        ("[Day ]DD", "Day 04"),
    ],
)
def test_a_day_takes_every_form(pattern, text):
    assert value_of(column("violation_on", date_format=pattern)) == text


def test_the_run_s_time_is_campus_time():
    stamp = column({"date": "run"}, date_format="YYYYMMDD[T]HHmmss")

    assert value_of(stamp) == "20250905T180000"


def test_a_moment_in_a_row_is_told_in_campus_time():
    row = hold(violation_on=datetime(2025, 9, 5, 6, 30, tzinfo=UTC))

    assert value_of(column("violation_on"), row) == "2025-09-04"


def test_more_different_days_than_are_remembered_are_still_written_right():
    first = date(2000, 1, 1)
    rows = [hold(violation_on=first + timedelta(days=n)) for n in range(5_000)]

    lines = written(layout(column("violation_on")), *rows, *rows[:3]).decode().splitlines()

    assert lines == [row["violation_on"].isoformat() for row in [*rows, *rows[:3]]]


def test_something_that_is_no_date_refuses_the_row():
    with pytest.raises(RowRefusedError, match="violation_on should be a date and is '2025-09-04'"):
        value_of(column("violation_on"), hold(violation_on="2025-09-04"))


@pytest.mark.parametrize(
    ("transforms", "text"),
    [
        ([{"last": 7}], "2345678"),
        (["strip_zeros"], "12345678"),
        ([{"substring": {"start": 2, "length": 3}}], "123"),
        ([{"substring": {"start": 2, "length": 3}}, {"last": 1}], "3"),
        ([], "012345678"),
    ],
)
def test_an_id_is_shaped_step_by_step(transforms, text):
    assert value_of(column("emplid", transforms=transforms)) == text


@pytest.mark.parametrize(
    ("name", "transforms", "text"),
    [
        (" Stra\u00dfe ", ["trim", "upper"], "STRASSE"),
        ("ABC", ["lower"], "abc"),
        ("000", ["strip_zeros"], "0"),
    ],
)
def test_text_is_shaped_step_by_step(name, transforms, text):
    assert value_of(column("patron_name", transforms=transforms), hold(patron_name=name)) == text


def test_lost_leading_zeros_are_restored_by_a_width():
    restored = column("emplid", width=9, justify="right", pad="0")

    assert value_of(restored, hold(emplid="12345678")) == "012345678"


@pytest.mark.parametrize("emplid", ["", None])
def test_zeros_never_make_up_an_id_that_is_not_there(emplid):
    restored = column("emplid", width=9, justify="right", pad="0")

    assert value_of(restored, hold(emplid=emplid)) == ""


def test_zeros_never_make_up_an_amount_that_is_not_there():
    document = layout(column("total_cents", width=7, pad="0"), mode="positional")

    assert written(document, hold(total_cents=None)) == b"       \n"


@pytest.mark.parametrize("absent", ["", None, "   ", "\t\n"])
def test_a_fallback_stands_in_for_what_is_absent_or_blank(absent):
    assert value_of(column("currency", fallback="USD"), hold(currency=absent)) == "USD"


@pytest.mark.parametrize("absent", ["", None, "   ", "\t\n"])
def test_a_required_value_that_is_absent_refuses_the_row(absent):
    with pytest.raises(RowRefusedError, match="column 'Column': is required and has no value"):
        value_of(column("emplid", required=True), hold(emplid=absent))


def test_a_field_the_row_does_not_know_is_absent():
    assert value_of(column("item_title", fallback="none")) == "none"


def test_a_number_where_text_is_due_refuses_the_row():
    with pytest.raises(RowRefusedError, match="emplid should be text and is 12345678"):
        value_of(column("emplid"), hold(emplid=12_345_678))


def test_constants_blanks_run_values_and_counts_are_written():
    parts = [
        "LIB-",
        {"run": "campus"},
        {"const": "-"},
        {"run": "hold_code"},
        {"blank": True},
        {"field": "item_count"},
    ]

    assert value_of(column({"concat": parts})) == "LIB-csusm-L012"


def test_parts_of_a_text_have_shapes_of_their_own():
    parts = [
        {"value": {"run": "sequence"}, "width": 4, "pad": "0"},
        "/",
        {"value": {"field": "total_cents"}, "amount": {"decimals": "implied"}},
        "/",
        {"value": {"field": "violation_on"}, "date_format": "YYMMDD"},
    ]

    assert value_of(column({"concat": parts})) == "0012/12500/250904"


SEVERITY = {
    "first_of": [
        {"when": {"field": "total_cents", "at_least": 10_000}, "then": "F50"},
        {"when": {"all": [{"field": "user_type", "in": ["Student", "Alumni"]}, {"not": {"field": "library", "empty": True}}]}, "then": "FE1"},
        {"when": {"any": [{"field": "emplid", "starts_with": "9"}, {"field": "violation_on", "less_than": "2020-01-01"}]}, "then": {"field": "user_type"}},
        {"when": {"run": "kind", "is": "released"}, "then": "REL"},
    ],
    "otherwise": "F10",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"total_cents": 10_000, "library": "MAIN"}, "F50"),
        ({"total_cents": 9_999, "library": "MAIN"}, "FE1"),
        ({"total_cents": 9_999, "library": " "}, "F10"),
        ({"total_cents": 9_999, "emplid": "900000000"}, "Student"),
        ({"total_cents": 9_999, "violation_on": date(2019, 12, 31)}, "Student"),
        ({"total_cents": None, "violation_on": None}, "F10"),
    ],
)
def test_the_first_condition_that_holds_decides(changes, text):
    assert value_of(column(SEVERITY), hold(**changes)) == text


@pytest.mark.parametrize(
    ("test", "expected"), [("more_than", "no"), ("at_most", "yes"), ("is", "yes"), ("less_than", "no")]
)
def test_amounts_are_compared_in_cents(test, expected):
    value = {"first_of": [{"when": {"field": "total_cents", test: 12_500}, "then": "yes"}], "otherwise": "no"}

    assert value_of(column(value)) == expected


def test_no_condition_and_no_otherwise_leaves_the_column_empty():
    value = {"first_of": [{"when": {"field": "action", "is": "R"}, "then": "x"}]}

    assert value_of(column(value)) == ""


def test_a_value_that_cannot_be_compared_refuses_the_row():
    with pytest.raises(RowRefusedError, match="'12' cannot be compared with 10000"):
        value_of(column(SEVERITY), hold(total_cents="12"))


TABLES = {
    "item_types": {
        "keys": ["violation_type", "library"],
        "columns": ["code", "text"],
        "rows": [
            ["Overdue", "MAIN", "1", "Fine, main"],
            ["Overdue", "*", "2", "Fine"],
            ["Lost", "MAIN", "3", "Loss"],
        ],
    }
}


@pytest.mark.parametrize(
    ("violation_type", "library", "code"),
    [("Overdue", "MAIN", "1"), ("Overdue", "KLIB", "2"), ("Lost", "MAIN", "3")],
)
def test_a_table_gives_the_first_row_whose_keys_match(violation_type, library, code):
    row = hold(violation_type=violation_type, library=library)

    assert value_of(column({"lookup": {"table": "item_types", "column": "code"}}), row, tables=TABLES) == code


def test_a_row_the_table_does_not_know_is_refused_with_its_keys():
    looked_up = column({"lookup": {"table": "item_types", "column": "code"}})

    with pytest.raises(RowRefusedError, match="table 'item_types' has no row for 'Lost', ''"):
        value_of(looked_up, hold(violation_type="Lost"), tables=TABLES)


def test_a_fallback_speaks_for_what_the_table_does_not_know():
    looked_up = column({"lookup": {"table": "item_types", "column": "code"}}, fallback="999")

    assert value_of(looked_up, hold(violation_type="Lost"), tables=TABLES) == "999"


def test_a_naive_run_time_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="run_at must be aware"):
        type(CONTEXT)(run_at=CONTEXT.run_at.replace(tzinfo=None), campus="csusm", kind="added")
