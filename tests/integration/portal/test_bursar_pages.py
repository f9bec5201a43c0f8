"""The pages of the bursar conversion: what they show, what they let a person do, and what they cost."""

from __future__ import annotations

import html
import io
import re

import pytest
from sqlalchemy import event

from tests.integration.portal import test_campus_pages
from tests.integration.portal.charge_rows import (
    CREDIT_FEE,
    CREDITED_FEE,
    HELD_FEE,
    REJECTED_FEE,
    SENT_FEE,
    WAITING_FEE,
    ChargeRows,
    fill_charges,
)
from tests.integration.portal.test_campus_pages import audit_of
from webapp.models import BursarRow, BursarTask, InboundFile, QuarantinedRow, Run, TenantSetting, db
from webapp.models.scope import tenant_scope

TABLE = "/c/csusm/settings/charge_maps/tables/item_types"


def said(answer) -> str:
    """What a page says, as a reader sees it."""
    return html.unescape(test_campus_pages.said(answer))


def text_of(answer) -> str:
    """What a page that exists says."""
    return html.unescape(test_campus_pages.text_of(answer))


@pytest.fixture
def rows(portal, people) -> ChargeRows:
    """San Marcos with some weeks of charges behind it."""
    return fill_charges(portal, people.csusm, asked_by=people.by_role["admin"])


def read(portal, people, query):
    """What is stored, read as San Marcos."""
    with portal.app_context(), tenant_scope(people.csusm) as session:
        return query(session)


def row_of(portal, people, row_id: int) -> QuarantinedRow:
    return read(portal, people, lambda session: session.query(QuarantinedRow).filter_by(id=row_id).one())


# Files from Alma


def test_every_file_that_came_says_what_became_of_it(rows, browser_of):
    page = text_of(browser_of("viewer").get("/c/csusm/inbound"))
    assert "line 1,204, column 17 (mismatched tag)" in page
    assert "The same content as USMBURSAR-4711-20261120.xml; not converted again." in page
    assert "Being converted 2 $45.00" in page


def test_a_refused_file_says_where_it_breaks_and_what_to_do(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"/c/csusm/inbound/{rows.refused_inbound}"))
    assert "Refused whole. The file ends in the middle of an element: line 1,204, column 17" in page
    assert "Ask Alma to export again, or hand in a mended file" in page


def test_a_file_that_came_before_names_the_one_it_repeats(rows, browser_of):
    viewer = browser_of("viewer")
    answer = viewer.get(f"/c/csusm/inbound/{rows.duplicate_inbound}")
    assert f'/inbound/{rows.done_inbound}"' in answer.text
    assert "It came before." in text_of(answer)
    assert "It came again" in text_of(viewer.get(f"/c/csusm/inbound/{rows.done_inbound}"))


@pytest.mark.parametrize(
    ("address", "shown", "hidden"),
    [
        ("state=refused", "refused_inbound", "done_inbound"),
        ("origin=upload", "duplicate_inbound", "refused_inbound"),
        ("q=4714", "waiting_inbound", "done_inbound"),
    ],
)
def test_files_from_alma_filter(rows, browser_of, address, shown, hidden):
    page = browser_of("viewer").get(f"/c/csusm/inbound?{address}").text
    assert f'/inbound/{getattr(rows, shown)}"' in page
    assert f'/inbound/{getattr(rows, hidden)}"' not in page


def test_a_file_handed_in_twice_is_converted_once(portal, people, browser_of):
    editor = browser_of("editor")

    def hand_in():
        content = io.BytesIO(b"<?xml version='1.0'?><export/>")
        return editor.post(
            "/c/csusm/inbound", {"file": (content, "USMBURSAR-1-2.xml")}, follow_redirects=True
        )

    assert "USMBURSAR-1-2.xml is here, 30 bytes. It is being converted." in text_of(hand_in())
    assert "came before" in text_of(hand_in())
    runs = read(
        portal, people, lambda session: session.query(Run).filter_by(pipeline="bursar_conversion").count()
    )
    states = read(
        portal, people, lambda session: [f.state for f in session.query(InboundFile).order_by(InboundFile.id)]
    )
    assert (runs, states) == (1, ["waiting", "duplicate"])


