"""Whether the books agree, in a browser; and the evidence that an auditor is given."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.browser.conftest import look
from tests.integration.portal.payment_rows import PaymentRows, add_money_check, fill_payments

EDITOR = "editor@csusm.example"


@pytest.fixture
def rows(portal, people, superuser) -> PaymentRows:
    """San Marcos, whose books do not agree on everything."""
    filled = fill_payments(portal, people.csusm, owner_id=people.by_role["editor"])
    add_money_check(superuser, people.csusm)
    return filled


def test_reconciliation_can_be_read_by_everyone(rows, signed_in_page):
    page = signed_in_page(EDITOR, "/c/csusm/reconciliation")
    look(page, "reconciliation")
    page.goto("/c/csusm/reconciliation/closed")
    look(page, "reconciliation-closed")


def test_the_chart_of_open_differences_is_a_table_too(rows, signed_in_page):
    page = signed_in_page(EDITOR, "/c/csusm/reconciliation")
    page.get_by_text("Show as a table").focus()
    page.keyboard.press("Enter")
    table = page.get_by_role("table", name="Differences open after each day's comparison")
    table.get_by_role("columnheader", name="Need a person").wait_for()
    assert table.get_by_role("row").count() == 31


def test_without_javascript_the_table_says_what_the_chart_would(rows, signed_in_page):
    page = signed_in_page(EDITOR, "/c/csusm/reconciliation", java_script_enabled=False)
    page.get_by_text("Show as a table").click()
    table = page.get_by_role("table", name="Differences open after each day's comparison")
    assert table.get_by_role("row").count() == 31


def test_a_difference_can_be_settled_by_everyone_who_may(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"/c/csusm/reconciliation/{rows.amount_difference}")
    look(page, "difference")
    page.goto(f"/c/csusm/reconciliation/{rows.timing_difference}")
    look(page, "difference-timing")
    page.goto(f"/c/csusm/reconciliation/{rows.closed_difference}")
    look(page, "difference-closed")


def test_a_difference_is_taken_handed_on_and_closed_with_the_keyboard_alone(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"/c/csusm/reconciliation/{rows.timing_difference}")
    page.get_by_role("button", name="I look after it").focus()
    page.keyboard.press("Enter")
    page.get_by_text("You look after this difference now.").wait_for()
    page.get_by_label("Looked after by").focus()
    page.keyboard.type("Csusm Admin")
    page.get_by_label("Note").focus()
    page.keyboard.type("The admin asks PeopleSoft's team")
    page.keyboard.press("Enter")
    page.get_by_text("Kept.").wait_for()
    assert page.locator(".fb-facts").get_by_text("Csusm Admin").count() == 1
    page.get_by_label("Reason").focus()
    page.keyboard.type("They sent the file on paper")
    page.keyboard.press("Enter")
    page.get_by_text("Closed. It opens anew only when the books say something else.").wait_for()


def test_closing_without_a_reason_says_so_at_its_field(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"/c/csusm/reconciliation/{rows.amount_difference}")
    page.get_by_label("Reason").fill("   ")
    page.get_by_role("button", name="Close the difference").click()
    page.get_by_role("heading", name="Close it").wait_for()
    assert page.get_by_label("Reason").get_attribute("aria-invalid") == "true"
    look(page, "difference-refused")


def test_the_evidence_of_a_fee_can_be_read_by_everyone_outside_the_portal(rows, chromium, signed_in_page):
    page = signed_in_page("viewer@csusm.example", f"/c/csusm/fees/{PAID_FEE}")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Evidence (ZIP)").click()
    with zipfile.ZipFile(io.BytesIO(Path(taken.value.path()).read_bytes())) as found:
        name = next(name for name in found.namelist() if name.endswith(".html"))
        told = found.read(name).decode()
    context = chromium.new_context()
    try:
        outside = context.new_page()
        outside.set_content(told)
        look(outside, "fee-evidence")
        assert outside.get_by_role("heading", name="What proves it").is_visible()
    finally:
        context.close()
