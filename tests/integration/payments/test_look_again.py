"""A payment that comes before its charge is known here."""

import pytest

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import item
from webapp.services import apply_money
from webapp.services.audit import Actor


@pytest.fixture
def early(books):
    """12.50 were paid for fee 1009, which nobody has told of."""
    books.charges(Fee("1001", "12.50"), Fee("1002", "5.00"))
    books.hands_in(item("1009", "15.00", "12.50", nbr="9"))
    assert books.lines() == [("", 15_00, "unapplied", "unmatched")]
    return books


def comes(books, nbr="1", reference="1002"):
    return books.hands_in(item(reference, "5.00", "5.00", nbr=nbr), name=f"{nbr}.csv")


def test_it_finds_its_fee_with_the_next_file_once_the_charge_is_told(early):
    early.charges(Fee("1009", "12.50"))
    run = comes(early)
    assert run.state == "succeeded", run.error
    assert early.lines() == [
        ("1009", 12_50, "waiting", ""),
        ("", 2_50, "unapplied", "overpaid"),
        ("1002", 5_00, "waiting", ""),
    ]
    assert "1 earlier payment found the fee by now" in run.story
    assert early.adds_up()
    told = early.campus.query(
        "SELECT amount_cents FROM ledger_entry WHERE event = 'payment' AND fee_ref = '1009'"
    )
    assert told == [(-12_50,)]


def test_it_is_not_spread_over_other_fees(early):
    comes(early)
    assert early.lines() == [("", 15_00, "unapplied", "unmatched"), ("1002", 5_00, "waiting", "")]


def test_what_somebody_looks_after_is_left_to_them(early):
    ((payment_id, n),) = early.campus.query(
        "SELECT payment_id, n FROM payment_line WHERE state = 'unapplied'"
    )
    early.charges(Fee("1009", "12.50"))
    apply_money.ignore_money(early.tenant_id, payment_id, n, actor=Actor(None, "Ann"), reason="Paid by hand")
    comes(early)
    assert early.lines()[0] == ("", 15_00, "ignored", "unmatched")


def test_money_that_posting_gave_back_is_not_sent_to_the_same_fee_for_ever(early):
    early.charges(Fee("1009", "12.50"))
    comes(early)
    early.campus.query(
        "UPDATE payment_line SET state = 'unapplied', rule = 'unmatched' WHERE fee_ref = '1009' RETURNING n"
    )
    before = early.lines()
    comes(early, nbr="2", reference="1001")
    assert early.lines()[: len(before)] == before
