"""A layout made from nothing is valid from its first version on, and nothing in it is invented."""

from __future__ import annotations

import itertools

import pytest

from webapp.domain.layouts import check_layout
from webapp.services.edit_layout import Place, edit
from webapp.services.start_layout import LINE_ENDS, MODES, SUBJECTS, Start, StartRefusedError, start_layout

ITEM_TYPES = (("OVERDUEFINE", "610000000010"),)
TERMS = (("1", "12", "2{YY}7"),)


@pytest.mark.parametrize(("subject", "mode", "line_end"), list(itertools.product(SUBJECTS, MODES, LINE_ENDS)))
@pytest.mark.parametrize("is_full", [True, False])
def test_whatever_is_answered_the_layout_has_no_fault(subject, mode, line_end, is_full):
    start = Start(
        subject, mode, line_end, is_full, is_full, ITEM_TYPES if is_full else (), TERMS if is_full else ()
    )
    document = start_layout("Redwood", start)
    assert check_layout(document) == []
    assert (document["subject"], document["mode"], document["line_end"]) == (subject, mode, line_end)
    assert set(document["records"]) == ({"header", "detail", "trailer"} if is_full else {"detail"})


def test_a_new_column_is_no_fault_before_it_is_filled_in():
    document = start_layout("Redwood", Start())
    assert check_layout(edit(document, "add", Place(None, "detail", 0, 1), {})) == []


def test_item_types_and_terms_are_as_they_were_said_and_a_credit_takes_its_charges():
    document = start_layout("Redwood", Start(item_types=ITEM_TYPES, terms=TERMS))
    assert document["tables"]["item_types"]["rows"] == [["OVERDUEFINE", "610000000010"]]
    assert document["calendars"]["terms"]["months"] == [[1, 12, "2{YY}7"]]
    assert document["fields"]["item_type"]["first_of"][0]["then"] == {"field": "original_item_type"}


def test_without_item_types_and_terms_none_are_made_up():
    assert not {"tables", "calendars", "fields"} & set(start_layout("Redwood", Start()))


@pytest.mark.parametrize(
    ("start", "field"),
    [
        (Start(item_types=(("OVERDUEFINE",),)), "item_types"),
        (Start(item_types=(("OVERDUEFINE", ""),)), "item_types"),
        (Start(terms=(("August", "12", "2267"),)), "terms"),
        (Start(terms=(("8", "12"),)), "terms"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_its_field(start, field):
    with pytest.raises(StartRefusedError) as refused:
        start_layout("Redwood", start)
    assert set(refused.value.faults) == {field}
