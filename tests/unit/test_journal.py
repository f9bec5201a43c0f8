"""A journal of payments: what is booked where, and that it always comes to zero."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.journal import (
    Booked,
    Chartfields,
    JournalError,
    chartfields_of,
    journal_rows,
    read_map,
)

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
FINES, LOST = Chartfields("580090", "SM001", "1200"), Chartfields("580094", "SM001", "1200", project="LIB9")
CLEARING = Chartfields("101100", "SM001")
FRAME = {"business_unit": "SMCMP", "ledger": "ACTUALS", "source": "LIB", "currency": "USD"}


def rows(*booked: Booked):
    return list(journal_rows(booked, CLEARING, **FRAME))


def amounts(*booked: Booked):
    return [(row["journal_on"], row["account"], row["amount_cents"]) for row in rows(*booked)]


def test_payments_credit_their_revenue_and_debit_the_clearing_account():
    made = amounts(Booked(MONDAY, FINES, 12_50, 2), Booked(MONDAY, LOST, 90_00, 1))
    assert made == [(MONDAY, "580090", -12_50), (MONDAY, "580094", -90_00), (MONDAY, "101100", 102_50)]


def test_every_day_balances_by_itself():
    made = amounts(Booked(TUESDAY, FINES, 5_00, 1), Booked(MONDAY, FINES, 7_00, 1))
    assert made == [
        (MONDAY, "580090", -7_00),
        (MONDAY, "101100", 7_00),
        (TUESDAY, "580090", -5_00),
        (TUESDAY, "101100", 5_00),
    ]


def test_a_refund_turns_the_sides_round():
    assert amounts(Booked(MONDAY, FINES, -3_00, 1)) == [(MONDAY, "580090", 3_00), (MONDAY, "101100", -3_00)]


def test_a_payment_and_its_refund_of_one_day_leave_no_line():
    assert amounts(Booked(MONDAY, FINES, 3_00, 1), Booked(MONDAY, FINES, -3_00, 1)) == []


def test_money_between_two_accounts_that_cancels_out_needs_no_clearing_line():
    made = amounts(Booked(MONDAY, FINES, 3_00, 1), Booked(MONDAY, LOST, -3_00, 1))
    assert made == [(MONDAY, "580090", -3_00), (MONDAY, "580094", 3_00)]


@given(
    st.lists(
        st.builds(
            Booked,
            st.sampled_from([MONDAY, TUESDAY]),
            st.sampled_from([FINES, LOST]),
            st.integers(-(10**9), 10**9),
            st.integers(1, 9),
        )
    )
)
def test_every_journal_comes_to_zero_each_day(booked):
    made = rows(*booked)
    for day in (MONDAY, TUESDAY):
        assert sum(row["amount_cents"] for row in made if row["journal_on"] == day) == 0
    credited = -sum(row["amount_cents"] for row in made if row["side"] == "revenue")
    assert credited == sum(one.cents for one in booked)
    assert all(row["amount_cents"] for row in made)


def test_no_description_is_longer_than_a_journal_line_takes():
    assert all(len(row["description"]) <= 30 for row in rows(Booked(MONDAY, FINES, 1, 1)))


def test_chartfields_are_read_in_the_order_of_a_string_and_parts_may_be_empty():
    assert Chartfields.read("580094 / SM001 / 1200 / / / LIB9") == LOST
    assert Chartfields.read("101100/SM001") == CLEARING


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("580090", "needs an account and a fund"),
        ("580090 / SM0012", "the fund SM0012 is longer than 5"),
        ("580090 / SM001 / 12-00", "is not made of letters and digits"),
        ("1 / 2 / 3 / 4 / 5 / 6 / 7", "has 7 parts"),
    ],
)
def test_chartfields_that_no_journal_takes_are_refused(written, says):
    with pytest.raises(JournalError, match=says):
        Chartfields.read(written)


def test_a_fault_in_the_map_names_its_fee_type():
    with pytest.raises(JournalError, match="OVERDUEFINE: "):
        read_map({"OVERDUEFINE": "580090"})


def test_a_fee_type_without_chartfields_takes_those_of_any_other_or_none():
    assert chartfields_of("RENEWFEE", {"OVERDUEFINE": FINES, "*": LOST}) == LOST
    assert chartfields_of("RENEWFEE", {"OVERDUEFINE": FINES}) is None
