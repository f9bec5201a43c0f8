"""The library of layouts: own, offered by other campuses, ready-made; specifications, versions, columns."""

from __future__ import annotations

import json
from html import unescape

import pytest

from tests.integration.portal.settings_help import SETTINGS, words
from webapp.campus.layouts import layout_text
from webapp.domain.layouts import BUILT_IN
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.save_layout import LayoutNotSavedError, follow_layout, save_layout, share_layout
from webapp.store import layouts

LIBRARY = f"{SETTINGS}/layouts"
CHARGES = {
    "format": "feebridge/layout/1",
    "name": "Made-up campus",
    "subject": "charges",
    "mode": "positional",
    "file_name": "{campus}_{YYYY}{MM}{DD}.dat",
    "tables": {
        "item_types": {"keys": ["fee_type"], "columns": ["item_type"], "rows": [["*", "900000000010"]]}
    },
    "fields": {"item_type": {"value": {"lookup": {"table": "item_types", "column": "item_type"}}}},
    "records": {
        "detail": [
            {"name": "Id", "value": {"field": "emplid"}, "width": 16},
            {"name": "Item type", "value": {"field": "item_type"}, "width": 12},
            {"name": "Amount", "value": {"field": "amount_cents"}, "width": 10},
        ]
    },
}


def changed(**more):
    return json.loads(json.dumps(CHARGES)) | more


def test_the_library_shows_every_ready_made_layout_and_what_it_is_for(people, browser_of):
    page = words(browser_of("viewer").get(LIBRARY))
    assert all(name in page for name in BUILT_IN)
    assert "for charges" in page
    assert "for holds" in page


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_ready_made_layout_is_a_specification_that_can_be_handed_out(people, browser_of, name):
    answer = browser_of("viewer").get(f"{LIBRARY}/{name}/specification")
    assert answer.status_code == 200
    page = words(answer)
    assert "Must be there" in page
    assert all(table in page for table in BUILT_IN[name].get("tables", {}))


def test_a_layout_for_charges_is_checked_shown_and_explained_value_by_value(people, browser_of):
    page = browser_of("editor").post(f"{LIBRARY}/ps-external-file/check", {"text": layout_text(CHARGES)})
    assert page.status_code == 200
    shown = words(page)
    assert "csusm_" in shown
    assert "Why each value is what it is" in shown
    assert "item_types" in shown
    assert "12345678901" in shown


def test_a_column_is_added_changed_moved_and_removed_and_nothing_is_saved(people, browser_of, portal):
    browser = browser_of("editor")
    text, address = layout_text(CHARGES), f"{LIBRARY}/ps-external-file/columns"

    def act(act: str, text: str, **form: str) -> list:
        page = browser.post(address, {"text": text, "act": act} | form)
        assert page.status_code == 200
        typed = page.text.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]
        return json.loads(unescape(typed))["records"]["detail"]

    added = act("add:-.detail.0.3", text)
    assert [column["name"] for column in added] == ["Id", "Item type", "Amount", "Column 4"]
    changed_columns = act(
        "apply:-.detail.0.2", text, column_name="Cents", source="field:amount_cents", width="11",
        pad="0", decimals="implied", sign="none", absolute="on", required="on",
    )  # fmt: skip
    assert changed_columns[2] == {
        "name": "Cents",
        "value": {"field": "amount_cents"},
        "width": 11,
        "pad": "0",
        "required": True,
        "amount": {"decimals": "implied", "sign": "none", "absolute": True},
    }
    assert [column["name"] for column in act("up:-.detail.0.2", text)] == ["Id", "Amount", "Item type"]
    assert [column["name"] for column in act("remove:-.detail.0.0", text)] == ["Item type", "Amount"]
    with portal.app_context(), tenant_scope(people.csusm) as session:
        assert layouts.own_layouts(session) == []


def test_a_kind_of_line_that_a_layout_lacks_is_begun_from_its_page(people, browser_of):
    browser, address = browser_of("editor"), f"{LIBRARY}/ps-external-file/columns"
    page = browser.post(address, {"text": layout_text(CHARGES), "act": "open:-.detail.0.0"})
    assert "Begin: Header" in words(page)
    assert "Table item_types: item_type" in words(page)
    begun = browser.post(address, {"text": layout_text(CHARGES), "act": "begin:-.trailer.0.0"})
    assert begun.status_code == 200
    assert "Column “Column 1”" in words(begun)
    assert "Total: count" in words(begun)
    assert "Begin: Trailer" not in words(begun)
    assert browser.post(address, {"text": "{", "act": "begin:-.trailer.0.0"}).status_code == 422


