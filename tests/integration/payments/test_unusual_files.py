"""Files that bring far more, or take back far more, than usual; clocks that run ahead; rows of two business units."""

import pytest

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import OTHER, item


@pytest.fixture
def billed(books):
    books.charges(Fee("1001", "12.50"), Fee("2001", "5.00", patron=OTHER))
    return books


def of_a_usual_day(books):
    """Two files that brought a little, and many that brought nothing, as on any day."""
    books.hands_in(item())
    books.hands_in(item("2001", "5.00", "5.00", OTHER, "2"))
    for number in range(4):
        run = books.hands_in(item(), row_without_money(number), name=f"{number}.csv")
        assert run.counts["new_cents"] == 0


def row_without_money(number: int) -> str:
    """A row without money that makes the file another one."""
    return item("x", ".00", ".00", nbr=str(900 + number))


def test_a_flood_is_told_from_the_files_that_brought_money(billed):
    of_a_usual_day(billed)
    run = billed.hands_in(item("y", "2000.00", "2000.00", nbr="7"))
    assert run.state == "awaiting_approval"
    assert len(billed.payments()) == 2


def test_a_file_that_takes_back_far_more_than_usual_waits_for_a_person(billed):
    billed.campus.sets("payments", stop_factor=0)
    billed.hands_in(item("y", "2000.00", "2000.00", nbr="7"))
    billed.campus.sets("payments", stop_factor=10)
    of_a_usual_day(billed)
    run = billed.hands_in(item("y", ".00", "2000.00", nbr="7", at="09/20/2026 8:00:00AM"))
    assert run.state == "awaiting_approval"
    assert billed.lines()[0] == ("", 2000_00, "unapplied", "unmatched")


def test_a_clock_that_runs_ahead_does_not_hide_what_comes_later(billed):
    billed.hands_in(item(applied="5.00", at="09/18/2096  2:10:05PM"))
    billed.hands_in(item(applied="12.50", at=""))
    assert [cents for _, _, cents in billed.payments()] == [5_00, 7_50]


def test_a_file_with_rows_of_two_business_units_is_refused_whole_where_one_is_named(billed):
    of_another = item("2001", "5.00", "5.00", OTHER, "2").replace("HMCMP", "SMCMP")
    billed.campus.sets("payments", business_units=["HMCMP"])
    run = billed.hands_in(item(), of_another)
    assert run.state == "failed"
    assert "Line 3 is of the business unit SMCMP" in run.error["message"]
    assert billed.payments() == []


def test_items_of_two_business_units_with_one_number_are_two_items(billed):
    of_another = item("2001", "5.00", "5.00", OTHER, "1").replace("HMCMP", "SMCMP")
    same_student = item("1001", "2.50", "12.50", nbr="1").replace("HMCMP", "SMCMP")
    billed.hands_in(item(applied="10.00"), of_another, same_student)
    assert billed.lines() == [
        ("1001", 10_00, "waiting", ""), ("2001", 5_00, "waiting", ""), ("1001", 2_50, "waiting", ""),
    ]  # fmt: skip
