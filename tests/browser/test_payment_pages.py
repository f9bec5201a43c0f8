"""The pages about payments in a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import look
from tests.integration.portal.payment_rows import PAID_FEE, PaymentRows, fill_payments


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
