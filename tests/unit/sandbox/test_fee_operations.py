import pytest

from webapp.sandbox.alma_errors import AlmaRefusalError
from webapp.sandbox.fee_operations import FeeOrder, NewFee

PAY = {"op": "pay", "method": "ONLINE"}


def test_a_part_payment_lowers_the_balance_and_keeps_the_fee_active(institution, counter, debtor):
    fee = institution.fees(debtor)[0]
    paid = counter.carry_out(
        debtor, fee.fee_id, FeeOrder(**PAY, amount="2.50", external_transaction_id="FB-1")
    )
    assert (paid.status, paid.balance_cents) == ("ACTIVE", 1000)
    assert paid.transactions[-1].external_transaction_id == "FB-1"
    assert paid.transactions[-1].received_by == "Not At Desk"


def test_a_full_payment_closes_the_fee_which_can_still_be_read_by_id(institution, counter, debtor):
    fee = institution.fees(debtor)[0]
    counter.carry_out(debtor, fee.fee_id, FeeOrder(**PAY, amount="12.5"))
    assert fee.fee_id not in {held.fee_id for held in institution.fees(debtor, "ACTIVE")}
    assert institution.fee(fee.fee_id).status == "CLOSED"


def test_a_waiver_needs_a_known_reason(institution, counter, debtor):
    fee = institution.fees(debtor)[0]
    with pytest.raises(AlmaRefusalError, match="reason"):
        counter.carry_out(debtor, fee.fee_id, FeeOrder("waive", "1", reason="BECAUSE"))
    waived = counter.carry_out(debtor, fee.fee_id, FeeOrder("waive", "1", reason="OTHER"))
    assert waived.balance_cents == 1150


@pytest.mark.parametrize("amount", ["", "0", "-1", "12.51", "1.005", "many", "NaN", "Infinity", "1e9"])
def test_an_impossible_amount_is_refused_and_changes_nothing(institution, counter, debtor, book, amount):
    fee = institution.fees(debtor)[0]
    with pytest.raises(AlmaRefusalError) as refused:
        counter.carry_out(debtor, fee.fee_id, FeeOrder(**PAY, amount=amount))
    assert refused.value.code == "401666"
    assert institution.fees(debtor)[0] == fee
    assert book.events() == []


def test_a_disputed_fee_takes_no_payment_until_it_is_restored(institution, counter, debtor):
    fee = institution.fees(debtor)[0]
    counter.carry_out(debtor, fee.fee_id, FeeOrder("dispute"))
    with pytest.raises(AlmaRefusalError):
        counter.carry_out(debtor, fee.fee_id, FeeOrder(**PAY, amount="1"))
    counter.carry_out(debtor, fee.fee_id, FeeOrder("restore"))
    assert counter.carry_out(debtor, fee.fee_id, FeeOrder(**PAY, amount="1")).balance_cents == 1150


@pytest.mark.parametrize("op", ["restore", "refund", ""])
def test_an_operation_that_makes_no_sense_is_refused(institution, counter, debtor, op):
    with pytest.raises(AlmaRefusalError, match="Parameter op is not valid"):
        counter.carry_out(debtor, institution.fees(debtor)[0].fee_id, FeeOrder(op))


def test_nobody_pays_somebody_elses_fee(institution, counter, debtor):
    other = institution.population.patron(9)
    with pytest.raises(AlmaRefusalError) as refused:
        counter.carry_out(other, institution.fees(debtor)[0].fee_id, FeeOrder(**PAY, amount="1"))
    assert refused.value.code == "401665"


def test_paying_all_in_part_pays_the_oldest_fee_first(institution, counter, debtor):
    counter.pay_all(debtor, FeeOrder(**PAY, amount="15"))
    assert [(fee.status, fee.balance_cents) for fee in institution.fees(debtor)] == [
        ("CLOSED", 0),
        ("ACTIVE", 2250),
    ]


def test_paying_all_uses_up_credits(institution, counter):
    patron = institution.population.patron(31)
    assert institution.owed_cents(patron) == 2500
    counter.pay_all(patron, FeeOrder(**PAY, amount="ALL"))
    assert institution.fees(patron, "ACTIVE") == []


def test_paying_more_than_everything_is_refused(institution, counter, debtor):
    with pytest.raises(AlmaRefusalError, match="amount"):
        counter.pay_all(debtor, FeeOrder(**PAY, amount="37.51"))


def test_a_new_fee_is_active_at_once_and_in_the_book(institution, counter, debtor, book):
    fee = counter.create(debtor, NewFee("OVERDUEFINE", "3.50", "MAIN"))
    assert fee in institution.fees(debtor, "ACTIVE")
    assert institution.fee(fee.fee_id) == fee
    assert [(event["event"], event["fee_id"]) for event in book.events()] == [("create", fee.fee_id)]


def test_a_new_credit_is_negative_though_its_amount_is_given_positive(counter, debtor):
    assert counter.create(debtor, NewFee("CREDIT", "3.50", "MAIN")).balance_cents == -350


def test_a_patron_invented_without_fees_can_get_one(institution, counter):
    patron = institution.population.patron(0)
    counter.create(patron, NewFee("OTHER", "1", "MAIN"))
    assert patron.index in {owing.index for owing in institution.live_view().patrons_with_fees()}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (NewFee("", "1", "MAIN"), "4019991"),
        (NewFee("DRAGONS", "1", "MAIN"), "4019992"),
        (NewFee("OTHER", "", "MAIN"), "4019994"),
        (NewFee("OTHER", "1", ""), "4019996"),
        (NewFee("OTHER", "1", "NOWHERE"), "4019997"),
    ],
)
def test_a_new_fee_with_something_missing_is_refused_with_its_own_code(counter, debtor, wanted, code):
    with pytest.raises(AlmaRefusalError) as refused:
        counter.create(debtor, wanted)
    assert refused.value.code == code


def test_the_book_knows_amount_and_transaction_of_every_payment(institution, counter, debtor, book):
    fee = institution.fees(debtor)[0]
    counter.carry_out(debtor, fee.fee_id, FeeOrder(**PAY, amount="0.07", external_transaction_id="FB-9"))
    event = book.events()[0]
    assert (event["event"], event["amount_cents"], event["balance_cents"]) == ("pay", 7, 1243)
    assert (event["external_transaction_id"], event["primary_id"]) == ("FB-9", debtor.primary_id)
    assert event["at"].startswith("2026-11-20T18:00")
