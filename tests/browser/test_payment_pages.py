"""The pages about payments in a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import look
from tests.integration.portal.payment_rows import OPEN_FEE, PAID_FEE, PaymentRows, fill_payments


@pytest.fixture
def rows(portal, people) -> PaymentRows:
    """San Marcos with a file of payments behind it."""
    return fill_payments(portal, people.csusm, owner_id=people.by_role["editor"])


def test_payments_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/payments"), "payments")


def test_one_payment_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", f"/c/csusm/payments/{rows.overpaid}"), "payment")


def test_the_desk_for_money_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/money"), "money")


def test_the_life_of_a_paid_fee_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", f"/c/csusm/fees/{PAID_FEE}"), "fee-paid")


def test_money_without_a_fee_can_be_applied_by_everyone_who_may(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/money/{rows.overpaid}/2"), "money-unapplied")


def test_a_posting_in_doubt_and_a_refund_can_be_settled_by_everyone_who_may(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/money/{rows.unknown}/1"), "money-unknown")
    look(signed_in_page("editor@csusm.example", f"/c/csusm/money/{rows.refund}/1"), "money-refund")


def test_money_is_applied_with_the_keyboard_alone_and_without_javascript(rows, signed_in_page):
    page = signed_in_page(
        "editor@csusm.example", f"/c/csusm/money/{rows.overpaid}/2", java_script_enabled=False
    )
    page.get_by_label(f"Dollars for fee {OPEN_FEE}").fill("30.00")
    page.get_by_role("button", name="Apply and post").focus()
    page.keyboard.press("Enter")
    page.get_by_text("$30.00 goes to 1 fee").wait_for()


def test_a_file_of_payments_that_was_refused_says_what_to_do(rows, signed_in_page):
    look(
        signed_in_page("editor@csusm.example", f"/c/csusm/inbound/{rows.refused}"), "inbound-payments-refused"
    )


@pytest.mark.parametrize("section", ["payments", "posting", "reconciliation", "gl"])
def test_settings_about_money_can_be_used_by_everyone(rows, signed_in_page, section):
    look(signed_in_page("admin@csusm.example", f"/c/csusm/settings/{section}"), f"settings-{section}")


def test_money_that_is_posted_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/money/{rows.paid}/1"), "money-posted")