@pytest.mark.parametrize(
    "act",
    [
        "up:-.detail.0.99",
        "apply:7.detail.0.0",
        "burn:-.detail.0.0",
        "up:x",
        "up:-.nothing.0.0",
        "begin:9.header.0.0",
    ],
)
def test_a_button_of_another_page_changes_nothing(people, browser_of, act):
    page = browser_of("editor").post(
        f"{LIBRARY}/ps-external-file/columns", {"text": layout_text(CHARGES), "act": act}
    )
    assert page.status_code == 422
    assert "nothing was changed" in page.text


def test_a_version_has_a_note_a_day_and_an_example_that_must_still_come_out(people, browser_of):
    browser = browser_of("editor")
    first = {
        "text": layout_text(CHARGES),
        "save_as": "ours",
        "note": "first",
        "effective_on": "2026-01-05",
        "keep_example": "on",
    }
    assert browser.post(f"{LIBRARY}/ps-external-file", first | {"version": "0"}).status_code == 303
    wider = changed()
    wider["records"]["detail"][2]["width"] = 12
    second = {"text": layout_text(wider), "save_as": "ours", "version": "1", "note": "wider"}
    refused = browser.post(f"{LIBRARY}/ours", second)
    assert refused.status_code == 422
    assert "would come out differently" in refused.text
    assert browser.post(f"{LIBRARY}/ours", second | {"may_break_example": "on"}).status_code == 303
    page = words(browser.get(f"{LIBRARY}/ours/compare"))
    assert "Version 1 to version 2" in page
    assert '"width": 12' in page
    assert "first" in words(browser.get(f"{LIBRARY}/ours"))


def test_a_day_that_is_none_is_refused_and_the_text_kept(people, browser_of):
    form = {"text": layout_text(CHARGES), "save_as": "ours", "version": "0", "effective_on": "tomorrow"}
    page = browser_of("editor").post(f"{LIBRARY}/ps-external-file", form)
    assert page.status_code == 422
    assert "is not a day" in page.text
    assert "Made-up campus" in page.text


def test_another_campus_follows_a_layout_until_it_saves_its_own(people, browser_of, portal):
    ours, theirs = people.csusm, people.humboldt
    with portal.app_context():
        save_layout(theirs, "good-one", CHARGES, actor=SYSTEM, expected_version=0)
        share_layout(theirs, "Humboldt", "good-one", is_offered=True, actor=SYSTEM)
        with tenant_scope(ours) as session:
            (shared,) = layouts.shared_by_others(session)
    browser = browser_of("editor")
    assert "good-one" in browser.get(LIBRARY).text
    form = {"shared_id": str(shared.id), "save_as": "from-humboldt"}
    assert browser.post(f"{SETTINGS}/layout-follow", form).status_code == 303
    assert "Follows another campus" in browser.get(f"{LIBRARY}/from-humboldt").text
    with portal.app_context():
        share_layout(theirs, "Humboldt", "good-one", is_offered=False, actor=SYSTEM)
        with pytest.raises(LookupError):
            follow_layout(ours, shared.id, "again", actor=SYSTEM)
    assert "from-humboldt" in browser.get(LIBRARY).text


def test_only_the_owner_offers_and_withdraws(people, portal):
    ours, theirs = people.csusm, people.humboldt
    with portal.app_context():
        save_layout(theirs, "good-one", CHARGES, actor=SYSTEM, expected_version=0)
        share_layout(theirs, "Humboldt", "good-one", is_offered=True, actor=SYSTEM)
        with pytest.raises(LookupError):
            share_layout(ours, "San Marcos", "good-one", is_offered=False, actor=SYSTEM)
        with tenant_scope(ours) as session:
            assert layouts.withdraw(session, "good-one") == 0
            session.commit()
            (shared,) = layouts.shared_by_others(session)
        follow_layout(ours, shared.id, "mine", actor=SYSTEM)
        with pytest.raises(LayoutNotSavedError, match="only that campus"):
            share_layout(ours, "San Marcos", "mine", is_offered=True, actor=SYSTEM)
