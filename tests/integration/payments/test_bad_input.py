"""What comes wrong from PeopleSoft and its people: nothing is doubled, nothing is lost, nothing is guessed."""

import pytest
from sqlalchemy import text

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import HEADING, OTHER, STUDENT, item
from tests.integration.payments.test_deaths_and_races import at_once
from tests.integration.payments.test_lines_told_apart import EVENTS, event
from webapp.models.scope import tenant_scope
from webapp.services.submit_run import submit_run
from webapp.store import runs


@pytest.fixture
def billed(books):
    books.charges(Fee("1001", "12.50"), Fee("1002", "90.00"), Fee("2001", "5.00", patron=OTHER))
    return books


@pytest.fixture
def told_by_events(billed):
    """A campus whose files bring each payment once."""
    billed.campus.sets("payments", layout="ps-payments-event")
    return billed


def test_a_day_that_was_skipped_is_made_good_whenever_its_file_comes(told_by_events):
    books = told_by_events
    monday = event("2.00", payment_id="71", on="09/21/2026")
    tuesday = event("3.00", payment_id="72", on="09/22/2026")
    wednesday = event("4.00", payment_id="73", on="09/23/2026")
    books.hands_in(monday, heading=EVENTS)
    books.hands_in(wednesday, heading=EVENTS)
    books.hands_in(tuesday, heading=EVENTS)
    books.hands_in(monday, tuesday, wednesday, heading=EVENTS)
    assert books.lines() == [
        ("1001", 2_00, "waiting", ""), ("1001", 4_00, "waiting", ""), ("1001", 3_00, "waiting", ""),
    ]  # fmt: skip


def test_of_a_skipped_day_an_items_next_state_brings_everything(billed):
    billed.hands_in(item(applied="2.00"))
    billed.hands_in(item(applied="9.00", at="09/20/2026  8:00:00AM"))
    late = billed.hands_in(item(applied="5.00", at="09/19/2026  8:00:00AM"))
    assert "0 rows of 1 with news" in late.story
    assert [cents for _, _, cents in billed.payments()] == [2_00, 7_00]


def test_ids_that_are_blank_too_long_or_no_numbers_go_back_and_the_totals_still_balance(billed):
    run = billed.hands_in(
        item(),
        item("1002", "9.00", "90.00", emplid="", nbr="2"),
        item("1002", "8.00", "90.00", emplid="0123456789", nbr="3"),
        item("1002", "7.00", "90.00", emplid="1.2E+08", nbr="4"),
        item("2001", "5.00", "5.00", emplid=str(int(OTHER)), nbr="5"),
    )
    assert run.state == "succeeded", run.error
    assert billed.lines() == [("1001", 12_50, "waiting", ""), ("2001", 5_00, "waiting", "")]
    assert "3 rows could not be read" in run.story
    _, *given_back = billed.campus.files(run)["rejects"]
    assert [line.split(",")[2].strip('"').lstrip("0") for line in given_back] == ["2", "3", "4"]
    assert billed.adds_up()


def test_money_of_an_item_type_that_nobody_knows_and_without_a_reference_is_no_fees(billed):
    billed.hands_in(item("", "12.50", "12.50", item_type="999999999999"))
    assert billed.lines() == [("", 12_50, "unapplied", "unmatched")]


def test_what_is_taken_back_without_ever_having_been_paid_changes_no_fee(told_by_events):
    books = told_by_events
    run = books.hands_in(event("-5.00", payment_id="71"), heading=EVENTS)
    assert run.state == "succeeded", run.error
    assert books.lines() == [("", -5_00, "unapplied", "reversal")]
    assert books.adds_up()


def test_of_more_taken_back_than_was_paid_only_what_was_paid_cancels_out(told_by_events):
    books = told_by_events
    books.hands_in(event("5.00", payment_id="71"), heading=EVENTS)
    books.hands_in(event("-8.00", payment_id="72"), heading=EVENTS)
    states = sorted((cents, state) for _, cents, state, _ in books.lines())
    assert states == [(-5_00, "netted"), (-3_00, "unapplied"), (5_00, "netted")]
    assert books.adds_up()