def test_a_load_result_is_handed_in_and_answers_are_looked_for_on_the_portal(portal, people, browser_of):
    editor = browser_of("editor")
    form = {"kind": "load_result", "file": (io.BytesIO(b"EMPLID,Status\n"), "results.csv")}
    said = text_of(editor.post("/c/csusm/inbound", form, follow_redirects=True))
    assert "results.csv is here, 14 bytes. It is being read." in said
    assert "PeopleSoft's answers" in text_of(editor.post("/c/csusm/inbound/answers", follow_redirects=True))
    kinds = read(portal, people, lambda session: [f.kind for f in session.query(InboundFile)])
    pipelines = read(portal, people, lambda session: {run.pipeline for run in session.query(Run)})
    assert (kinds, pipelines) == (["load_result"], {"bursar_acknowledgements"})


def test_the_registrars_list_is_handed_in_and_asks_for_no_run_of_its_own(portal, people, browser_of):
    form = {"kind": "student_list", "file": (io.BytesIO(b"emplid,status\n012345678,AC\n"), "students.csv")}
    said = text_of(browser_of("editor").post("/c/csusm/inbound", form, follow_redirects=True))
    assert "students.csv is here, 27 bytes. It counts from the next run about charges on." in said
    assert "The next run about charges reads the newest list." in said
    assert read(portal, people, lambda session: session.query(Run).count()) == 0


def test_a_file_says_what_peoplesoft_said_of_its_lines(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"/c/csusm/files/{rows.charges_file}"))
    assert "1 line accepted, 1 rejected." in page
    assert "Waits on the desk" in page


def test_a_form_without_a_file_takes_nothing_in(portal, people, browser_of):
    answer = browser_of("editor").post("/c/csusm/inbound", {})
    assert answer.status_code == 422
    assert "Choose the file first." in said(answer)
    assert read(portal, people, lambda session: session.query(InboundFile).count()) == 0


def test_only_editors_and_admins_hand_in_files_and_start_conversions(rows, browser_of):
    for role, may in (("viewer", False), ("approver", False), ("editor", True), ("admin", True)):
        person = browser_of(role)
        assert ("Hand in a file" in person.get("/c/csusm/inbound").text) is may
        assert person.post("/c/csusm/inbound/fetch").status_code == (303 if may else 403)


# A run of charges


def test_a_run_of_charges_adds_up_in_rows_and_in_dollars(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"/c/csusm/runs/{rows.done}"))
    assert "It adds up." in page
    assert "Came in 19 $423.00" in page
    assert "As 12 charges 12 $413.50" in page
    assert "Wait for a person 3 $7.50" in page
    assert "Below the smallest amount 4 $2.00" in page
    assert "Together 19 $423.00" in page


def test_a_run_that_does_not_add_up_says_so(portal, people, rows, browser_of):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        run = session.query(Run).filter_by(id=rows.done).one()
        run.counts = {**run.counts, "cents_sent": 1}
        session.commit()
    assert "It does not add up." in text_of(browser_of("viewer").get(f"/c/csusm/runs/{rows.done}"))


def test_a_run_links_each_line_of_its_sum_to_its_rows(rows, browser_of):
    viewer = browser_of("viewer")
    assert "rows?verdict=excluded&amp;rule=below_minimum" in viewer.get(f"/c/csusm/runs/{rows.done}").text
    page = viewer.get(f"/c/csusm/runs/{rows.done}/rows?verdict=excluded&rule=below_minimum").text
    assert page.count("Left out") >= 4
    assert HELD_FEE not in page


