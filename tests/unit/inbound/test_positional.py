from __future__ import annotations

from datetime import date

import pytest

from tests.unit.inbound.making import positional, read, rows
from webapp.domain.layouts.inbound import READY_MADE_INBOUND, InboundFault

LINE = "001234567" + "0001250" + " " + "08152026" + " " + "Term is closed"


def test_fields_are_cut_out_by_position_and_every_line_is_a_rejected_one():
    (row,) = rows(positional(), LINE + "\r\n")
    assert row.values == {
        "emplid": "001234567",
        "amount_cents": 1250,
        "billing_on": date(2026, 8, 15),
        "message": "Term is closed",
    }
    assert row.status == "rejected"


@pytest.mark.parametrize(
    ("cell", "cents"), [("0001250", 1250), ("-001250", -1250), ("001250-", -1250), ("(01250)", -1250)]
)
def test_implied_cents_may_carry_their_sign_on_either_side(cell, cents):
    (row,) = rows(positional(), LINE.replace("0001250", cell))
    assert row.cents("amount_cents") == cents


@pytest.mark.parametrize("cell", ["12.50  ", "-00125-", "(001250", "0001 25"])
def test_anything_else_in_an_amount_is_set_aside(cell):
    (fault,) = read(positional(), LINE.replace("0001250", cell))
    assert isinstance(fault, InboundFault)
    assert "Amount" in fault.reason


def test_blanks_lost_at_the_end_of_a_line_do_no_harm():
    (row,) = rows(positional(), LINE[:25] + "\n")
    assert row.text("message") == ""


def test_a_line_cut_inside_an_amount_or_a_date_is_set_aside_and_not_read_as_another_number():
    for length in (12, 20):
        (fault,) = read(positional(), LINE[:length] + "\n")
        assert isinstance(fault, InboundFault)
        assert "cut off" in fault.reason


def test_an_impossible_day_is_set_aside():
    (fault,) = read(positional(), LINE.replace("08152026", "02302026"))
    assert isinstance(fault, InboundFault)
    assert "calendar" in fault.reason


@pytest.mark.parametrize(
    ("pattern", "cell"),
    [
        ("YYYYMMDD", "20260815"),
        ("MM/DD/YY", "08/15/26"),
        ("DDMONYY", "15AUG26 "),
        ("[d]MMDDYY", "d081526 "),
    ],
)
def test_dates_are_read_in_the_pattern_that_would_write_them(pattern, cell):
    document = positional()
    document["columns"][2]["date_format"] = pattern
    (row,) = rows(document, LINE.replace("08152026", cell))
    assert row.values["billing_on"] == date(2026, 8, 15)


def test_the_ready_made_rejects_file_passes_over_remarks():
    line = "001234567".ljust(11) + "072000000916" + "2238" + "12.50".rjust(16) + "23467788990003421".ljust(30)
    content = f"# rejected lines of 15 August\n{line}Term is closed\n"
    (row,) = rows(READY_MADE_INBOUND["rejects-positional"], content)
    assert (row.line, row.status, row.text("term"), row.text("message")) == (
        2,
        "rejected",
        "2238",
        "Term is closed",
    )
