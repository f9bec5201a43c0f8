"""Layouts of files that come in: looked at, copied and saved on the same pages as those of files that go out."""

from __future__ import annotations

import json

import pytest

from tests.integration.portal.settings_help import SETTINGS, words
from webapp.campus.layouts import layout_text
from webapp.domain.layouts import BUILT_IN
from webapp.domain.layouts.inbound import READY_MADE_INBOUND
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope
from webapp.store.layouts import layout_names

QUERY = f"{SETTINGS}/layouts/ps-query-payments"
TEXT = layout_text(READY_MADE_INBOUND["ps-query-payments"])


def saved(portal, people):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        rows = session.query(LayoutVersion).order_by(LayoutVersion.id)
        return [(row.name, row.version, row.body) for row in rows], layout_names(session)


@pytest.mark.parametrize("name", READY_MADE_INBOUND)
def test_the_text_of_an_incoming_layout_is_the_layout(name):
    assert json.loads(layout_text(READY_MADE_INBOUND[name])) == READY_MADE_INBOUND[name]


def test_a_copy_with_the_campuss_own_headings_is_saved_and_is_no_choice_for_outgoing_files(
    portal, people, browser_of
):
    editor = browser_of("editor")
    text = TEXT.replace('"Item Nbr", "field"', '"Library item", "field"')
    form = {"text": text, "save_as": "our-payments", "version": "0"}
    answer = editor.post(QUERY, form, follow_redirects=True)
    assert "our-payments is saved as version 1. Runs use it when it is chosen under Payments" in words(answer)
    assert "The file it reads" in words(answer)
    stored, outgoing = saved(portal, people)
    assert stored == [("our-payments", 1, json.loads(text))]
    assert "our-payments" not in outgoing


def test_a_fault_of_an_incoming_layout_names_its_line_and_nothing_is_saved(portal, people, browser_of):
    text = TEXT.replace('"says": "state"', '"says": "rumour"')
    answer = browser_of("editor").post(QUERY, {"text": text, "save_as": "ours", "version": "0"})
    line = 1 + text[: text.index("rumour")].count("\n")
    assert answer.status_code == 422
    assert f"Line {line} $.payments.says" in words(answer)
    assert saved(portal, people)[0] == []


def test_a_name_that_came_with_feebridge_and_one_of_the_other_direction_are_refused(
    portal, people, browser_of
):
    editor = browser_of("editor")
    taken = editor.post(QUERY, {"text": TEXT, "save_as": "ps-query-payments", "version": "0"})
    assert "comes with Feebridge" in words(taken)
    editor.post(QUERY, {"text": TEXT, "save_as": "ours", "version": "0"})

    turned = {"text": layout_text(BUILT_IN["opscom-holds"]), "save_as": "ours", "version": "1"}
    answer = editor.post(f"{SETTINGS}/layouts/ours", turned)
    assert answer.status_code == 422
    assert "is about files that come in" in words(answer)


def test_the_library_and_the_specification_know_incoming_layouts(people, browser_of):
    viewer = browser_of("viewer")
    assert "for payments that come in" in words(viewer.get(f"{SETTINGS}/layouts"))
    assert "Applied Amount" in words(viewer.get(f"{QUERY}/specification"))
    assert b"Applied Amount" in viewer.get(f"{QUERY}/specification?download=html").data