def test_the_rows_of_a_run_can_be_exported(rows, browser_of):
    answer = browser_of("viewer").get(f"/c/csusm/runs/{rows.done}/rows?format=csv&verdict=quarantined")
    lines = answer.text.splitlines()
    assert lines[0].lstrip("\ufeff").startswith("row,came from,fee,patron")
    assert [line.split(",")[2] for line in lines[1:]] == [HELD_FEE, CREDIT_FEE]


def test_whoever_asked_for_a_run_above_the_limit_does_not_approve_it(portal, people, browser_of):
    asked = fill_charges(portal, people.csusm, waits_for="approval", asked_by=people.by_role["admin"])
    address = f"/c/csusm/runs/{asked.leaving}"
    own = browser_of("admin")
    assert "Two people must agree to this amount, and you are the first of them." in text_of(own.get(address))
    refused = own.post(f"{address}/approve", follow_redirects=True)
    assert "you are the first of them. Somebody else must approve it." in text_of(refused)
    other = browser_of("approver")
    assert "One has; yours is the second" in text_of(other.get(address))
    assert "Approved. The run goes on." in text_of(other.post(f"{address}/approve", follow_redirects=True))


def test_a_run_that_nobody_asked_for_needs_two_approvals(portal, people, browser_of):
    rows = fill_charges(portal, people.csusm, waits_for="approval")
    address = f"/c/csusm/runs/{rows.leaving}"
    first = browser_of("approver")
    assert "Approve, as the first of two" in text_of(first.get(address))
    answer = first.post(f"{address}/approve", follow_redirects=True)
    assert "Your approval is noted. A second person must agree before anything is sent." in text_of(answer)
    second = browser_of("admin").post(f"{address}/approve", follow_redirects=True)
    assert "Approved. The run goes on." in text_of(second)


# Recall


def test_a_fee_about_to_leave_is_pulled_out_of_its_run(portal, people, rows, browser_of):
    editor = browser_of("editor")
    assert "sends 2 fees, $45.00" in text_of(editor.get("/c/csusm/leaving"))
    plan = text_of(editor.get(f"/c/csusm/fees/{WAITING_FEE}/recall"))
    assert f"Keeps $25.00 out of run {rows.leaving} . PeopleSoft is told nothing of this fee." in plan
    done = editor.post(
        f"/c/csusm/fees/{WAITING_FEE}/recall", {"reason": "Book was found"}, follow_redirects=True
    )
    assert f"Recalled: the fee stays out of run {rows.leaving}." in text_of(done)
    row = read(
        portal,
        people,
        lambda session: session.query(BursarRow).filter_by(run_id=rows.leaving, fee_ref=WAITING_FEE).one(),
    )
    assert (row.verdict, row.rule) == ("excluded", "recalled")
    assert WAITING_FEE not in editor.get("/c/csusm/leaving").text


def test_a_fee_that_was_sent_is_taken_back_with_a_credit(portal, people, rows, browser_of):
    editor = browser_of("editor")
    plan = text_of(editor.get(f"/c/csusm/fees/{SENT_FEE}/recall"))
    assert "Queues a credit of -$35.01 , which the next run sends to sftp.example.edu, folder /in" in plan
    assert "with the same item type, 600100000123" in plan
    done = editor.post(f"/c/csusm/fees/{SENT_FEE}/recall", {"reason": "Waived"}, follow_redirects=True)
    assert "A credit of -$35.01 goes with the next run." in text_of(done)
    task = read(portal, people, lambda session: session.query(BursarTask).filter_by(fee_ref=SENT_FEE).one())
    assert (task.kind, task.amount_cents, task.state) == ("credit", -3_501, "open")
    again = text_of(editor.get(f"/c/csusm/fees/{SENT_FEE}/recall"))
    assert "There is nothing to recall." in again


def test_a_recall_needs_a_reason_and_keeps_what_was_typed(rows, browser_of):
    answer = browser_of("editor").post(f"/c/csusm/fees/{WAITING_FEE}/recall", {"reason": " "})
    assert answer.status_code == 422
    assert "A fee is recalled only for a reason; say why." in said(answer)


