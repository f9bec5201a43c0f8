"""What the bursar took and Alma was told of does not go back to the bursar as a reversal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from webapp.models import Payment, PaymentLine
from webapp.models.scope import tenant_scope
from webapp.store import balances as store


@pytest.fixture
def posted(balances):
    """Money for a fee was posted to Alma so many hours ago."""

    def post(fee, cents, *, hours_ago=240, source="peoplesoft", state="posted"):
        at = datetime.now(UTC) - timedelta(hours=hours_ago)
        with tenant_scope(balances.tenant_id) as session:
            ref = f"FB{fee}X{cents}"
            payment = Payment(
                ref=ref, source=source, kind="payment", event_key=ref, amount_cents=cents, emplid="012345678"
            )
            session.add(payment)
            session.flush()
            line = PaymentLine(
                payment_id=payment.id,
                n=1,
                amount_cents=cents,
                state=state,
                fee_ref=fee,
                fee_id=fee,
                external_id=f"{ref}-1",
                posted_at=at if state == "posted" else None,
            )
            session.add(line)
            session.commit()

    return post


def test_a_payment_that_came_from_the_bursar_is_not_sent_back_as_a_reversal(balances, posted):
    balances.export("901=25.00", "902=4.00")
    posted("901", 2223)
    assert balances.export("901=2.77", "902=4.00").state == "nothing_to_send"
    posted("901", 277)
    run = balances.export("902=4.00")
    assert run.state == "nothing_to_send"
    assert run.counts["rows_in"] == 1
    assert balances.told("901") == {"901": 2500}


def test_a_waiver_beside_the_payment_takes_back_the_rest_only(balances, posted):
    balances.export("901=25.00", "902=4.00")
    posted("901", 1000)
    run = balances.export("902=4.00")
    assert balances.lines(run) == {"credits": ["012345678,300000006919,15.00,901"]}
    assert balances.export("902=4.00").state == "nothing_to_send"


def test_a_fee_that_went_up_after_a_payment_is_charged_what_is_new(balances, posted):
    balances.export("901=25.00")
    posted("901", 1000)
    run = balances.export("901=20.00")
    assert balances.lines(run) == {"debits": ["012345678,300000006919,5.00,901"]}


@pytest.mark.parametrize("listed", ["25.00", "15.00"])
def test_a_list_that_may_be_older_than_the_posting_moves_no_money(balances, posted, listed):
    balances.export("901=25.00")
    posted("901", 1000, hours_ago=0.1)
    assert balances.export(f"901={listed}").state == "nothing_to_send"


def test_a_payment_of_which_nobody_knows_whether_alma_has_it_moves_no_money(balances, posted):
    balances.export("901=25.00")
    posted("901", 1000, state="unknown")
    assert balances.export("901=15.00").state == "nothing_to_send"


def test_money_from_a_payment_page_is_taken_back_because_the_bursar_knows_nothing_of_it(balances, posted):
    balances.export("901=25.00")
    posted("901", 1000, source="gateway")
    run = balances.export("901=15.00")
    assert balances.lines(run) == {"credits": ["012345678,300000006919,10.00,901"]}


def test_whoever_has_paid_everything_is_no_longer_read_by_name(balances, posted):
    balances.export("901=25.00", "902=4.00@022222222")
    posted("901", 2500)
    with tenant_scope(balances.tenant_id) as session:
        assert store.told_emplids(session, balances.tenant_id) == ["022222222"]


def test_fees_paid_to_the_bursar_are_not_counted_as_gone(balances, posted):
    fees = [f"{n}=5.00" for n in range(901, 931)]
    balances.export(*fees)
    for n in range(901, 931):
        posted(str(n), 500)
    assert balances.export().state == "nothing_to_send"
