"""What Alma answers on the pages that ask it, against the sandbox's Alma."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import look
from tests.integration.portal.campus_rows import fill_campus
from tests.integration.portal.settings_help import form_of
from webapp.sandbox.process import start_sandbox

SETTINGS = "/c/csusm/settings"
ADMIN = "admin@csusm.example"
CODE = "01CALS_USM"


@pytest.fixture(scope="module")
def sandbox():
    with start_sandbox(only_alma=True, institutions=[f"{CODE}=csusm-key"], calls_per_second=1000) as running:
        yield running


@pytest.fixture
def environ(environ, sandbox):
    return {**environ, "FEEBRIDGE_ALMA_HOSTS": sandbox.http}


@pytest.fixture
def connected(portal, people, sandbox, signed_in_page):
    """The admin on the page of Alma, key and report typed and saved."""
    fill_campus(portal, people.csusm)
    page = signed_in_page(ADMIN, f"{SETTINGS}/alma")
    page.get_by_label("API address").select_option(sandbox.http)
    page.get_by_label("API key").fill("csusm-key")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Alma: saved.").wait_for()
    page.goto(f"{SETTINGS}/source")
    assert form_of("source")["report_path"] == page.locator("#report_path").input_value()
    page.locator("#report_path").fill(sandbox.report_path)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Where fees come from: saved.").wait_for()
    return page


def test_the_key_and_the_source_are_tested_in_place(connected):
    page = connected
    page.get_by_role("button", name="Test now").press("Enter")
    page.get_by_text("The report was found and its columns are understood.").first.wait_for()
    look(page, "settings-source-tested")
    page.goto(f"{SETTINGS}/alma")
    page.get_by_role("button", name="Test now").press("Enter")
    page.get_by_text(f"The key works and belongs to {CODE}.").first.wait_for()
    look(page, "settings-alma-tested")
    page.goto(SETTINGS)
    assert page.get_by_text("Tested well").count() == 2


def test_a_live_balance_is_asked_for_in_place(connected):
    page = connected
    page.goto("/c/csusm/patrons/100000001")
    page.get_by_role("button", name="Ask Alma now").press("Enter")
    page.get_by_text(re.compile("Alma knows no user with primary id")).wait_for()
    look(page, "patron-alma")