def test_viewers_and_approvers_recall_nothing(rows, browser_of):
    for role in ("viewer", "approver"):
        person = browser_of(role)
        assert f"/fees/{WAITING_FEE}/recall" not in person.get("/c/csusm/leaving").text
        assert person.post(f"/c/csusm/fees/{WAITING_FEE}/recall", {"reason": "x"}).status_code == 403


def test_files_that_are_built_are_said_to_be_beyond_recall(portal, people, browser_of):
    fill_charges(portal, people.csusm, waits_for="approval")
    page = text_of(browser_of("editor").get("/c/csusm/leaving"))
    assert "Built already." in page
    assert "or the whole run is rejected" in page


# The life of a fee


def test_a_fee_is_found_by_its_reference_and_its_patron(rows, browser_of):
    viewer = browser_of("viewer")
    assert viewer.get(f"/c/csusm/fees?q={SENT_FEE}").headers["Location"].endswith(f"/fees/{SENT_FEE}")
    assert SENT_FEE in viewer.get("/c/csusm/fees?q=12341").text
    assert "Nothing matches" in viewer.get("/c/csusm/fees?q=000099999").text


def test_the_life_of_a_fee_is_told_in_order(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"/c/csusm/fees/{SENT_FEE}"))
    assert re.search(r"Charge \$35\.01 .*line 1 .*Accepted by PeopleSoft", page)
    assert "At PeopleSoft. PeopleSoft was told to charge $35.01; nothing was taken back." in page


def test_a_fee_with_a_credit_says_what_is_left(rows, browser_of):
    page = text_of(browser_of("viewer").get(f"/c/csusm/fees/{CREDITED_FEE}"))
    assert "$25.02 of it is left after credits" in page
    assert "Returned to the wrong library" in page


def test_a_rejected_fee_says_that_nobody_is_charged(rows, browser_of):
    assert "PeopleSoft rejected it. Nobody is charged for it." in text_of(
        browser_of("viewer").get(f"/c/csusm/fees/{REJECTED_FEE}")
    )


def test_a_fee_that_nobody_knows_is_not_found(rows, browser_of):
    assert browser_of("viewer").get("/c/csusm/fees/123").status_code == 404


def test_who_takes_the_list_of_fees_is_in_the_audit_log(portal, people, rows, browser_of):
    answer = browser_of("viewer").get("/c/csusm/fees?format=csv&event=credit")
    assert len(answer.text.splitlines()) == 2
    assert ("ledger.exported", "ledger") in audit_of(portal, people.csusm)


# The desk


def test_the_desk_filters_by_rule_and_by_who_looks_after_a_row(rows, browser_of):
    editor = browser_of("editor")
    assert "I look after it" in text_of(editor.get(f"/c/csusm/desk/{rows.unmapped_row}"))
    editor.post(f"/c/csusm/desk/{rows.unmapped_row}/own")
    mine = editor.get("/c/csusm/desk?owner=me").text
    assert f"/desk/{rows.unmapped_row}" in mine
    assert f"/desk/{rows.several_row}" not in mine
    rejected = editor.get("/c/csusm/desk?rule=rejected_by_peoplesoft").text
    assert f"/desk/{rows.rejected_row}" in rejected
    assert f"/desk/{rows.unmapped_row}" not in rejected
    editor.post(f"/c/csusm/desk/{rows.unmapped_row}/own", {"give_up": "yes"})
    assert f"/desk/{rows.unmapped_row}" in editor.get("/c/csusm/desk?owner=nobody").text


def test_a_row_without_its_table_row_links_to_one_with_its_keys_filled_in(rows, browser_of):
    editor = browser_of("editor")
    page = editor.get(f"/c/csusm/desk/{rows.unmapped_row}").text
    address = re.search(r'href="([^"]*tables/item_types\?[^"]*)"', page)[1].replace("&amp;", "&")
    assert address.endswith("key=PRINTFEE&key=KELLOGG&key=D")
    table = editor.get(address)
    assert "Not saved yet." in text_of(table)
    assert table.text.count('value="PRINTFEE"') == 1


