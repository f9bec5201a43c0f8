"""The pages of the bursar conversion in a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import look
from tests.integration.portal.charge_rows import CREDITED_FEE, REJECTED_FEE, ChargeRows, fill_charges


@pytest.fixture
def rows(portal, people) -> ChargeRows:
    """San Marcos with some weeks of charges behind it."""
    return fill_charges(portal, people.csusm, asked_by=people.by_role["admin"])


def test_files_from_alma_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/inbound"), "inbound")


def test_a_refused_file_says_why_to_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", f"/c/csusm/inbound/{rows.refused_inbound}"), "inbound-refused")


def test_a_run_of_charges_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/runs/{rows.done}"), "run-charges")


def test_a_run_that_needs_two_people_says_so_to_everyone(portal, people, signed_in_page):
    rows = fill_charges(portal, people.csusm, waits_for="approval", asked_by=people.by_role["admin"])
    look(signed_in_page("admin@csusm.example", f"/c/csusm/runs/{rows.leaving}"), "run-four-eyes")


def test_a_run_at_its_cutoff_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/runs/{rows.leaving}"), "run-cutoff")


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
