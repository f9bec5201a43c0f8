"""A file checked before it counts, and what a person can do with money that has no fee."""

from datetime import date
from io import BytesIO

import pytest

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import HEADING, OTHER, item
from webapp.models import SeenFee
from webapp.models.scope import tenant_scope
from webapp.services import apply_money
from webapp.services.apply_money import MoneyRefusedError
from webapp.services.audit import Actor
from webapp.services.check_payments import check_payments

ANN = Actor(None, "Ann")


@pytest.fixture
def billed(books):
    books.charges(
        Fee("1001", "12.50"),
        Fee("1002", "90.00", fee_type="LOSTITEMREPLACEMENTFEE"),
        Fee("2001", "5.00", patron=OTHER),
    )
    return books


def checked(books, *lines: str, heading: str = HEADING):
    content = "\r\n".join([heading, *lines, ""]).encode()
    return check_payments(books.tenant_id, BytesIO(content), settings=books.settings)


def test_a_check_says_what_an_import_would_do_and_books_nothing(billed):
    found = checked(
        billed,
        item(),
        item("1002", "100.00", "90.00", nbr="2"),
        item("x", nbr="3"),
        item("1001", "1,2x", nbr="4"),
    )
    assert (found.rows, found.new_rows, found.cents) == (4, 3, 12_50 + 100_00 + 12_50)
    assert (found.posted_lines, found.posted_cents) == (2, 102_50)
    assert (found.desk_lines, found.desk_cents) == (2, 22_50)
    assert found.first_on == found.last_on == date(2026, 9, 18)
    assert [(line.line, line.fee_ref, line.rule) for line in found.lines] == [
        (2, "1001", ""), (3, "1002", ""), (3, "", "overpaid"), (4, "", "unmatched"),
    ]  # fmt: skip
    assert found.fault_count == 1
    assert "Line 5" in found.faults[0][1]
    assert billed.payments() == []
    run = billed.hands_in(
        item(), item("1002", "100.00", "90.00", nbr="2"), item("x", nbr="3"), item("1001", "1,2x", nbr="4")
    )
    assert (run.counts["waiting_cents"], run.counts["unapplied_cents"]) == (
        found.posted_cents,
        found.desk_cents,
    )


def test_a_check_of_a_file_that_is_known_finds_nothing_new(billed):
    billed.hands_in(item())
    found = checked(billed, item(), item("2001", "0.00", "5.00", OTHER, "9"))
    assert (found.new_rows, found.known, found.cents) == (0, 2, 0)


def test_a_check_of_another_file_says_why_it_would_be_refused(billed):
    assert "Name" in checked(billed, item(), heading="Name,Amount").refusal


@pytest.fixture
def on_the_desk(billed):
    """20.00 that name no fee we know, of the first student."""
    billed.hands_in(item("lost-ref", "20.00", "20.00", item_type="777"))
    assert billed.lines() == [("", 20_00, "unapplied", "unmatched")]
    return billed, billed.campus.scalar("SELECT max(id) FROM payment")


def test_money_is_applied_to_fees_and_what_is_left_stays(on_the_desk):
    books, payment = on_the_desk
    apply_money.apply_to_fees(
        books.tenant_id, payment, 1, [("1001", 12_50), ("1002", 5_00)], actor=ANN, reason="asked the student"
    )
    assert books.lines() == [
        ("1001", 12_50, "waiting", ""),
        ("1002", 5_00, "waiting", ""),
        ("", 2_50, "unapplied", "unmatched"),
    ]
    assert books.adds_up()
    told = dict(books.campus.query("SELECT fee_ref, amount_cents FROM ledger_entry WHERE event = 'payment'"))
    assert told == {"1001": -12_50, "1002": -5_00}
    proofs = books.campus.query(
        "SELECT DISTINCT evidence ->> 'file', evidence ->> 'line' FROM ledger_entry WHERE event = 'payment'"
    )
    assert proofs == [("payments.csv", "2")], "each entry can be held against its line of the file"


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([("2001", 5_00)], "another patron's"),
        ([("1001", 30_00)], "more than"),
        ([("1001", 0)], "above"),
        ([("no-such-fee", 1_00)], "No fee no-such-fee is known"),
        ([("1001", 1_00), ("1001", 1_00)], "named once"),
        ([], "Name the fees"),
    ],
)
def test_money_goes_to_no_fee_that_cannot_have_it(on_the_desk, parts, says):
    books, payment = on_the_desk
    with pytest.raises(MoneyRefusedError, match=says):
        apply_money.apply_to_fees(books.tenant_id, payment, 1, parts, actor=ANN, reason="because")
    assert books.lines() == [("", 20_00, "unapplied", "unmatched")]


