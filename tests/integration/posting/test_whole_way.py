"""The whole way: PeopleSoft's query file comes in, its payments reach Alma, and a repeated file posts nothing."""

from __future__ import annotations

from io import BytesIO

from tests.integration.payments.conftest import HEADING, item
from tests.integration.posting.conftest import Campus
from webapp.models import SeenFee
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.check_payments import check_payments
from webapp.services.receive_file import Origin, receive_file
from webapp.services.submit_run import submit_run


def hands_in(campus: Campus, *lines: str, name: str) -> None:
    """A file arrives, is imported, and what it asks for is carried out."""
    content = "\r\n".join([HEADING, *lines, ""]).encode()
    received = receive_file(
        campus.tenant_id,
        Origin("payments", "upload", name),
        BytesIO(content),
        settings=campus.settings,
        actor=Actor(None, "Ann"),
        submit=False,
    )
    run_id = submit_run(
        campus.tenant_id, "payment_import", options={"inbound_file_id": received.inbound_file_id}
    )
    for _ in range(2):
        campus.work()
        campus.work("batch")
    run = campus.the_run(run_id)
    assert run.state == "succeeded", (run.state, run.story, run.error)


def test_what_was_paid_in_peoplesoft_reaches_its_fee_once_however_often_the_file_comes(campus):
    fee_id = campus.charges("25.00")
    campus.remembers(fee_id, bursar_ref="", balance_cents=2500)
    applied = item(fee_id, "22.23", "25.00", campus.emplid)
    hands_in(campus, applied, name="morning.csv")
    assert campus.booked(fee_id)[0][0] == 2223
    hands_in(campus, applied, item("9", "1.00", "1.00", "012345678", "2"), name="noon.csv")
    assert len(campus.booked(fee_id)) == 1
    hands_in(
        campus, item(fee_id, "25.00", "25.00", campus.emplid, at="09/19/2026  8:00:00AM"), name="evening.csv"
    )
    assert [cents for cents, _ in campus.booked(fee_id)] == [2223, 277]
    assert campus.fee(fee_id)["status"]["value"] == "CLOSED"
    assert campus.ledger(fee_id) == [
        ("bursar", "payment", -2223),
        ("alma", "payment", -2223),
        ("bursar", "payment", -277),
        ("alma", "payment", -277),
    ]


def somebody_else_is_known(campus: Campus) -> None:
    with tenant_scope(campus.tenant_id) as session:
        session.add(SeenFee(fee_id="1", patron_id="x", emplid="999999999", status="CLOSED", balance_cents=0))
        session.commit()


def test_a_file_that_names_only_a_student_whom_nobody_but_alma_knows_is_booked_and_posted(campus):
    somebody_else_is_known(campus)
    fee_id = campus.charges("25.00")
    content = "\r\n".join([HEADING, item(fee_id, "25.00", "25.00", campus.emplid), ""]).encode()
    check = check_payments(campus.tenant_id, BytesIO(content), settings=campus.settings)
    assert (check.refusal, check.posted_cents) == ("", 2500)
    hands_in(campus, item(fee_id, "25.00", "25.00", campus.emplid), name="new.csv")
    assert [cents for cents, _ in campus.booked(fee_id)] == [2500]


def test_a_file_whose_students_are_neither_in_our_books_nor_in_alma_would_be_refused(campus):
    somebody_else_is_known(campus)
    content = "\r\n".join([HEADING, item("77", emplid="999999991"), ""]).encode()
    check = check_payments(campus.tenant_id, BytesIO(content), settings=campus.settings)
    assert "another campus's" in check.refusal
    assert check.rows == 0
