"""Lines that are no payments, and lines that look like one that came before."""

import copy

import pytest

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import HEADING, STUDENT, item
from webapp.domain.layouts.inbound import READY_MADE_INBOUND

EVENTS = "Unit,ID,Item Nbr,Line Seq,Item Type,Item Term,Reference Nbr,Line Amount,Line Action,Payment ID,Posted Date"


@pytest.fixture
def billed(books):
    books.charges(Fee("1001", "12.50"), Fee("1002", "90.00"))
    return books


def event(amount, *, nbr="1", seq="1", reference="1001", action="PAY", payment_id="", on="09/21/2026"):
    number = nbr.zfill(15) if nbr else ""
    return f"HMCMP,{STUDENT},{number},{seq},300000006919,2267,{reference},{amount},{action},{payment_id},{on}"


def reads_actions(books):
    layout = copy.deepcopy(READY_MADE_INBOUND["ps-query-payments"])
    layout["columns"].append({"name": "Line Action", "field": "line_action"})
    layout["payments"]["actions"] = {"PAY": "payment", "WRO": "write_off"}
    books.campus.saves_layout(layout, version=2)
    books.campus.sets("payments", layout="own")


def test_an_item_that_was_written_off_is_not_paid_in_alma(billed):
    reads_actions(billed)
    billed.hands_in(f"{item()},WRO", heading=f"{HEADING},Line Action")
    assert billed.payments() == [("1001", "write_off", 12_50)]
    assert billed.lines() == [("", 12_50, "unapplied", "write_off")]


def test_what_was_written_off_and_only_noted_is_not_new_when_the_rest_is_paid(billed):
    reads_actions(billed)
    billed.campus.sets("payments", write_offs="ignore")
    run = billed.hands_in(f"{item(applied='4.00')},WRO", heading=f"{HEADING},Line Action")
    assert (run.state, billed.payments()) == ("succeeded", [])
    billed.hands_in(
        f"{item(applied='12.50', at='09/19/2026 8:00:00AM')},PAY", heading=f"{HEADING},Line Action"
    )
    assert billed.lines() == [("1001", 8_50, "waiting", "")]


@pytest.mark.parametrize("seq", ["1", ""])
def test_equal_sums_for_two_items_are_two_payments_also_in_files_that_follow(billed, seq):
    billed.campus.sets("payments", layout="ps-payments-event")
    billed.hands_in(event("5.00", nbr="1", seq=seq, reference=""), heading=EVENTS)
    billed.hands_in(event("5.00", nbr="2", seq=seq, reference=""), heading=EVENTS)
    assert [cents for _, _, cents in billed.payments()] == [5_00, 5_00]


def test_two_lines_of_an_item_on_one_day_are_two_payments_and_count_once(billed):
    billed.campus.sets("payments", layout="ps-payments-event")
    billed.hands_in(event("5.00", seq="1"), heading=EVENTS)
    billed.hands_in(event("5.00", seq="2"), heading=EVENTS)
    billed.hands_in(event("5.00", seq="2"), event("5.00", seq="1"), heading=EVENTS)
    assert [cents for _, _, cents in billed.payments()] == [5_00, 5_00]


def test_a_second_part_of_a_payment_that_comes_in_a_later_file_is_not_lost(billed):
    billed.campus.sets("payments", layout="ps-payments-event")
    billed.hands_in(event("5.00", seq="", payment_id="77"), heading=EVENTS)
    billed.hands_in(event("2.50", seq="", payment_id="77"), heading=EVENTS)
    assert [cents for _, _, cents in billed.payments()] == [5_00, 2_50]


def test_a_payment_whose_sum_changed_waits_for_a_person_once(billed):
    billed.campus.sets("payments", layout="ps-payments-event")
    billed.hands_in(event("5.00", payment_id="77"), heading=EVENTS)
    billed.hands_in(event("7.50", payment_id="77"), heading=EVENTS)
    billed.hands_in(event("7.50", payment_id="77"), event("1.00", payment_id="78"), heading=EVENTS)
    assert billed.lines() == [
        ("1001", 5_00, "waiting", ""),
        ("", 7_50, "unapplied", "repeat"),
        ("1001", 1_00, "waiting", ""),
    ]
    ((why,),) = billed.campus.query("SELECT reason FROM payment_line WHERE rule = 'repeat'")
    assert "came before with $5.00, and now has $7.50" in why
    assert billed.adds_up()
