"""Files of payments on a real database: what is new counts once, finds its fee, and adds up."""

import pytest
from sqlalchemy import text

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import HEADING, OTHER, STUDENT, item
from webapp.models import SeenFee
from webapp.models.scope import tenant_scope
from webapp.services import apply_money
from webapp.services.audit import Actor


@pytest.fixture
def billed(books):
    """Two students with charges: 1001 over 12.50, 1002 over 90.00; 2001 over 5.00."""
    books.charges(
        Fee("1001", "12.50"),
        Fee("1002", "90.00", fee_type="LOSTITEMREPLACEMENTFEE"),
        Fee("2001", "5.00", patron=OTHER),
    )
    return books


def test_a_payment_finds_its_charge_by_the_reference_peoplesoft_was_given(billed):
    run = billed.hands_in(item())
    assert run.state == "succeeded", run.error
    assert billed.payments() == [("1001", "payment", 12_50)]
    assert billed.lines() == [("1001", 12_50, "waiting", "")]
    assert "1 row of 1 with news, $12.50; 1 line ($12.50) to be posted" in run.story
    ledger = billed.campus.query(
        "SELECT fee_ref, side, event, amount_cents FROM ledger_entry WHERE event = 'payment'"
    )
    assert ledger == [("1001", "bursar", "payment", -12_50)]


def test_the_same_file_counts_once_and_the_same_rows_in_another_file_too(billed):
    billed.hands_in(item())
    billed.hands_in(item(), item("2001", "5.00", "5.00", OTHER, "2"), name="later.csv")
    run = billed.hands_in(
        item(), item("2001", "5.00", "5.00", OTHER, "2"), name="again.csv", heading="\ufeff" + HEADING
    )
    assert billed.payments() == [("1001", "payment", 12_50), ("2001", "payment", 5_00)]
    assert "0 rows of 2 with news" in run.story
    assert run.state == "succeeded"


def test_only_what_was_applied_since_is_new(billed):
    billed.hands_in(item(applied="10.00"))
    billed.hands_in(item(applied="12.50", at="09/19/2026  8:00:00AM"))
    assert [cents for _, _, cents in billed.payments()] == [10_00, 2_50]
    assert billed.lines() == [("1001", 10_00, "waiting", ""), ("1001", 2_50, "waiting", "")]


def test_a_file_that_comes_late_takes_nothing_back(billed):
    billed.hands_in(item(applied="12.50", at="09/19/2026  8:00:00AM"))
    run = billed.hands_in(item(applied="10.00"), name="late.csv")
    assert "1 older than what is known" in run.story
    assert len(billed.payments()) == 1


def test_what_was_seen_again_unchanged_is_remembered_so_that_older_news_stays_old(billed):
    billed.hands_in(item(applied="5.00", at="09/18/2026  2:10:05PM"))
    billed.hands_in(item(applied="5.00", at="09/20/2026  2:10:05PM"), name="later.csv")
    run = billed.hands_in(item(applied="9.00", at="09/19/2026  2:10:05PM"), name="between.csv")
    assert "1 older than what is known" in run.story
    assert [cents for _, _, cents in billed.payments()] == [500]
    # Also where nothing was paid yet.
    billed.hands_in(item(nbr="7", applied=".00", at="09/20/2026  2:10:05PM"), name="unpaid.csv")
    run = billed.hands_in(item(nbr="7", applied="1.00", at="09/19/2026  2:10:05PM"), name="older.csv")
    assert "1 older than what is known" in run.story


def test_of_an_item_twice_in_a_file_the_newest_state_counts(billed):
    run = billed.hands_in(item(applied="12.50", at="09/19/2026  8:00:00AM"), item(applied="4.00"))
    assert [cents for _, _, cents in billed.payments()] == [12_50]
    assert "1 said again in the file" in run.story


def test_more_than_is_owed_waits_for_a_person(billed):
    billed.hands_in(item(applied="20.00"))
    assert billed.lines() == [("1001", 12_50, "waiting", ""), ("", 7_50, "unapplied", "overpaid")]
    assert billed.adds_up()


def test_the_last_cents_of_a_fee_are_two_payments_and_no_more(billed):
    billed.charges(Fee("1003", "25.00"))
    billed.hands_in(item("1003", "22.23", "25.00", nbr="3"))
    billed.hands_in(item("1003", "25.00", "25.00", nbr="3", at="09/20/2026  9:00:00AM"))
    assert billed.lines() == [("1003", 22_23, "waiting", ""), ("1003", 2_77, "waiting", "")]


