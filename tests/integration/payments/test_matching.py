"""Money that names its fee in another way than by our reference."""

import pytest

from tests.integration.bursar.alma_files import Fee
from tests.integration.payments.conftest import STUDENT, item
from webapp.models import SeenFee
from webapp.models.scope import tenant_scope

LOST = "LOSTITEMREPLACEMENTFEE"


@pytest.fixture
def billed(books):
    """A student with an old fine of 5.00, and two charges of 95.00 for lost items, of one term."""
    books.charges(
        Fee("1001", "5.00", fee_type=LOST, at="09/01/2026 09:30:00"),
        Fee("1002", "95.00", fee_type=LOST, barcode="34029000118273"),
        Fee("1003", "95.00", fee_type=LOST, barcode="34029000118274", at="10/02/2026 09:30:00"),
    )
    return books


def charge(books, fee_ref: str) -> dict[str, str]:
    """Item type and term of a charge, as a row of PeopleSoft names them."""
    ((item_type, term),) = books.campus.query(
        f"SELECT item_type, term FROM ledger_entry WHERE fee_ref = '{fee_ref}' AND event = 'charge'"
    )
    return {"item_type": item_type, "term": term}


def sees(books, **fee):
    with tenant_scope(books.tenant_id) as session:
        session.add(SeenFee(**{"patron_id": STUDENT, "emplid": STUDENT, "status": "ACTIVE", **fee}))
        session.commit()


def test_of_two_equal_charges_one_is_paid_and_no_other_fee_is_touched(billed):
    billed.hands_in(item("", "95.00", "95.00", **charge(billed, "1002")))
    assert billed.lines() == [("1002", 95_00, "waiting", "")]


def test_further_money_of_an_item_pays_the_fee_that_the_first_paid(billed):
    which = charge(billed, "1002")
    billed.hands_in(item("", "95.00", "95.00", nbr="1", **which))
    billed.hands_in(item("", "20.00", "95.00", nbr="2", **which))
    billed.hands_in(item("", "95.00", "95.00", nbr="2", at="09/19/2026 8:00:00AM", **which))
    assert billed.lines() == [
        ("1002", 95_00, "waiting", ""),
        ("1003", 20_00, "waiting", ""),
        ("1003", 75_00, "waiting", ""),
    ]


def test_more_than_is_left_of_an_items_fee_pays_no_other_fee(billed):
    which = charge(billed, "1002")
    billed.hands_in(item("", "95.00", "95.00", **which))
    billed.hands_in(item("", "100.00", "100.00", at="09/19/2026 8:00:00AM", **which))
    assert billed.lines()[1:] == [("", 5_00, "unapplied", "overpaid")]


def test_a_payment_of_the_whole_of_one_charge_pays_that_charge_and_not_the_oldest(billed):
    billed.campus.sets("payments", layout="ps-payments-event")
    which = charge(billed, "1001")
    billed.hands_in(
        f"{STUDENT},{which['item_type']},{which['term']},5.00,PAY,7,09/21/2026",
        heading="ID,Item Type,Item Term,Line Amount,Line Action,Payment ID,Posted Date",
    )
    assert billed.lines() == [("1001", 5_00, "waiting", "")]
    assert "with this item type, term and amount" in billed.campus.scalar("SELECT reason FROM payment_line")


def sierra(barcode: str, cents: int, patron: str = "p2000417") -> str:
    return f"26092140658 {'desk2':12}{patron:10}b{barcode:19}{cents:08}2"


def test_a_sierra_line_finds_its_fee_by_patron_and_barcode(billed):
    sees(billed, fee_id="13009", patron_id="p2000417", barcode="39", balance_cents=1_00)
    billed.campus.sets("payments", layout="sierra-63")
    lines = [
        sierra("34029000118274", 40_00),
        sierra("39", 1_00),
        sierra("99", 2_00),
        sierra("39", 1_00, "p9"),
    ]
    run = billed.hands_in_bytes("\r".join(lines).encode())
    assert run.state == "succeeded", run.error
    assert billed.lines() == [
        ("1003", 40_00, "waiting", ""),
        ("13009", 1_00, "waiting", ""),
        ("", 2_00, "unapplied", "unmatched"),
        ("", 1_00, "unapplied", "unmatched"),
    ]
    assert billed.adds_up()


def test_two_fees_for_one_barcode_are_paid_by_the_campuss_rule(billed):
    sees(billed, fee_id="13009", patron_id="p2000417", barcode="34029000118274", balance_cents=7_00)
    billed.campus.sets("payments", layout="sierra-63")
    billed.hands_in_bytes(sierra("34029000118274", 105_00).encode() + b"\r")
    assert billed.lines() == [
        ("1003", 95_00, "waiting", ""),
        ("13009", 7_00, "waiting", ""),
        ("", 3_00, "unapplied", "overpaid"),
    ]


def test_almas_number_of_a_fee_that_the_ledger_calls_otherwise_pays_the_ledgers_fee(billed):
    sees(billed, fee_id="13009", bursar_ref="1002", balance_cents=95_00)
    billed.hands_in(item("13009", "50.00", "95.00"))
    assert billed.lines() == [("1002", 50_00, "waiting", "")]
    billed.hands_in(item("1002", "50.00", "95.00", nbr="2"))
    assert billed.lines()[1:] == [("1002", 45_00, "waiting", ""), ("", 5_00, "unapplied", "overpaid")]


def test_an_id_without_its_zeros_in_alma_is_the_same_student(books):
    books.campus.sets("bursar", emplid_digits=9, emplid_pad=True)
    books.charges(Fee("1001", "12.50", patron="12345678"))
    books.hands_in(
        item("1001", applied="2.50"), item("", amount="1.00", applied="1.00", nbr="2", item_type="")
    )
    assert books.lines() == [("1001", 2_50, "waiting", ""), ("1001", 1_00, "waiting", "")]


def test_the_plan_says_what_alma_last_said_of_a_fee_that_may_not_be_payable(billed):
    sees(billed, fee_id="13009", bursar_ref="1002", status="INDISPUTE", balance_cents=95_00)
    billed.hands_in(item("1002", "50.00", "95.00"))
    assert billed.campus.scalar("SELECT reason FROM payment_line") == (
        "Names the fee by its reference. Alma last said that it is disputed."
    )
