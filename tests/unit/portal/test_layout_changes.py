"""Two versions of a layout, told apart in words."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.layouts import BUILT_IN
from webapp.services.layout_versions import layout_changes

HUMBOLDT = BUILT_IN["humboldt-bursar"]


def changed(change):
    newer = copy.deepcopy(HUMBOLDT)
    change(newer)
    return layout_changes(HUMBOLDT, newer)


def detail(document):
    return document["records"]["detail"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_layout_does_not_differ_from_itself(name):
    assert layout_changes(BUILT_IN[name], copy.deepcopy(BUILT_IN[name])) == []


def test_a_changed_column_says_what_was_and_what_is():
    assert changed(lambda new: detail(new)[2].update(width=9)) == [
        "detail: column “Amount”: width “7” → “9”."
    ]


def test_added_removed_and_moved_columns_are_named():
    def change(new):
        columns = detail(new)
        columns.append(columns.pop(0))
        columns.insert(1, {"name": "Term", "value": {"blank": True}, "width": 4})
        del columns[2]

    assert changed(change) == [
        "detail: column “Amount” taken away.",
        "detail: column “Term” added as column 2.",
        "detail: column “ID” moved behind “Date”.",
    ]


def test_columns_of_one_of_several_files_are_found():
    words = changed(lambda new: detail(new["files"][0])[3].update(width=8))
    assert words == ["File community, detail: column “Amount”: width “7” → “8”."]


def test_files_and_their_order_are_told():
    assert changed(lambda new: new["files"].pop()) == ["File credits: taken away."]
    assert changed(lambda new: new["files"].reverse()) == [
        "Files: tried in another order, credits, debits, community."
    ]


def test_rows_of_tables_are_told_one_by_one():
    def change(new):
        new["tables"]["item_types"]["rows"][2][2] = "300000009999"

    assert changed(change) == [
        'Table item_types: row “["D", "LOSTITEMPROCESSFEE", "300000006918"]” taken away.',
        'Table item_types: row “["D", "LOSTITEMPROCESSFEE", "300000009999"]” added.',
    ]


def test_rows_in_another_order_are_a_difference_since_the_first_match_wins():
    assert changed(lambda new: new["tables"]["item_types"]["rows"].reverse()) == [
        "Table item_types: rows in another order."
    ]


def test_settings_of_the_file_are_told():
    assert changed(lambda new: new.update(encoding="utf-8", line_length=42)) == [
        "line_length: “41” → “42”.",
        "encoding: nothing → “utf-8”.",
    ]


def test_a_record_that_comes_or_goes_is_told():
    assert changed(lambda new: new["records"].update(trailer=[{"name": "End", "value": {"const": "E"}}])) == [
        "trailer: added."
    ]


@given(st.permutations(range(7)))
def test_columns_are_said_to_have_moved_when_their_order_is_another_and_only_then(order):
    columns = [{"name": f"c{n}", "value": {"blank": True}} for n in range(7)]
    older = {"records": {"detail": columns}}
    words = layout_changes(older, {"records": {"detail": [columns[n] for n in order]}})
    assert (words == []) == (list(order) == sorted(order))
    assert all("moved" in one for one in words)
    assert len(words) < 7
