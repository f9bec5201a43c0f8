"""What a new version of a layout would have made of the newest runs' files."""

from __future__ import annotations

import copy

import pytest

from tests.integration.portal.charge_rows import LAYOUT, fill_charges
from tests.integration.portal.settings_help import SETTINGS, words
from webapp.campus.layouts import layout_text
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope

EFFECTS = f"{SETTINGS}/layouts/csusm-charges/effects"


@pytest.fixture
def rows(portal, people):
    """San Marcos with charges that were sent."""
    return fill_charges(portal, people.csusm, asked_by=people.by_role["admin"])


def add_version(portal, people, change):
    body = copy.deepcopy(LAYOUT)
    change(body)
    with portal.app_context(), tenant_scope(people.csusm) as session:
        session.add(LayoutVersion(name="csusm-charges", version=2, body=body))
        session.commit()


def cents(body):
    body["records"]["detail"][3]["amount"] = {"decimals": "implied"}


def test_lines_that_differ_are_shown_as_they_were_and_as_they_would_be(portal, people, browser_of, rows):
    add_version(portal, people, cents)
    page = words(browser_of("viewer").get(EFFECTS))
    assert "12 fees; 12 lines differ." in page
    assert ",35.01 ␊" in page
    assert ",3501 ␊" in page
    assert 'column “amount”: amount “{"decimals": "point"}” → “{"decimals": "implied"}”.' in page


def test_versions_that_write_the_same_say_so(portal, people, browser_of, rows):
    add_version(portal, people, lambda body: body.update(description="For the loader of 2027"))
    page = words(browser_of("viewer").get(EFFECTS))
    assert "no line differs" in page
    assert "The same, 12 lines." in page


def test_fees_that_the_new_version_refuses_are_counted(portal, people, browser_of, rows):
    def lose_a_row(body):
        del body["tables"]["item_types"]["rows"][0]

    add_version(portal, people, lose_a_row)
    assert "12 that the older version writes, the newer one does not: Row 1 is refused" in words(
        browser_of("viewer").get(EFFECTS)
    )


def test_a_version_that_cannot_be_used_is_said_to_be_so(portal, people, browser_of, rows):
    add_version(portal, people, lambda body: body.update(mode="sideways"))
    page = words(browser_of("viewer").get(EFFECTS))
    assert "The newer version cannot write these fees: " in page


def test_two_versions_can_be_chosen(portal, people, browser_of, rows):
    add_version(portal, people, cents)
    viewer = browser_of("viewer")
    assert "no line differs" in words(viewer.get(f"{EFFECTS}?from=1&to=1"))
    assert viewer.get(f"{EFFECTS}?from=7").status_code == 404


def test_a_campus_without_runs_is_told_what_would_come(portal, people, browser_of):
    add_version(portal, people, cents)
    assert "No run has sent a charge yet" in words(browser_of("viewer").get(EFFECTS))


def test_a_name_without_versions_is_not_found(people, browser_of):
    assert browser_of("viewer").get(f"{SETTINGS}/layouts/mit-csv/effects").status_code == 404


def test_nothing_of_another_campus_is_written_again(portal, people, browser_of, rows):
    assert browser_of("viewer").get("/c/humboldt/settings/layouts/csusm-charges/effects").status_code == 404


def test_two_versions_are_compared_in_words(portal, people, browser_of, rows):
    add_version(portal, people, cents)
    page = words(browser_of("viewer").get(f"{SETTINGS}/layouts/csusm-charges/compare"))
    assert "detail: column “amount”: amount" in page


def test_a_specification_is_one_file_to_send(people, browser_of):
    answer = browser_of("viewer").get(f"{SETTINGS}/layouts/mit-csv/specification?download=html")
    assert answer.headers["Content-Disposition"] == "attachment; filename=mit-csv-ready-made.html"
    assert "<h1>" in answer.text
    assert "<link" not in answer.text


def test_types_of_the_last_year_without_a_row_must_be_known_before_saving(people, browser_of, rows):
    editor = browser_of("editor")
    form = {"text": layout_text(LAYOUT), "save_as": "ours", "version": "0"}
    refused = editor.post(f"{SETTINGS}/layouts/csusm-charges", form)
    assert refused.status_code == 422
    assert "Table item_types has no row for PRINTFEE, KELLOGG, D: 1 fee, $7.50 in a year" in words(refused)
    saved = editor.post(
        f"{SETTINGS}/layouts/csusm-charges", {**form, "know_unmapped": "on"}, follow_redirects=True
    )
    assert "ours is saved as version 1." in words(saved)
