"""The format designer in a browser: the library, the editor with its columns, a specification."""

from __future__ import annotations

from tests.browser.conftest import look

LAYOUTS = "/c/csusm/settings/layouts"


def test_the_library_can_be_used_by_everyone(people, signed_in_page):
    look(signed_in_page("editor@csusm.example", LAYOUTS), "layout-library")


def test_the_questions_before_a_new_layout_can_be_answered_by_everyone(people, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/settings/layout-start"), "layout-start")


def test_the_editor_shows_columns_files_and_the_reason_of_each_value_to_everyone(people, signed_in_page):
    page = signed_in_page("editor@csusm.example", f"{LAYOUTS}/ps-external-file")
    page.get_by_text("Why each value is what it is").click()
    look(page, "layout-editor")


def test_a_column_is_opened_changed_and_taken_into_the_text_with_the_keyboard(people, signed_in_page):
    page = signed_in_page("editor@csusm.example", f"{LAYOUTS}/ps-mass-select")
    page.get_by_role("button", name="Change ITEM_AMT").first.press("Enter")
    page.get_by_label("Name", exact=True).fill("AMOUNT")
    page.get_by_role("button", name="Take it into the text").press("Enter")
    page.get_by_role("button", name="Change AMOUNT").first.wait_for()
    assert '"AMOUNT"' in page.get_by_label("Layout as JSON").input_value()


def test_a_specification_can_be_read_by_everyone(people, signed_in_page):
    look(signed_in_page("viewer@csusm.example", f"{LAYOUTS}/humboldt-bursar/specification"), "layout-spec")