def test_a_corrected_value_is_kept_beside_what_came(portal, people, rows, browser_of):
    editor, address = browser_of("editor"), f"/c/csusm/desk/{rows.unmapped_row}"
    came = {"patron_id": "000012350", "amount_cents": "7.50", "fee_type": "OVERDUEFINE", "library": "KELLOGG"}
    done = editor.post(f"{address}/mend", came, follow_redirects=True)
    assert "Corrected. The next run judges the row with it" in text_of(done)
    assert "corrected; came as PRINTFEE" in text_of(done)
    assert row_of(portal, people, rows.unmapped_row).patch == {"fee_type": "OVERDUEFINE"}
    editor.post(f"{address}/mend", {**came, "amount_cents": "8.25", "fee_type": ""})
    assert row_of(portal, people, rows.unmapped_row).patch == {"amount_cents": 825}


def test_a_correction_that_is_no_amount_changes_nothing_and_stays_typed(portal, people, rows, browser_of):
    answer = browser_of("editor").post(f"/c/csusm/desk/{rows.unmapped_row}/mend", {"amount_cents": "12,50"})
    assert answer.status_code == 422
    assert 'value="12,50"' in answer.text
    assert row_of(portal, people, rows.unmapped_row).patch == {}


def test_a_credit_is_given_the_charge_it_takes_back_from(portal, people, rows, browser_of):
    editor, address = browser_of("editor"), f"/c/csusm/desk/{rows.several_row}"
    page = text_of(editor.get(address))
    assert f"{SENT_FEE} , $35.01 left of $35.01" in page
    assert f"{CREDITED_FEE} , $25.02 left of $35.02" in page
    editor.post(f"{address}/mend", {"charge": SENT_FEE})
    assert row_of(portal, people, rows.several_row).patch == {"original_reference": SENT_FEE}
    assert re.search(rf'value="{SENT_FEE}" checked', editor.get(address).text)


def test_a_row_is_let_go_only_for_a_reason(portal, people, rows, browser_of):
    editor, address = browser_of("editor"), f"/c/csusm/desk/{rows.unmapped_row}"
    assert editor.post(f"{address}/release", {"reason": ""}).status_code == 422
    done = editor.post(f"{address}/release", {"reason": "Agreed with the bursar"}, follow_redirects=True)
    assert "Let go. It leaves as it is with the next run." in text_of(done)
    assert row_of(portal, people, rows.unmapped_row).decision == "released"


def test_a_fee_is_ignored_for_a_reason(portal, people, rows, browser_of):
    address = f"/c/csusm/desk/{rows.unmapped_row}"
    browser_of("editor").post(address, {"decision": "ignored", "reason": "Paid in cash"})
    assert row_of(portal, people, rows.unmapped_row).resolution == "ignored: Paid in cash"


def test_a_rejected_line_is_corrected_and_sent_again(portal, people, rows, browser_of):
    editor, address = browser_of("editor"), f"/c/csusm/desk/{rows.rejected_row}"
    form = {"emplid": "000012344", "patron_id": "000012343", "reason": "Wrong EMPLID"}
    done = editor.post(f"{address}/send-again", form, follow_redirects=True)
    assert "1 line, $35.03: goes out again with the next run." in text_of(done)
    task = read(portal, people, lambda session: session.query(BursarTask).filter_by(kind="resend").one())
    assert (task.fee_ref, task.body["emplid"]) == (REJECTED_FEE, "000012344")
    assert editor.post(f"{address}/send-again", form).status_code == 422


