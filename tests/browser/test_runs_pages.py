"""Home, runs, a run and the desk in a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import look
from tests.integration.portal.campus_rows import NOW, CampusRows, fill_campus
from webapp.models import Run
from webapp.models.scope import tenant_scope


@pytest.fixture
def rows(portal, people) -> CampusRows:
    """San Marcos with some weeks behind it."""
    return fill_campus(portal, people.csusm)


def change_run(portal, tenant_id: int, run_id: int, **values) -> None:
    """Let the run move as a worker would."""
    with portal.app_context(), tenant_scope(tenant_id) as session:
        run = session.query(Run).filter_by(id=run_id).one()
        for name, value in values.items():
            setattr(run, name, value)
        session.commit()


def test_home_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/"), "home")


def test_the_list_of_runs_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", "/c/csusm/runs"), "runs")


def test_a_finished_run_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/runs/{rows.succeeded}"), "run")


def test_a_run_that_asks_can_be_decided_by_everyone(rows, signed_in_page):
    look(signed_in_page("approver@csusm.example", f"/c/csusm/runs/{rows.awaiting}"), "run-approval")


def test_every_line_of_a_run_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", f"/c/csusm/runs/{rows.succeeded}/changes"), "run-lines")


def test_a_run_under_way_can_be_watched_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/runs/{rows.running}"), "run-live")


def test_the_desk_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/desk"), "desk")


def test_a_row_on_the_desk_can_be_resolved_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/desk/{rows.open_row}"), "desk-row")


def test_the_home_of_a_new_campus_can_be_used_by_everyone(signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/"), "home-new")


def test_a_run_is_approved_with_the_keyboard_alone(rows, signed_in_page):
    page = signed_in_page("approver@csusm.example", f"/c/csusm/runs/{rows.awaiting}")
    page.get_by_role("link", name="Skip to content").focus()
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "note":
            break
    page.keyboard.type("Agreed with the bursar")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText").strip() == "Approve and send"
    page.keyboard.press("Enter")
    page.get_by_text("Approved. The run goes on.").wait_for()
    assert page.get_by_text("“Agreed with the bursar”").is_visible()


def test_the_page_of_a_run_under_way_moves_by_itself(portal, people, rows, signed_in_page):
    page = signed_in_page("viewer@csusm.example", f"/c/csusm/runs/{rows.running}")
    page.get_by_text("12,000 of 48,000").wait_for()
    change_run(portal, people.csusm, rows.running, progress_done=30_000)
    page.get_by_text("30,000 of 48,000").wait_for()
    change_run(portal, people.csusm, rows.running, state="succeeded", finished_at=NOW)
    page.locator(".fb-run-lead").get_by_text("Done").wait_for()


def test_start_and_approval_work_without_javascript(rows, signed_in_page):
    page = signed_in_page("admin@csusm.example", f"/c/csusm/runs/{rows.awaiting}", java_script_enabled=False)
    page.get_by_role("button", name="Reject, send nothing").click()
    assert page.get_by_text("Rejected. Nothing was sent.").is_visible()
    page.goto("/c/csusm/")
    page.get_by_text("Dry run", exact=True).click()
    page.get_by_role("button", name="Start a dry run").click()
    assert page.get_by_text("Dry run: nothing is sent").is_visible()
