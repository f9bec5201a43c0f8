"""The pages of the bursar conversion in a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import look
from tests.integration.portal.charge_rows import (
    CREDITED_FEE,
    REJECTED_FEE,
    SENT_FEE,
    WAITING_FEE,
    ChargeRows,
    fill_charges,
)


@pytest.fixture
def rows(portal, people) -> ChargeRows:
    """San Marcos with some weeks of charges behind it."""
    return fill_charges(portal, people.csusm, asked_by=people.by_role["admin"])


def test_files_from_alma_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/inbound"), "inbound")


def test_a_refused_file_says_why_to_everyone(rows, signed_in_page):
    look(
        signed_in_page("viewer@csusm.example", f"/c/csusm/inbound/{rows.refused_inbound}"), "inbound-refused"
    )


def test_a_run_of_charges_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/runs/{rows.done}"), "run-charges")


def test_a_run_that_needs_two_people_says_so_to_everyone(portal, people, signed_in_page):
    rows = fill_charges(portal, people.csusm, waits_for="approval", asked_by=people.by_role["admin"])
    look(signed_in_page("admin@csusm.example", f"/c/csusm/runs/{rows.leaving}"), "run-four-eyes")


def test_a_run_at_its_cutoff_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/runs/{rows.leaving}"), "run-cutoff")


def test_what_peoplesoft_said_of_a_file_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/files/{rows.charges_file}"), "file-answered")


def test_every_row_of_a_conversion_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", f"/c/csusm/runs/{rows.done}/rows"), "run-rows")


def test_fees_can_be_looked_up_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", "/c/csusm/fees"), "fees")


def test_the_life_of_a_fee_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/fees/{CREDITED_FEE}"), "fee")
    look(signed_in_page("editor@csusm.example", f"/c/csusm/fees/{REJECTED_FEE}"), "fee-rejected")


def test_fees_about_to_leave_can_be_looked_at_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/leaving"), "leaving")


def test_the_month_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", "/c/csusm/calendar"), "calendar")


def test_a_fee_is_recalled_by_everyone_who_may(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/fees/{WAITING_FEE}/recall"), "recall")
    look(signed_in_page("editor@csusm.example", f"/c/csusm/fees/{SENT_FEE}/recall"), "take-back")


def test_the_desk_for_charges_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/desk"), "desk-charges")


def test_a_fee_without_a_row_in_the_table_can_be_mended_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/desk/{rows.unmapped_row}"), "desk-unmapped")


def test_a_credit_with_several_charges_can_be_given_one_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/desk/{rows.several_row}"), "desk-credit")


def test_a_rejected_line_can_be_sent_again_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/desk/{rows.rejected_row}"), "desk-rejected")


def test_tables_and_terms_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/settings/charge_maps"), "charge-maps")
    page = "/c/csusm/settings/charge_maps"
    look(signed_in_page("editor@csusm.example", f"{page}/tables/item_types"), "charge-map-table")
    look(signed_in_page("editor@csusm.example", f"{page}/calendars/terms"), "charge-map-terms")
    look(signed_in_page("editor@csusm.example", f"{page}/coverage/item_types"), "charge-map-coverage")


def test_home_of_a_campus_with_charges_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/"), "home-charges")


def test_the_missing_table_row_is_added_from_the_desk_with_the_keyboard_alone(rows, signed_in_page):
    page = signed_in_page("editor@csusm.example", f"/c/csusm/desk/{rows.unmapped_row}")
    page.get_by_role("link", name="Add the row to item_types").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/tables/item_types?*")
    assert page.evaluate("document.activeElement.value") == "PRINTFEE"
    for text in ("", "", "600100000200", "Printing"):
        page.keyboard.press("Tab")
        if text:
            page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.get_by_text("item_types: saved, 4 rows.").wait_for()
    page.goto(f"/c/csusm/desk/{rows.unmapped_row}")
    assert page.get_by_text("has no row for it").count() == 0


def test_tables_are_changed_without_javascript(rows, signed_in_page):
    page = signed_in_page(
        "editor@csusm.example", "/c/csusm/settings/charge_maps/tables/item_types", java_script_enabled=False
    )
    page.get_by_role("button", name="Add a row").click()
    assert page.get_by_text("Not saved yet.").is_visible()
    for heading, text in (("fee type", "PRINTFEE"), ("library", "*"), ("debit credit", "D")):
        page.get_by_label(f"{heading}, row 4").fill(text)
    page.get_by_role("button", name="Move row 4 up").click()
    page.get_by_role("button", name="Remove row 1").click()
    page.get_by_role("button", name="Save", exact=True).last.click()
    assert page.get_by_text("item_types: saved, 3 rows.").is_visible()
    assert page.get_by_label("fee type, row 2").input_value() == "PRINTFEE"


def test_the_countdown_runs_where_there_is_javascript_and_is_said_where_there_is_none(rows, signed_in_page):
    page = signed_in_page("viewer@csusm.example", "/c/csusm/leaving")
    page.locator(".fb-countdown", has_text="In 2:").wait_for()
    still = signed_in_page("editor@csusm.example", "/c/csusm/leaving", java_script_enabled=False)
    assert "In 2 h 1" in still.locator(".fb-countdown").inner_text()


def test_the_settings_of_charges_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/settings/bursar"), "settings-bursar")