def test_the_desk_is_sent_at_once(portal, people, rows, browser_of):
    answer = browser_of("editor").post("/c/csusm/desk/send-now")
    run_id = int(answer.headers["Location"].rpartition("/")[2])
    run = read(portal, people, lambda session: session.query(Run).filter_by(id=run_id).one())
    assert (run.pipeline, run.options) == ("bursar_conversion", {"only_desk": True})


@pytest.mark.parametrize("act", ["own", "mend", "release", "send-again"])
def test_only_editors_and_admins_decide_about_fees(rows, browser_of, act):
    for role in ("viewer", "approver"):
        answer = browser_of(role).post(f"/c/csusm/desk/{rows.rejected_row}/{act}", {"reason": "x"})
        assert answer.status_code == 403


# Item types and terms


def test_a_table_shows_the_layouts_rows_until_the_campus_has_its_own(portal, people, rows, browser_of):
    editor = browser_of("editor")
    assert "3 rows, as the layout has them" in text_of(editor.get("/c/csusm/settings/charge_maps"))
    cells = ["PRINTFEE", "*", "D", "600100000200", "Printing"]
    done = editor.post(TABLE, {"version": "0", "act": "save", "cell": cells}, follow_redirects=True)
    assert "item_types: saved, 1 row." in text_of(done)
    assert "this campus's own" in text_of(editor.get("/c/csusm/settings/charge_maps"))
    stored = read(
        portal, people, lambda s: s.query(TenantSetting).filter_by(section="charge_maps").one().value
    )
    assert stored["tables"] == {"item_types": [cells]}
    editor.post(TABLE, {"version": "1", "act": "layout"})
    assert "3 rows, as the layout has them" in text_of(editor.get("/c/csusm/settings/charge_maps"))


def test_a_row_that_can_never_be_reached_is_refused_at_its_place(portal, people, rows, browser_of):
    cells = ["PRINTFEE", "*", "D", "1", "a", "PRINTFEE", "*", "D", "2", "b"]
    answer = browser_of("editor").post(TABLE, {"version": "0", "act": "save", "cell": cells})
    assert answer.status_code == 422
    assert re.search(r'id="cell-1-0"[^>]* aria-invalid="true"', answer.text)
    assert "Nothing was saved." in said(answer)
    assert 'value="b"' in answer.text


def test_rows_are_pasted_from_a_spreadsheet(portal, people, rows, browser_of):
    pasted = "PRINTFEE\t*\tD\t600100000200\tPrinting\nOVERDUEFINE\t*\tD\t600100000124\tOverdue\n"
    browser_of("editor").post(TABLE, {"version": "0", "act": "paste", "pasted": pasted})
    stored = read(
        portal, people, lambda s: s.query(TenantSetting).filter_by(section="charge_maps").one().value
    )
    assert [row[0] for row in stored["tables"]["item_types"]] == ["PRINTFEE", "OVERDUEFINE"]


def test_pasted_rows_of_another_width_are_refused_and_stay_typed(rows, browser_of):
    answer = browser_of("editor").post(TABLE, {"version": "0", "act": "paste", "pasted": "PRINTFEE,D"})
    assert answer.status_code == 422
    assert "PRINTFEE,D" in answer.text


def test_somebody_elses_change_is_not_overwritten(rows, browser_of):
    cells = ["PRINTFEE", "*", "D", "600100000200", "Printing"]
    editor = browser_of("editor")
    editor.post(TABLE, {"version": "0", "act": "save", "cell": cells})
    late = editor.post(TABLE, {"version": "0", "act": "save", "cell": [*cells[:3], "9", "Other"]})
    assert late.status_code == 409
    assert "Somebody saved this page while you were typing." in said(late)
    assert 'value="Other"' in late.text


def test_terms_show_where_they_overlap_and_where_a_hole_is(rows, browser_of):
    page = browser_of("viewer").get("/c/csusm/settings/charge_maps")
    assert "No term covers 2027-01-01 to 2027-01-09" in text_of(page)
    assert "Terms '2265' and '2267' overlap from 2026-08-10 to 2026-08-14" in text_of(page)
    assert "1 overlap and 2 holes" in page.text


