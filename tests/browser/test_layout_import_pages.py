"""A layout from FOLIO, and what a version would have made of last month's files, in a browser."""

from __future__ import annotations

import copy
import json

from tests.browser.conftest import look
from tests.integration.portal.charge_rows import LAYOUT, fill_charges
from tests.unit.folio.exports import positional, saved
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope


def test_a_folio_export_is_brought_along_by_everyone(people, signed_in_page):
    page = signed_in_page("editor@csusm.example", "/c/csusm/settings/layout-import")
    look(page, "layout-import")
    page.get_by_label("Configuration as text").fill(json.dumps(saved(positional())))
    page.get_by_role("button", name="Read it").click()
    page.get_by_role("heading", name="Without an equal: 1").wait_for()
    look(page, "layout-imported")


def test_what_a_version_would_have_made_can_be_read_by_everyone(portal, people, signed_in_page):
    fill_charges(portal, people.csusm, asked_by=people.by_role["admin"])
    body = copy.deepcopy(LAYOUT)
    body["records"]["detail"][3]["amount"] = {"decimals": "implied"}
    with portal.app_context(), tenant_scope(people.csusm) as session:
        session.add(LayoutVersion(name="csusm-charges", version=2, body=body))
        session.commit()
    page = signed_in_page("viewer@csusm.example", "/c/csusm/settings/layouts/csusm-charges/effects")
    look(page, "layout-effects")


def test_fees_without_a_row_are_acknowledged_by_everyone(portal, people, signed_in_page):
    fill_charges(portal, people.csusm, asked_by=people.by_role["admin"])
    page = signed_in_page("editor@csusm.example", "/c/csusm/settings/layouts/csusm-charges")
    page.get_by_role("button", name="Save a new version").click()
    page.get_by_label("I know; such fees may wait for a person").wait_for()
    look(page, "layout-unmapped")


def test_the_library_and_a_specification_can_be_read_by_everyone(people, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/settings/layouts"), "layout-library")
    look(
        signed_in_page("viewer@csusm.example", "/c/csusm/settings/layouts/cornell-lib02/specification"),
        "layout-specification",
    )
