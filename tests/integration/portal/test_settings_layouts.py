"""File layouts: to look at, to check, and as versions of the campus's own."""

from __future__ import annotations

import json

import pytest

from tests.integration.portal.settings_help import SETTINGS, form_of, words
from webapp.campus.layouts import layout_text
from webapp.domain.layouts import BUILT_IN
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope

DEFAULT = f"{SETTINGS}/layouts/opscom-holds"
TEXT = layout_text(BUILT_IN["opscom-holds"])


def versions(portal, people):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        return [(row.name, row.version) for row in session.query(LayoutVersion).order_by(LayoutVersion.id)]


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_text_of_a_layout_is_the_layout(name):
    assert json.loads(layout_text(BUILT_IN[name])) == BUILT_IN[name]


@pytest.mark.parametrize("name", [name for name in BUILT_IN if "subject" not in BUILT_IN[name]])
def test_a_ready_made_layout_is_shown_with_the_file_it_makes(people, browser_of, name):
    page = browser_of("viewer").get(f"{SETTINGS}/layouts/{name}")
    assert "012345678" in page.text
    assert '<span class="fb-invisible">' in page.text


def test_tabs_and_line_ends_of_the_sample_can_be_seen(people, browser_of):
    page = browser_of("viewer").get(DEFAULT).text
    assert '012345678<span class="fb-invisible">→</span>\t125.00' in page
    assert '<span class="fb-invisible">␊</span>' in page


def test_a_fault_names_its_line_and_place(people, browser_of):
    text = TEXT.replace('"field": "user_type"', '"field": "user_tpye"')
    line = 1 + text[: text.index("user_tpye")].count("\n")
    page = words(browser_of("editor").post(f"{DEFAULT}/check", {"text": text, "version": "0"}))
    assert f"Line {line} $.records.detail[2]" in page
    assert "did you mean 'user_type'?" in page


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "This is not JSON"),
        ("[]", "A layout is an object in braces."),
        ("[" * 100_000, "nested too deep"),
        ('{"a": ' + "9" * 5_000 + "}", "a number too long"),
        ("", "This is not JSON"),
    ],
)
def test_text_that_is_no_layout_is_refused_in_words(people, browser_of, text, says):
    answer = browser_of("editor").post(DEFAULT, {"text": text, "save_as": "mine", "version": "0"})
    assert answer.status_code == 422
    assert says in words(answer)


def test_a_copy_is_saved_under_a_name_of_its_own_and_can_then_be_chosen(portal, people, browser_of):
    editor = browser_of("editor")
    form = {"text": TEXT.replace("YYYY-MM-DD", "MM/DD/YYYY"), "save_as": "our-loader", "version": "0"}
    answer = editor.post(DEFAULT, form, follow_redirects=True)
    assert "our-loader is saved as version 1." in words(answer)
    assert "01/09/" in words(answer)
    assert versions(portal, people) == [("our-loader", 1)]
    assert "Layout saved: layout our-loader" in words(answer)
    chosen = editor.post(f"{SETTINGS}/files", form_of("files", layout="our-loader"), follow_redirects=True)
    assert "Files: saved." in words(chosen)
    assert "our-loader in use" in words(chosen)


def test_saving_again_makes_the_next_version_and_the_old_one_stays(portal, people, browser_of):
    editor = browser_of("editor")
    own = f"{SETTINGS}/layouts/our-loader"
    editor.post(DEFAULT, {"text": TEXT, "save_as": "our-loader", "version": "0"})
    changed = TEXT.replace("Total owed", "Balance")
    editor.post(own, {"text": changed, "save_as": "our-loader", "version": "1"})
    assert versions(portal, people) == [("our-loader", 1), ("our-loader", 2)]
    assert "Balance" in editor.get(own).text
    assert "Total owed" in editor.get(f"{own}?version=1").text
    assert editor.get(f"{own}?version=9").status_code == 404


def test_saving_the_same_text_again_makes_no_version(portal, people, browser_of):
    editor = browser_of("editor")
    editor.post(DEFAULT, {"text": TEXT, "save_as": "our-loader", "version": "0"})
    editor.post(f"{SETTINGS}/layouts/our-loader", {"text": TEXT, "save_as": "our-loader", "version": "1"})
    assert versions(portal, people) == [("our-loader", 1)]


@pytest.mark.parametrize(
    ("save_as", "says"),
    [
        ("opscom-holds", "comes with Feebridge"),
        ("Our Loader", "small letters, digits and single dashes"),
        ("", "small letters, digits and single dashes"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_the_text_kept(portal, people, browser_of, save_as, says):
    text = TEXT.replace("Total owed", "Kept text")
    answer = browser_of("editor").post(DEFAULT, {"text": text, "save_as": save_as, "version": "0"})
    assert answer.status_code == 422
    assert says in words(answer)
    assert "Kept text" in answer.text
    assert versions(portal, people) == []


def test_nobody_overwrites_a_version_saved_meanwhile(portal, people, browser_of):
    editor = browser_of("editor")
    own = f"{SETTINGS}/layouts/our-loader"
    editor.post(DEFAULT, {"text": TEXT, "save_as": "our-loader", "version": "0"})
    for title in ("One", "Two"):
        form = {"text": TEXT.replace("Total owed", title), "save_as": "our-loader", "version": "1"}
        answer = editor.post(own, form)
    assert answer.status_code == 422
    assert "was saved by somebody else meanwhile" in words(answer)
    assert versions(portal, people) == [("our-loader", 1), ("our-loader", 2)]


def test_a_row_that_does_not_fit_is_told_beside_the_sample(people, browser_of):
    text = TEXT.replace('"value": {"field": "total_cents"}', '"value": {"field": "total_cents"}, "width": 6')
    page = words(browser_of("editor").post(f"{DEFAULT}/check", {"text": text, "version": "0"}))
    assert "Not every sample fits." in page


def test_the_published_schema_is_served(people, browser_of):
    answer = browser_of("viewer").get(f"{SETTINGS}/layout-schema.json")
    assert json.loads(answer.text)["$id"] == "feebridge/layout/1"


def test_viewers_look_and_save_nothing(portal, people, browser_of):
    viewer = browser_of("viewer")
    assert "Save a new version" not in words(viewer.get(DEFAULT))
    assert viewer.post(DEFAULT, {"text": TEXT, "save_as": "mine"}).status_code == 403
    assert viewer.get(f"{SETTINGS}/layouts/no-such").status_code == 404