def test_the_page_of_the_terms_names_every_overlap_and_hole(rows, browser_of):
    page = text_of(browser_of("editor").get("/c/csusm/settings/charge_maps/calendars/terms"))
    assert page.count("No term covers") == 2
    assert "overlap from 2026-08-10" in page


def test_a_term_that_ends_before_it_begins_is_refused(rows, browser_of):
    answer = browser_of("editor").post(
        "/c/csusm/settings/charge_maps/calendars/terms",
        {"version": "0", "act": "save", "cell": ["2267", "2026-12-31", "2026-08-10", ""]},
    )
    assert answer.status_code == 422
    assert "2267" in said(answer)


def test_coverage_names_what_has_no_row_first(rows, browser_of):
    page = text_of(browser_of("viewer").get("/c/csusm/settings/charge_maps/coverage/item_types"))
    assert "2 combinations without a row." in page
    assert re.search(r"PRINTFEE KELLOGG D 1 \$7\.50 No row", page)
    assert re.search(r"LOSTITEMREPLACEMENTFEE KELLOGG D \d+ \$[\d.]+ Row 1 600100000123, Lost item", page)


def test_coverage_can_be_exported(rows, browser_of):
    answer = browser_of("viewer").get(
        "/c/csusm/settings/charge_maps/coverage/item_types?format=csv&fit=unmapped"
    )
    assert (
        answer.text.splitlines()[0].lstrip("\ufeff")
        == "fee_type,library,debit_credit,fees,total,row,item_type,text"
    )
    assert len(answer.text.splitlines()) == 3


def test_only_editors_and_admins_change_tables(rows, browser_of):
    for role in ("viewer", "approver"):
        person = browser_of(role)
        assert 'name="cell"' not in person.get(TABLE).text
        assert person.post(TABLE, {"version": "0", "act": "save"}).status_code == 403


# The month, and home


def test_the_month_shows_what_was_sent_and_exports(rows, browser_of):
    viewer = browser_of("viewer")
    assert "taken by PeopleSoft" in text_of(viewer.get("/c/csusm/calendar"))
    assert viewer.get("/c/csusm/calendar?month=nonsense").status_code == 200
    lines = viewer.get("/c/csusm/calendar?format=csv").text.splitlines()
    assert lines[0].lstrip("\ufeff") == "day,pipeline,state,what happened,run"
    assert any("Charges from Alma,Sent" in line for line in lines)


def test_home_says_which_file_was_refused_and_what_waits(portal, people, rows, browser_of):
    page = text_of(browser_of("viewer").get("/c/csusm/"))
    assert "USMBURSAR-4712-20261120.xml was refused" in page
    assert "3 rows held back on the desk" in page


def test_home_says_which_answer_of_peoplesoft_nobody_has_read(portal, people, rows, browser_of):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        session.add(
            InboundFile(
                kind="load_result", origin="upload", name="load.txt", size=1, sha256="0" * 64, store_key="x"
            )
        )
        session.commit()
    page = text_of(browser_of("viewer").get("/c/csusm/"))
    assert "PeopleSoft's answer load.txt is not read yet" in page


@pytest.mark.parametrize(
    "address",
    [
        "/", "/inbound", "/inbound/{done_inbound}", "/runs/{done}", "/runs/{leaving}", "/runs/{done}/rows", "/leaving",
        "/calendar", "/fees", "/fees/" + SENT_FEE, "/fees/" + WAITING_FEE + "/recall", "/desk", "/desk/{unmapped_row}",
        "/desk/{several_row}", "/settings/charge_maps", "/settings/charge_maps/tables/item_types",
        "/settings/charge_maps/coverage/item_types",
    ],
)  # fmt: skip
def test_no_page_about_charges_needs_more_than_ten_queries(portal, rows, browser_of, address):
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
    assert len(statements) <= 10, "\n".join(s[:200] for s in statements)
