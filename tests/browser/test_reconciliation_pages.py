"""Whether the books agree, in a browser."""

from __future__ import annotations

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


def test_a_difference_can_be_settled_by_everyone_who_may(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"/c/csusm/reconciliation/{rows.amount_difference}")
    look(page, "difference")
    page.goto(f"/c/csusm/reconciliation/{rows.timing_difference}")
    look(page, "difference-timing")
    page.goto(f"/c/csusm/reconciliation/{rows.closed_difference}")
    look(page, "difference-closed")
