"""The GL journal on a real database and a real drop: every payment in exactly one journal, whatever happens."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tests.integration.bursar.conftest import Campus, campus, drop, environ, faults, mailbox  # noqa: F401
from webapp.models import Payment, PaymentLine, SeenFee
from webapp.models.scope import tenant_scope
from webapp.sandbox.faults import Fault
from webapp.services.submit_run import submit_run

MONDAY, TUESDAY = datetime(2026, 3, 2, 20, tzinfo=UTC), datetime(2026, 3, 3, 20, tzinfo=UTC)


@pytest.fixture
def books(campus: Campus) -> Campus:  # noqa: F811
    campus.sets(
        "gl",
        business_unit="SMCMP",
        chartfields={
            "OVERDUEFINE": "580090 / SM001 / 1200",
            "LOSTITEMREPLACEMENTFEE": "580094 / SM001 / 1200",
        },
        clearing="101100 / SM001",
    )
    return campus


def pays(campus: Campus, cents: int, fee_type="OVERDUEFINE", at=MONDAY, source="cashier", **line) -> int:  # noqa: F811
    """One payment that reached its fee; returns its id."""
    with tenant_scope(campus.tenant_id) as session:
        number = session.scalar(text("SELECT count(*) FROM payment")) + 1
        fee_id = f"fee{number}"
        session.add(
            SeenFee(fee_id=fee_id, patron_id="jdoe", fee_type=fee_type, status="CLOSED", balance_cents=0)
        )
        payment = Payment(
            ref=f"FBTEST{number:04}",
            source=source,
            kind="payment",
            event_key=f"e{number}",
            amount_cents=cents,
        )
        session.add(payment)
        session.flush()
        values = {"state": "posted", "posted_at": at, "fee_id": fee_id} | line
        session.add(
            PaymentLine(
                payment_id=payment.id, n=1, amount_cents=cents, external_id=f"{payment.ref}-1", **values
            )
        )
        session.commit()
        return payment.id


def runs_journal(campus: Campus, *, dry_run=False):  # noqa: F811
    run_id = submit_run(campus.tenant_id, "gl_journal", dry_run=dry_run)
    campus.work()
    return campus.the_run(run_id)


def journalled(campus: Campus) -> list[tuple[int, str, int]]:  # noqa: F811
    return campus.query("SELECT payment_id, event, amount_cents FROM journal_line ORDER BY id")


def test_a_days_payments_become_a_balanced_journal_on_the_server(books):
    pays(books, 12_50)
    pays(books, 2_77)
    pays(books, 90_00, "LOSTITEMREPLACEMENTFEE")
    run = runs_journal(books)
    assert run.state == "succeeded", run.error
    ((name, lines),) = books.dropped().items()
    assert name.endswith("_001.csv")
    assert lines[1:] == [
        "SMCMP,ACTUALS,580090,USD,-15.27,Library payments 03022026,SM001,1200,,,,,03/02/2026",
        "SMCMP,ACTUALS,580094,USD,-90.00,Library payments 03022026,SM001,1200,,,,,03/02/2026",
        "SMCMP,ACTUALS,101100,USD,105.27,Library clearing 03022026,SM001,,,,,,03/02/2026",
    ]
    assert "3 payments of 03/02/2026 in the journal, $105.27" in run.story


def test_a_payment_is_in_one_journal_only(books):
    first = pays(books, 5_00)
    runs_journal(books)
    second = pays(books, 7_00, at=TUESDAY)
    runs_journal(books)
    assert runs_journal(books).state == "nothing_to_send"
    assert journalled(books) == [(first, "posted", 5_00), (second, "posted", 7_00)]


def test_a_refund_of_a_posted_payment_reverses_it_in_a_later_journal(books):
    payment = pays(books, 5_00)
    runs_journal(books)
    with tenant_scope(books.tenant_id) as session:
        session.execute(text("UPDATE payment_line SET state = 'refunded', decided_at = :at"), {"at": TUESDAY})
        session.commit()
    run = runs_journal(books)
    assert run.state == "succeeded"
    assert journalled(books) == [(payment, "posted", 5_00), (payment, "refunded", -5_00)]
    last = max(books.dropped().items())[1]
    assert last[1].startswith("SMCMP,ACTUALS,580090,USD,5.00,")
    assert last[2].startswith("SMCMP,ACTUALS,101100,USD,-5.00,")


def test_what_student_financials_took_itself_is_left_to_its_own_journals(books):
    pays(books, 5_00, source="peoplesoft")
    assert runs_journal(books).state == "nothing_to_send"
    books.sets("gl", sources=["peoplesoft"])
    assert runs_journal(books).state == "succeeded"


def test_a_fee_type_without_chartfields_waits_and_is_named(books):
    pays(books, 5_00)
    pays(books, 3_00, "RENEWFEE")
    run = runs_journal(books)
    assert run.state == "succeeded"
    assert (
        "1 payment ($3.00) left for the next journal because no chartfields are set for RENEWFEE" in run.story
    )
    books.sets("gl", chartfields={"OVERDUEFINE": "580090 / SM001", "*": "580099 / SM001"})
    assert runs_journal(books).state == "succeeded"
    assert [cents for _, _, cents in journalled(books)] == [5_00, 3_00]


def test_a_dry_run_shows_the_file_and_takes_nothing(books):
    pays(books, 5_00)
    run = runs_journal(books, dry_run=True)
    assert run.state == "succeeded"
    assert len(books.files(run)["journal"]) == 3
    assert journalled(books) == []
    assert books.dropped() == {}


def test_a_journal_that_could_not_be_built_gives_its_payments_back(books):
    pays(books, 5_00)
    books.sets("gl", layout="mit-csv")
    failed = runs_journal(books)
    assert failed.state == "failed"
    assert "is about charges, not about journals" in failed.error["message"]
    books.sets("gl", layout="ps-journal-flat")
    run = runs_journal(books)
    assert run.state == "succeeded"
    ((_, lines),) = books.dropped().items()
    assert [line[0] for line in lines] == ["H", "L", "L"]
    assert len(journalled(books)) == 1


def test_accounts_that_no_journal_takes_stop_the_run_before_anything_is_taken(books):
    pays(books, 5_00)
    books.sets("gl", clearing="101100")
    run = runs_journal(books)
    assert run.state == "failed"
    assert "needs an account and a fund" in run.error["message"]
    assert journalled(books) == []


def test_a_journal_whose_arrival_is_unknown_keeps_its_payments_until_that_is_known(books, faults):  # noqa: F811
    pays(books, 5_00)
    faults.add(Fault("sftp", "rename_answer_lost"))
    first = runs_journal(books)
    if first.state != "succeeded":
        first = books.work_again(first.id)
    assert first.state == "succeeded"
    assert len(books.dropped()) == 1
    assert runs_journal(books).state == "nothing_to_send"


def test_another_campus_journals_only_its_own_payments(books, two_tenants):
    pays(books, 5_00)
    with tenant_scope(two_tenants[0]) as session:
        assert session.scalar(text("SELECT count(*) FROM payment")) == 0