def test_a_fee_that_only_alma_has_told_of_is_found_by_its_number_there(billed):
    with tenant_scope(billed.tenant_id) as session:
        session.add(
            SeenFee(fee_id="13001", patron_id=STUDENT, emplid=STUDENT, status="ACTIVE", balance_cents=30_00)
        )
        session.commit()
    billed.hands_in(item("13001", "35.00", "30.00", nbr="8"))
    assert billed.lines() == [("13001", 30_00, "waiting", ""), ("", 5_00, "unapplied", "overpaid")]
    assert "$5.00 more than is left of fee 13001" in billed.campus.scalar(
        "SELECT reason FROM payment_line WHERE rule = 'overpaid'"
    )


def test_a_reference_that_is_another_students_fee_pays_nothing(billed):
    billed.hands_in(item("1001", emplid=OTHER))
    assert billed.lines() == [("", 12_50, "unapplied", "other_patron")]


def test_an_unknown_reference_waits_and_is_not_spread_over_other_fees(billed):
    billed.hands_in(item("parking-77", item_type="500000000001", amount="40.00", applied="40.00"))
    assert billed.lines() == [("", 40_00, "unapplied", "unmatched")]


def test_without_a_reference_id_item_type_term_and_amount_name_the_one_charge(billed):
    term = billed.campus.scalar("SELECT term FROM ledger_entry WHERE fee_ref = '1001'")
    billed.hands_in(item("", term=term))
    assert billed.lines() == [("1001", 12_50, "waiting", "")]
    assert "The one open charge" in billed.campus.scalar("SELECT reason FROM payment_line")


def test_a_charge_of_a_term_that_is_closed_is_paid_all_the_same(billed):
    billed.hands_in(item(term="2007"))
    assert billed.lines() == [("1001", 12_50, "waiting", "")]


def test_without_a_reference_a_term_that_is_closed_names_no_charge_of_this_one(billed):
    billed.campus.sets("payments", allocation="none")
    billed.hands_in(item("", term="2007"))
    assert billed.lines() == [("", 12_50, "unapplied", "unmatched")]


def test_money_that_names_no_fee_pays_the_oldest_first_and_the_rest_waits(billed):
    billed.campus.sets("payments", layout="emplid-amount")
    run = billed.hands_in_bytes(b"EMPLID,AMOUNT\r\n012345678,110.00\r\n", "plain.csv")
    assert run.state == "succeeded", run.error
    paid = {ref: cents for ref, cents, state, _ in billed.lines() if state == "waiting"}
    assert paid == {"1001": 12_50, "1002": 90_00}
    assert billed.lines()[-1] == ("", 7_50, "unapplied", "overpaid")
    assert billed.adds_up()


def test_the_campus_may_have_lost_items_paid_first_or_everything_decided_by_a_person(billed):
    billed.campus.sets("payments", layout="emplid-amount", allocation="lost_first")
    billed.hands_in_bytes(b"EMPLID,AMOUNT\r\n012345678,50.00\r\n", "plain.csv")
    assert billed.lines() == [("1002", 50_00, "waiting", "")]
    billed.campus.sets("payments", allocation="none")
    billed.hands_in_bytes(b"EMPLID,AMOUNT\r\n012345678,60.00\r\n", "other.csv")
    assert billed.lines()[-1] == ("", 60_00, "unapplied", "unmatched")


def test_a_repeated_plain_row_of_another_file_waits_for_a_person(billed):
    billed.campus.sets("payments", layout="emplid-amount")
    billed.hands_in_bytes(b"EMPLID,AMOUNT\r\n012345678,5.00\r\n", "one.csv")
    billed.hands_in_bytes(b"EMPLID,AMOUNT\r\n012345678,5.00\r\n012345679,1.00\r\n", "two.csv")
    assert [rule for _, _, state, rule in billed.lines() if state == "unapplied"] == ["repeat"]


def test_two_equal_rows_of_one_file_are_two_payments(billed):
    billed.campus.sets("payments", layout="emplid-amount")
    billed.hands_in_bytes(b"EMPLID,AMOUNT\r\n012345678,5.00\r\n012345678,5.00\r\n", "one.csv")
    assert [cents for _, _, cents in billed.payments()] == [5_00, 5_00]
    assert billed.lines() == [("1001", 5_00, "waiting", ""), ("1001", 5_00, "waiting", "")]


