"""Runs about payments that wait: for a person before they are booked, and for Alma's next day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.portal.payment_rows import fill_payments
from tests.integration.portal.test_payment_pages import text_of
from webapp.models import Approval, Run, RunStep
from webapp.models.scope import tenant_scope

RUNS = "/c/csusm/runs"


@pytest.fixture
def waiting(portal, people):
    """A run of San Marcos is brought into a state."""
    rows = fill_payments(portal, people.csusm)

    def put(run_id, state, **more):
        with portal.app_context(), tenant_scope(people.csusm) as session:
            run = session.get(Run, (people.csusm, run_id))
            run.state, run.finished_at = state, None
            for name, value in more.items():
                setattr(run, name, value)
            if state == "awaiting_approval":
                read = {"rows": 412, "new_rows": 7, "new_cents": 950_050}
                session.add(RunStep(run_id=run_id, n=2, name="read", state="done", result=read))
                session.add(Approval(run_id=run_id, reasons=["$9,500.50 are new."]))
            session.commit()
        return run_id

    return rows, put


def test_a_file_of_payments_that_asks_says_what_approving_books(waiting, browser_of):
    rows, put = waiting
    run_id = put(rows.importing, "awaiting_approval")
    page = text_of(browser_of("approver").get(f"{RUNS}/{run_id}"))
    assert "Shall this be booked?" in page
    assert "Nothing of the file was booked yet." in page
    assert "7 rows of 412 with news, $9,500.50" in page
    assert "Approve and book" in page
    assert "Reject, book nothing" in page
    assert "Shall this be sent?" not in page


def test_a_posting_that_waits_for_almas_next_day_shows_the_clock(waiting, browser_of):
    rows, put = waiting
    until = datetime.now(UTC) + timedelta(hours=3, minutes=10)
    run_id = put(rows.posting, "queued", not_before=until, attempt=1)
    browser = browser_of("viewer")
    for answer in (browser.get(f"{RUNS}/{run_id}"), browser.get(f"{RUNS}/{run_id}/live?state=queued")):
        assert f'data-until="{until.isoformat()}"' in answer.text
        assert "in 3 h 9 min" in text_of(answer)
    assert "countdown.js" in browser.get(f"{RUNS}/{run_id}").text


def test_a_breath_between_two_tries_needs_no_clock(waiting, browser_of):
    rows, put = waiting
    run_id = put(rows.posting, "queued", not_before=datetime.now(UTC) + timedelta(seconds=20), attempt=1)
    answer = browser_of("viewer").get(f"{RUNS}/{run_id}")
    assert "data-until" not in answer.text
    assert "Waits for its next try" in text_of(answer)