def test_money_without_a_name_is_not_given_to_the_one_charge_of_its_amount(billed):
    """The campus pays the oldest first; that another fee is over just this sum says nothing."""
    billed.charges(
        Fee("1003", "95.00", at="10/02/2026 09:30:00"), Fee("1004", "95.00", at="10/03/2026 09:30:00")
    )
    billed.campus.sets("payments", layout="emplid-amount")
    billed.hands_in_bytes(f"EMPLID,AMOUNT\r\n{STUDENT},95.00\r\n".encode())
    assert billed.lines() == [("1001", 12_50, "waiting", ""), ("1002", 82_50, "waiting", "")]
    billed.campus.sets("payments", allocation="none")
    billed.hands_in_bytes(f"EMPLID,AMOUNT\r\n{OTHER},1.00\r\n{STUDENT},95.00\r\n{STUDENT},95.00\r\n".encode())
    assert {state for _, _, state, _ in billed.lines()[2:]} == {"unapplied"}
    assert billed.adds_up()


def test_a_state_below_zero_after_one_above_takes_back_what_was_paid_and_leaves_the_rest_to_a_person(billed):
    billed.hands_in(item(applied="12.50"))
    run = billed.hands_in(item(applied="-2.50", at="09/19/2026  8:00:00AM"))
    assert run.state == "succeeded", run.error
    assert sum(cents for _, _, cents in billed.payments()) == -2_50
    assert [line for line in billed.lines() if line[2] == "waiting"] == []
    assert billed.adds_up()
    told = "SELECT sum(amount_cents) FROM ledger_entry WHERE fee_ref = '1001' AND event = 'payment'"
    assert billed.campus.scalar(told) == 0
    billed.hands_in(item(applied="12.50", at="09/20/2026  8:00:00AM"))
    assert sum(cents for _, _, cents in billed.payments()) == 12_50
    assert sum(cents for _, cents, state, _ in billed.lines() if state == "waiting") == 12_50


def test_a_charge_of_a_closed_term_is_paid_by_its_reference_in_the_next_term(billed):
    billed.hands_in(item(term="2272"))
    assert billed.lines() == [("1001", 12_50, "waiting", "")]


def test_money_of_another_term_without_a_reference_goes_by_the_campuss_rule_and_not_as_that_charges_own(
    billed,
):
    billed.hands_in(item("", "5.00", "12.50", term="2272"))
    assert billed.lines() == [("1001", 5_00, "waiting", "")]
    assert "the oldest fee" in billed.campus.scalar("SELECT reason FROM payment_line")
    billed.campus.sets("payments", allocation="none")
    billed.hands_in(item("", "4.00", "90.00", term="2272", nbr="2"))
    assert billed.lines()[1:] == [("", 4_00, "unapplied", "unmatched")]


def test_a_file_cut_at_any_byte_and_then_whole_counts_each_payment_once(books):
    books.charges(Fee("1001", "12.50"), Fee("1002", "90.00"))
    books.campus.sets("payments", stop_factor=0)
    whole = "\r\n".join([HEADING, item(), item("1002", "40.00", "90.00", nbr="2"), ""]).encode()
    second = whole.index(b'"HMCMP"', whole.index(b'"HMCMP"') + 1)
    for end in range(second + 3, len(whole), 9):
        books.hands_in_bytes(whole[:end], f"cut{end}.csv")
        assert {reference: cents for reference, _, cents in books.payments()}.get("1002", 40_00) == 40_00, end
    books.hands_in_bytes(whole)
    assert books.payments() == [("1001", "payment", 12_50), ("1002", "payment", 40_00)]
    assert books.adds_up()


def test_two_workers_with_runs_of_one_file_book_it_once(billed):
    billed.hands_in(item(), dry_run=True)
    file_id = billed.received.inbound_file_id
    run_ids = [
        submit_run(billed.tenant_id, "payment_import", options={"inbound_file_id": file_id}) for _ in range(2)
    ]
    for done in at_once((billed.campus.work,), (billed.campus.work,)):
        done.result()
    billed.campus.work()
    assert sorted(billed.campus.the_run(run_id).state for run_id in run_ids) == ["failed", "succeeded"]
    assert billed.payments() == [("1001", "payment", 12_50)]
    assert billed.adds_up()


def test_a_file_that_another_campus_handed_in_is_not_there_for_this_one(billed, two_tenants):
    billed.hands_in(item(), dry_run=True)
    stranger = two_tenants[0]
    run_id = submit_run(
        stranger, "payment_import", options={"inbound_file_id": billed.received.inbound_file_id}
    )
    billed.campus.work()
    with tenant_scope(stranger) as session:
        run = runs.run_by_id(session, run_id)
        assert (run.state, session.scalar(text("SELECT count(*) FROM payment"))) == ("failed", 0)
    assert billed.imports(billed.received.inbound_file_id).state == "succeeded"
    assert billed.payments() == [("1001", "payment", 12_50)]