def test_what_is_taken_back_before_it_was_posted_cancels_out(billed):
    billed.hands_in(item(applied="12.50"))
    billed.hands_in(item(applied="2.50", at="09/19/2026  8:00:00AM"))
    assert sorted(billed.lines()) == [
        ("", -10_00, "netted", "reversal"), ("1001", 2_50, "waiting", ""), ("1001", 10_00, "netted", "reversal"),
    ]  # fmt: skip
    assert billed.adds_up()
    told = billed.campus.scalar(
        "SELECT sum(amount_cents) FROM ledger_entry WHERE fee_ref = '1001' AND event = 'payment'"
    )
    assert told == -2_50


def test_what_is_taken_back_after_it_was_posted_waits_for_a_person(billed):
    billed.hands_in(item(applied="12.50"))
    with tenant_scope(billed.tenant_id) as session:
        session.execute(text("UPDATE payment_line SET state = 'posted', posted_at = now()"))
        session.commit()
    billed.hands_in(item(applied="2.50", at="09/19/2026  8:00:00AM"))
    assert billed.lines() == [("1001", 12_50, "posted", ""), ("", -10_00, "unapplied", "reversal")]


@pytest.fixture
def posted_and_taken_back(billed):
    """10.00 of 12.50 were posted, and PeopleSoft shows nothing of it any more."""
    billed.hands_in(item(applied="10.00"))
    with tenant_scope(billed.tenant_id) as session:
        session.execute(text("UPDATE payment_line SET state = 'posted', posted_at = now()"))
        session.commit()
    billed.hands_in(item(applied=".00", at="09/19/2026  8:00:00AM"))
    assert billed.lines() == [("1001", 10_00, "posted", ""), ("", -10_00, "unapplied", "reversal")]
    return billed


def test_what_is_taken_back_and_said_again_is_not_posted_twice(posted_and_taken_back):
    books = posted_and_taken_back
    books.hands_in(item(applied="12.00", at="09/20/2026  8:00:00AM"))
    stands = [line for line in books.lines() if line[2] != "netted"]
    assert stands == [("1001", 10_00, "posted", ""), ("1001", 2_00, "waiting", "")]
    assert sum(cents for _, cents, _, _ in books.lines()) == 12_00
    assert books.adds_up()
    told = "SELECT sum(amount_cents) FROM ledger_entry WHERE fee_ref = '1001' AND event = 'payment'"
    assert books.campus.scalar(told) == -12_00


def test_after_a_person_dealt_with_what_was_taken_back_the_money_is_new(posted_and_taken_back):
    books = posted_and_taken_back
    payment = books.campus.scalar("SELECT max(id) FROM payment")
    apply_money.ignore_money(books.tenant_id, payment, 1, actor=Actor(None, "Ann"), reason="restored in Alma")
    books.hands_in(item(applied="2.00", at="09/20/2026  8:00:00AM"))
    assert books.lines()[-1] == ("1001", 2_00, "waiting", "")


def test_rows_that_cannot_be_read_go_back_in_the_senders_form_and_stop_no_other(billed):
    run = billed.hands_in(item(), item("1002", "12,3.4x", nbr="2"), item("2001", "5.00", "5.00", OTHER, "3"))
    assert run.state == "succeeded", run.error
    assert len(billed.payments()) == 2
    rejected = billed.campus.files(run)["rejects"]
    assert rejected[0].endswith(",Reason")
    assert "12,3.4x" in rejected[1]
    assert "1 row could not be read" in run.story


def test_a_dry_run_says_what_would_happen_and_books_nothing(billed):
    run = billed.hands_in(item(), dry_run=True)
    assert run.state == "succeeded"
    assert "would be posted" in run.story
    assert billed.payments() == []
    assert billed.campus.inbound()[-1] == "waiting"
    assert billed.imports(billed.received.inbound_file_id).state == "succeeded"
    assert len(billed.payments()) == 1


def test_a_sum_above_the_limit_waits_for_somebody_else(billed):
    billed.campus.sets("payments", four_eyes_cents=10_00)
    run = billed.hands_in(item())
    assert run.state == "awaiting_approval"
    assert billed.payments() == []


def test_rows_that_cannot_be_read_are_put_back_on_the_server_where_the_campus_wants_that(billed):
    billed.campus.drop.add_folder("from-ps")
    billed.campus.sets("payments", rejects="send", place="delivery", directory="from-ps")
    run = billed.hands_in(item(), item("1002", "12,3.4x", nbr="2"))
    assert run.state == "succeeded", run.error
    (lines,) = [lines for name, lines in billed.campus.dropped().items() if "rejected" in name]
    assert "12,3.4x" in lines[1]
