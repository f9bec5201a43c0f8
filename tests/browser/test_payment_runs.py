"""What a file of payments did, in a browser: checked, imported, posted, compared, and written to the journal."""

from __future__ import annotations

from io import BytesIO

import pytest

from tests.browser.conftest import look
from tests.browser.paid_campus import PaidCampus, alma, environ, paid, paid_item, query_file, sandbox
from webapp.models import InboundFile, Run
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.receive_file import Origin, receive_file

__all__ = ["alma", "environ", "paid", "sandbox"]
EDITOR = "editor@csusm.example"


@pytest.fixture
def content(paid: PaidCampus) -> bytes:
    """Two fees paid, one of them too much; money for nobody; and a line nobody can read."""
    fees = [paid.charges("25.00"), paid.charges("12.50")]
    return query_file(
        paid_item(paid, fees[0], "25.00", 1),
        paid_item(paid, fees[1], "20.00", 2),
        paid_item(paid, "4711", "9.00", 3, "000099999"),
        paid_item(paid, fees[0], "12.x0", 4),
    )


@pytest.fixture
def imported(paid: PaidCampus, content: bytes) -> tuple[int, int]:
    """The file's number and that of its run."""
    received = receive_file(
        paid.tenant_id,
        Origin("payments", "upload", "paid_20260918.csv", "upload"),
        BytesIO(content),
        settings=paid.settings,
        actor=Actor(None, "Ann"),
    )
    paid.works()
    with tenant_scope(paid.tenant_id) as session:
        file = session.query(InboundFile).filter_by(id=received.inbound_file_id).one()
        return file.id, file.run_id


def test_a_file_is_looked_through_before_it_counts(paid, content, signed_in_page):
    page = signed_in_page(EDITOR, "/c/csusm/payments")
    look(page, "payments-new")
    page.get_by_text("Hand in a file").click()
    page.get_by_label("File of payments").set_input_files(
        {"name": "paid_20260918.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.get_by_role("button", name="Check first").click()
    page.get_by_text("Nothing was booked.").wait_for()
    look(page, "payments-checked")


def test_the_run_of_an_import_can_be_read_by_everyone(imported, signed_in_page):
    inbound_id, run_id = imported
    page = signed_in_page(EDITOR, f"/c/csusm/runs/{run_id}")
    look(page, "run-import")
    page.get_by_role("main").get_by_role("link", name="paid_20260918-rejected.csv").click()
    look(page, "file-rejected-rows")
    page.goto(f"/c/csusm/inbound/{inbound_id}")
    look(page, "inbound-payments")


def test_the_runs_of_posting_reconciliation_and_the_journal_can_be_read_by_everyone(
    paid, imported, signed_in_page
):
    paid.sets("gl", business_unit="SMCMP", chartfields={"*": "580090 / SM001"}, clearing="101100 / SM001",
              sources=["peoplesoft"])  # fmt: skip
    page = signed_in_page(EDITOR, "/c/csusm/runs")
    with tenant_scope(paid.tenant_id) as session:
        posting = session.query(Run.id).filter_by(pipeline="payment_posting").scalar()
    for run_id, name in (
        (posting, "run-posting"),
        (paid.runs("reconciliation").id, "run-reconciliation"),
        (paid.runs("gl_journal").id, "run-journal"),
    ):
        page.goto(f"/c/csusm/runs/{run_id}")
        look(page, name)
    page.get_by_role("main").get_by_role("link", name="csusm_library_journal").click()
    look(page, "file-journal")
    page.goto("/c/csusm/runs")
    look(page, "runs-payments")
    page.goto("/c/csusm/")
    look(page, "home-payments")
