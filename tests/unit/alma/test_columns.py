import pytest

from webapp.adapters.alma.columns import find_columns
from webapp.adapters.alma.page import Heading
from webapp.adapters.errors import PermanentError

HEADINGS = [
    Heading("Column1", "Remaining Amount", "Fees"),
    Heading("Column2", "fine feeid", "Fees"),
    Heading("Column3", "Primary  Identifier", "User Details"),
    Heading("Column4", "Fine Fee Type", "Fees"),
]


def test_columns_are_found_by_heading_whatever_their_order_case_and_blanks():
    assert find_columns(HEADINGS, {}, "/shared/fees") == {
        "fee_id": "Column2",
        "patron_key": "Column3",
        "balance": "Column1",
        "fee_type": "Column4",
    }


def test_missing_columns_are_named_together_with_the_headings_that_were_found():
    with pytest.raises(PermanentError) as caught:
        find_columns(HEADINGS[1:3], {}, "/shared/fees")
    assert "Remaining Amount, Fine Fee Type" in caught.value.message
    assert "It has: fine feeid, Primary  Identifier" in caught.value.message
    assert "/shared/fees" in caught.value.message


def test_a_report_without_headings_says_so():
    with pytest.raises(PermanentError, match="Column1, no heading"):
        find_columns([Heading("Column1", "", "")], {}, "/shared/fees")


def test_a_heading_that_occurs_twice_is_told_apart_by_its_table():
    twice = [*HEADINGS, Heading("Column5", "Primary Identifier", "Staff Operator Details")]
    with pytest.raises(PermanentError, match="Staff Operator Details::Primary Identifier"):
        find_columns(twice, {}, "/shared/fees")
    assert (
        find_columns(twice, {"patron_key": "user details::Primary Identifier"}, "x")["patron_key"]
        == "Column3"
    )


def test_a_pinned_column_must_be_there_even_when_it_is_not_needed():
    with pytest.raises(PermanentError, match="lacks the column Desk"):
        find_columns(HEADINGS, {"library": "Desk"}, "/shared/fees")


def test_a_role_that_means_nothing_is_refused():
    with pytest.raises(PermanentError, match="colour"):
        find_columns(HEADINGS, {"colour": "Title"}, "/shared/fees")
