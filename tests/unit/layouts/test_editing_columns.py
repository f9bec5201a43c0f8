"""Whatever kind of line and value a layout has, a person can add, move and change it without reading JSON."""

from __future__ import annotations

import pytest

from webapp.domain.layouts import check_layout
from webapp.domain.layouts.either_way import READY_MADE
from webapp.domain.layouts.inbound import is_inbound
from webapp.services.edit_layout import (
    KEEP,
    EditRefusedError,
    Place,
    all_lines,
    edit,
    missing_lines,
    source_of,
)
from webapp.services.start_layout import MODES, Start, start_layout

ITEM_TYPES = (("OVERDUEFINE", "610000000010"),)
TERMS = (("1", "12", "2{YY}7"),)
OUTGOING = [name for name, body in READY_MADE.items() if not is_inbound(body)]


def layout(mode: str = "positional") -> dict:
    return start_layout("Redwood", Start("charges", mode, "LF", False, False, ITEM_TYPES, TERMS))


@pytest.mark.parametrize("mode", MODES)
def test_every_kind_of_line_can_be_begun_filled_and_ended(mode):
    document = layout(mode)
    for place in [part.end for part in missing_lines(document)]:
        document = edit(document, "begin", place, {})
        document = edit(document, "add", Place(None, place.record, place.line, 1), {})
    assert [part.title for part in all_lines(document)] == [
        "Header", "Before each patron", "Detail", "Continuation line", "After each patron", "Trailer",
    ]  # fmt: skip
    assert check_layout(document) == []
    assert [part.end for part in missing_lines(document)] == [Place(None, "text", 1, 0)]
    for record in ("header", "patron_header", "text", "patron_trailer", "trailer"):
        for _ in range(2):
            document = edit(document, "remove", Place(None, record, 0, 0), {})
    assert set(document["records"]) == {"detail"}
    assert check_layout(document) == []


@pytest.mark.parametrize("name", OUTGOING)
def test_a_ready_made_layout_takes_every_line_it_lacks(name):
    body = READY_MADE[name]
    for part in missing_lines(body):
        assert check_layout(edit(body, "begin", part.end, {})) == [], part.title


@pytest.mark.parametrize("name", OUTGOING)
def test_what_the_form_shows_of_a_column_it_writes_back_the_same(name):
    body = READY_MADE[name]
    for part in all_lines(body):
        for place, column in part.columns:
            source = source_of(column)
            form = {
                "column_name": column["name"],
                "source": source,
                "const": str(column["value"].get("const", "")),
            }
            value = next(
                found
                for lines in all_lines(edit(body, "apply", place, form))
                for at, found in lines.columns
                if at == place
            )["value"]
            meant = {"run": "date"} if column["value"] == {"date": "run"} else column["value"]
            assert value == meant


@pytest.mark.parametrize(
    ("source", "value", "record"),
    [
        ("const", {"const": "LIB"}, "detail"),
        ("blank", {"blank": True}, "detail"),
        ("field:amount_cents", {"field": "amount_cents"}, "detail"),
        ("field:transaction_on", {"field": "transaction_on"}, "detail"),
        ("run:date", {"run": "date"}, "header"),
        ("run:sequence", {"run": "sequence"}, "header"),
        ("lookup:item_types/item_type", {"lookup": {"table": "item_types", "column": "item_type"}}, "detail"),
        ("term:terms/run", {"term": "terms", "on": "run"}, "detail"),
        ("term:terms/transaction_on", {"term": "terms", "on": "transaction_on"}, "text"),
        ("line:file", {"line": "file"}, "detail"),
        ("line:group", {"line": "group"}, "detail"),
        ("aggregate:count", {"aggregate": "count"}, "trailer"),
        ("group:total", {"group": "total"}, "patron_trailer"),
    ],
)
def test_every_kind_of_value_is_chosen_in_the_form(source, value, record):
    document = layout()
    for part in missing_lines(document):
        document = edit(document, "begin", part.end, {})
    place = Place(None, record, 0, 0)
    form = {"column_name": "It", "source": source, "const": "LIB", "width": "20"}
    changed = edit(document, "apply", place, form)
    column = next(found for part in all_lines(changed) for at, found in part.columns if at == place)
    assert column["value"] == value
    assert source_of(column) == source
    assert check_layout(changed) == []


def test_a_value_that_only_the_text_can_say_is_kept():
    value = {"concat": [{"field": "emplid"}, "-"]}
    assert source_of({"value": value}) == KEEP
    assert source_of({"value": {"term": "terms", "on": "run", "career": "career"}}) == KEEP


def test_the_last_column_of_the_detail_stays():
    with pytest.raises(EditRefusedError, match="has a column"):
        edit(layout(), "remove", Place(None, "detail", 0, 0), {})


def test_a_line_that_is_there_is_not_begun_again():
    with pytest.raises(EditRefusedError, match="there already"):
        edit(layout(), "begin", Place(None, "detail", 0, 0), {})
    with pytest.raises(EditRefusedError, match="not there any more"):
        edit(layout(), "begin", Place(4, "header", 0, 0), {})