def test_a_refund_is_a_task_until_it_has_a_receipt(on_the_desk):
    books, payment = on_the_desk
    apply_money.ask_refund(books.tenant_id, payment, 1, actor=ANN, reason="paid twice")
    assert books.lines()[0][2] == "refund_due"
    with pytest.raises(MoneyRefusedError, match="number of the refund"):
        apply_money.refund_done(books.tenant_id, payment, 1, on=date(2026, 11, 20), receipt=" ", actor=ANN)
    apply_money.refund_done(books.tenant_id, payment, 1, on=date(2026, 11, 20), receipt="R-77", actor=ANN)
    assert books.lines()[0][2] == "refunded"
    assert "R-77" in books.campus.scalar("SELECT reason FROM payment_line")


def test_money_is_ignored_for_a_reason_and_once(on_the_desk):
    books, payment = on_the_desk
    with pytest.raises(MoneyRefusedError, match="Say why"):
        apply_money.ignore_money(books.tenant_id, payment, 1, actor=ANN, reason="")
    apply_money.ignore_money(books.tenant_id, payment, 1, actor=ANN, reason="parking's")
    with pytest.raises(MoneyRefusedError, match="any more"):
        apply_money.ignore_money(books.tenant_id, payment, 1, actor=ANN, reason="again")
    assert books.campus.query("SELECT action FROM audit_event ORDER BY n DESC LIMIT 1") == [
        ("money.ignored",)
    ]


def test_another_campus_cannot_touch_it(on_the_desk, two_tenants):
    _books, payment = on_the_desk
    with pytest.raises(LookupError):
        apply_money.ignore_money(two_tenants[0], payment, 1, actor=ANN, reason="x")


def test_an_allocation_is_taken_back_before_it_is_posted_and_given_to_another_fee(billed):
    billed.campus.sets("payments", layout="emplid-amount")
    billed.hands_in("012345678,12.50", heading="EMPLID,Amount")
    assert billed.lines() == [("1001", 12_50, "waiting", "")]
    payment = billed.campus.scalar("SELECT max(id) FROM payment")
    apply_money.pull_back(billed.tenant_id, payment, 1, actor=ANN, reason="it was for the lost book")
    assert billed.lines() == [("", 12_50, "unapplied", "pulled_back")]
    apply_money.apply_to_fees(
        billed.tenant_id, payment, 2, [("1002", 12_50)], actor=ANN, reason="the lost book"
    )
    assert billed.lines() == [("1002", 12_50, "waiting", "")]
    told = billed.campus.query(
        "SELECT fee_ref, sum(amount_cents)::int FROM ledger_entry WHERE event = 'payment' GROUP BY 1 ORDER BY 1"
    )
    assert told == [("1001", 0), ("1002", -12_50)]
    assert billed.adds_up()


def test_what_was_set_aside_by_mistake_comes_back_to_the_desk(on_the_desk):
    books, payment = on_the_desk
    apply_money.ignore_money(books.tenant_id, payment, 1, actor=ANN, reason="parking's")
    apply_money.pull_back(books.tenant_id, payment, 1, actor=ANN, reason="it is ours")
    assert books.lines() == [("", 20_00, "unapplied", "unmatched")]
    with pytest.raises(MoneyRefusedError, match="does not wait to be posted"):
        apply_money.pull_back(books.tenant_id, payment, 1, actor=ANN, reason="again")


def test_what_nobody_paid_pays_no_fee_and_is_not_refunded(billed):
    billed.campus.sets("payments", layout="ps-payments-event")
    heading = "ID,Reference Nbr,Line Amount,Line Action,Payment ID,Posted Date"
    billed.hands_in("012345678,1001,12.50,WRO,7,09/21/2026", heading=heading)
    assert billed.lines() == [("", 12_50, "unapplied", "write_off")]
    payment = billed.campus.scalar("SELECT max(id) FROM payment")
    with pytest.raises(MoneyRefusedError, match="Nobody paid this"):
        apply_money.apply_to_fees(billed.tenant_id, payment, 1, [("1001", 5_00)], actor=ANN, reason="x")
    with pytest.raises(MoneyRefusedError, match="Nobody paid this"):
        apply_money.ask_refund(billed.tenant_id, payment, 1, actor=ANN, reason="x")
    assert billed.lines() == [("", 12_50, "unapplied", "write_off")]


def test_a_fee_named_as_alma_does_is_paid_in_the_ledger_under_its_own_name(on_the_desk):
    books, payment = on_the_desk
    with tenant_scope(books.tenant_id) as session:
        session.add(
            SeenFee(fee_id="13001", bursar_ref="1001", patron_id="ada", status="ACTIVE", balance_cents=12_50)
        )
        session.commit()
    with pytest.raises(MoneyRefusedError, match="the same fee"):
        apply_money.apply_to_fees(
            books.tenant_id, payment, 1, [("13001", 1_00), ("1001", 1_00)], actor=ANN, reason="x"
        )
    apply_money.apply_to_fees(books.tenant_id, payment, 1, [("13001", 12_50)], actor=ANN, reason="x")
    assert books.lines()[0] == ("1001", 12_50, "waiting", "")
