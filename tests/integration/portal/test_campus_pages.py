"""The pages of daily work: what they show, what they let a person do, and what they cost."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event

from tests.integration.portal.campus_rows import CampusRows, fill_campus
from webapp.models import AuditEvent, Effect, File, Run, db
from webapp.models.scope import tenant_scope


@pytest.fixture
def rows(portal, people) -> CampusRows:
    """San Marcos with some weeks behind it."""
    return fill_campus(portal, people.csusm)


def said(answer) -> str:
    """What a page says, without its markup."""
    without = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", without)


def text_of(answer) -> str:
    """What a page that exists says."""
    assert answer.status_code == 200, answer.text[:2000]
    return said(answer)


def audit_of(portal, tenant_id: int) -> list[tuple[str, str]]:
    with portal.app_context(), tenant_scope(tenant_id) as session:
        return [(found.action, found.subject) for found in session.query(AuditEvent).order_by(AuditEvent.n)]


def test_home_says_first_what_did_not_work_and_what_to_do(rows, browser_of):
    page = text_of(browser_of("viewer").get("/c/csusm/"))
    assert "Something did not work. 3 things need a person" in page
    assert f"Holds export {rows.awaiting} needs approval" in page
    assert f"Holds export {rows.failed} failed" in page
    assert "2 rows held back on the desk" in page
    assert page.index("needs approval") < page.index("Holds in force") < page.index("What happened")


@pytest.mark.usefixtures("people")
def test_home_of_a_new_campus_teaches_the_next_step(browser_of):
    page = text_of(browser_of("editor").get("/c/csusm/"))
    assert "Nothing has run yet." in page
    assert "start a dry run" in page
    assert "Nothing is scheduled." in page


def test_home_names_the_next_three_times_on_the_campus_clock(rows, browser_of):
    page = text_of(browser_of("viewer").get("/c/csusm/"))
    assert "Every Monday, Tuesday, Wednesday, Thursday and Friday at 18:00 (Pacific time)" in page
    assert len(re.findall(r"day \d{1,2} \w+ \d{4} at 18:00", page)) == 3


def test_the_chart_of_days_has_a_table_that_needs_no_script(rows, browser_of):
    page = browser_of("viewer").get("/c/csusm/?days=90").text
    assert page.count('<th scope="row"><time datetime') == 90


def test_only_editors_and_admins_can_start_runs(rows, browser_of):
    for role, may in (("viewer", False), ("approver", False), ("editor", True), ("admin", True)):
        person = browser_of(role)
        assert ("Run and send" in person.get("/c/csusm/").text) is may
        assert person.post("/c/csusm/runs", {"dry_run": "yes"}).status_code == (303 if may else 403)


def test_a_dry_run_is_started_as_a_dry_run(rows, browser_of):
    person = browser_of("editor")
    answer = person.post("/c/csusm/runs", {"dry_run": "yes"}, follow_redirects=True)
    assert "Dry run: nothing is sent" in text_of(answer)


@pytest.mark.parametrize(
    ("address", "shown", "hidden"),
    [
        ("state=failed", "failed", "succeeded"),
        ("q=middle+value", "awaiting", "succeeded"),
        ("trigger=person&state=succeeded", "succeeded", "earlier"),
    ],
)
def test_the_list_of_runs_filters(rows, browser_of, address, shown, hidden):
    page = browser_of("viewer").get(f"/c/csusm/runs?{address}").text
    assert f'/runs/{getattr(rows, shown)}"' in page
    assert f'/runs/{getattr(rows, hidden)}"' not in page


def test_the_list_of_runs_can_begin_with_today(rows, browser_of):
    person = browser_of("viewer")
    # A run of six hours ago is one of today or of yesterday, as the campus's clock stands.
    week = person.get("/c/csusm/runs?since=7&state=succeeded&dir=desc").text
    assert f'/runs/{rows.succeeded}"' in week
    assert f'/runs/{rows.earlier}"' in week
    assert f'/runs/{rows.earlier}"' not in person.get("/c/csusm/runs?since=1&state=succeeded").text


def test_a_run_is_found_by_its_number(rows, browser_of):
    page = browser_of("viewer").get(f"/c/csusm/runs?q=%23{rows.failed}").text
    assert re.findall(r"/runs/(\d+)\"", page) == [str(rows.failed)]


def test_runs_are_found_by_their_campus_day(rows, browser_of):
    assert "Nothing matches" in browser_of("viewer").get("/c/csusm/runs?q=2001-01-01").text


def test_the_list_of_runs_can_be_exported(rows, browser_of):
    answer = browser_of("viewer").get("/c/csusm/runs?format=csv&state=failed")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[0].lstrip("\ufeff").startswith("run,pipeline,due")
    assert len(lines) == 3


def test_a_run_shows_where_every_row_and_cent_went(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"/c/csusm/runs/{rows.succeeded}"))
    assert "It adds up." in page
    assert "In dispute 2 $23.00" in page
    assert "Together 51 $1,062.25" in page


def test_a_run_shows_its_files_where_they_went_and_its_mail(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"/c/csusm/runs/{rows.succeeded}"))
    assert re.search(rf"csusm_holds_added_{rows.succeeded:04}\.txt Holds added .{{0,120}} 3 \$41\.75 ", page)
    assert "bursar@example.edu, holds@example.edu" in page


def test_a_run_that_asks_says_exactly_what_approving_sends(rows, browser_of):
    page = text_of(browser_of("approver").get(f"/c/csusm/runs/{rows.awaiting}"))
    assert "412 holds would change" in page
    assert "Approving sends to sftp.example.edu, folder /in and by mail to 2 people" in page
    assert f"1 line, $1,204.50, as csusm_holds_added_{rows.awaiting:04}.txt" in page


def test_an_unknown_delivery_is_settled_by_an_approver_who_reads_what_follows(
    portal, people, rows, browser_of
):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        file = session.query(File).filter(File.run_id == rows.failed).first()
        if file is None:
            file = session.query(File).filter(File.kind != "collected").order_by(File.id).first()
        run_id, file_id, name = file.run_id, file.id, file.name
        session.query(Run).filter(Run.id == run_id).update({"state": "failed"})
        session.add(
            Effect(run_id=run_id, key="k", kind="sftp", state="unknown", detail={"file_ids": [file_id]})
        )
        session.commit()
    assert "An approver or admin" in text_of(browser_of("editor").get(f"/c/csusm/runs/{run_id}"))
    approver = browser_of("approver")
    page = text_of(approver.get(f"/c/csusm/runs/{run_id}"))
    assert f"Did {name} arrive?" in page
    assert "The next run releases whoever has paid since" in page
    assert "nothing is sent either way" in page
    address = f"/c/csusm/runs/{run_id}/settle/{file_id}/arrived"
    assert browser_of("editor").post(address).status_code == 403
    assert approver.post(address).status_code == 303
    assert ("delivery.arrived", f"run/{run_id}") in audit_of(portal, people.csusm)
    assert "arrive?" not in text_of(approver.get(f"/c/csusm/runs/{run_id}"))


def test_approving_needs_the_role_and_keeps_the_note(portal, people, rows, browser_of):
    address = f"/c/csusm/runs/{rows.awaiting}/approve"
    for role in ("viewer", "editor"):
        assert browser_of(role).post(address).status_code == 403
    answer = browser_of("approver").post(address, {"note": "Checked with the bursar"}, follow_redirects=True)
    assert "Approved. The run goes on." in text_of(answer)
    assert "“Checked with the bursar”" in text_of(answer)
    assert ("run.approved", f"run/{rows.awaiting}") in audit_of(portal, people.csusm)


def test_a_second_decision_is_refused_in_words(rows, browser_of):
    browser_of("approver").post(f"/c/csusm/runs/{rows.awaiting}/reject", {"note": "Too many"})
    late = browser_of("admin").post(f"/c/csusm/runs/{rows.awaiting}/approve", follow_redirects=True)
    assert "does not wait for a decision" in text_of(late)
    assert "Nothing was sent" in text_of(late)


def test_a_running_run_can_be_asked_to_stop(rows, browser_of):
    answer = browser_of("editor").post(f"/c/csusm/runs/{rows.running}/cancel", follow_redirects=True)
    assert "Asked to stop" in text_of(answer)


def test_a_run_can_be_done_again(rows, browser_of):
    answer = browser_of("editor").post(f"/c/csusm/runs/{rows.succeeded}/again", follow_redirects=True)
    assert f"again after run {rows.succeeded}" in text_of(answer)


def test_the_moving_part_asks_for_the_page_anew_when_the_run_has_moved_on(rows, browser_of):
    person = browser_of("viewer")
    same = person.get(f"/c/csusm/runs/{rows.running}/live?state=running")
    assert "12,000 of 48,000" in same.text
    assert "HX-Refresh" not in same.headers
    moved = person.get(f"/c/csusm/runs/{rows.running}/live?state=queued")
    assert moved.headers["HX-Refresh"] == "true"


def test_every_line_of_a_run_can_be_looked_at_and_exported(rows, browser_of):
    person = browser_of("viewer")
    page = text_of(person.get(f"/c/csusm/runs/{rows.succeeded}/changes"))
    assert "Changed $15.00 $20.00" in page
    assert "Released $8.00 $0.00" in page
    only = person.get(f"/c/csusm/runs/{rows.succeeded}/changes?action=R").text
    assert "100000009" in only
    assert "100000002" not in only
    export = person.get(f"/c/csusm/runs/{rows.succeeded}/changes?format=csv").text
    assert len(export.splitlines()) == 5


def test_the_desk_shows_open_rows_with_reason_amount_and_age(rows, browser_of):
    page = text_of(browser_of("viewer").get("/c/csusm/desk"))
    assert re.search(r"page 3 row 17 Alma Analytics (The row has no EMPLID\. )+\$5\.00 12 days", page)
    assert "line 9" not in page
    assert "line 9" in text_of(browser_of("viewer").get("/c/csusm/desk/resolved"))


def test_a_row_is_ignored_only_for_a_reason(portal, people, rows, browser_of):
    person, address = browser_of("editor"), f"/c/csusm/desk/{rows.open_row}"
    refused = person.post(address, {"decision": "ignored", "reason": "  "})
    assert refused.status_code == 422
    assert "A row is ignored only for a reason" in refused.text
    assert re.search(r'value="ignored" checked', refused.text)
    done = person.post(address, {"decision": "ignored", "reason": "Left the library"}, follow_redirects=True)
    assert "The row is ignored and stays out." in text_of(done)
    assert "Ignored: Left the library" in text_of(person.get(address))
    assert ("row.ignored", f"quarantined_row/{rows.open_row}") in audit_of(portal, people.csusm)


def test_a_row_is_not_resolved_twice_and_not_by_a_viewer(rows, browser_of):
    address = f"/c/csusm/desk/{rows.open_row}"
    assert browser_of("viewer").post(address, {"decision": "mended"}).status_code == 403
    assert browser_of("editor").post(address, {"decision": "mended"}).status_code == 303
    again = browser_of("admin").post(address, {"decision": "mended"})
    assert again.status_code == 422
    assert "already" in again.text


def test_the_row_is_shown_as_it_came_with_blanks_drawn(rows, browser_of):
    page = browser_of("viewer").get(f"/c/csusm/desk/{rows.open_row}").text
    assert 'Overdue<span class="fb-invisible">→</span>' in page


@pytest.mark.parametrize(
    "address",
    [
        "/", "/?days=90", "/runs", "/runs/{succeeded}", "/runs/{awaiting}", "/runs/{running}/live?state=running",
        "/runs/{succeeded}/changes", "/files", "/files/{added_file}", "/files/{added_file}/changes", "/desk",
        "/desk/{open_row}",
    ],
)  # fmt: skip
def test_no_page_needs_more_than_ten_queries(portal, rows, browser_of, address):
    person = browser_of("admin")
    path = "/c/csusm" + address.format(**vars(rows))
    person.get(path)
    statements: list[str] = []

    def count(_connection, _cursor, statement, *_rest):
        if "set_config" not in statement:
            statements.append(statement)

    with portal.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        assert person.get(path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert len(statements) <= 10, "\n".join(statements)
