"""A layout told to people: why a value is what it is, and what a file looks like."""

import pytest

from tests.unit.layouts.making_sets import CONTEXT, charges, column, credit, fee
from webapp.domain.layouts import (
    BUILT_IN,
    LayoutError,
    RowRefusedError,
    apply_overrides,
    compile_set,
    describe,
    explain,
    load_layout_set,
)

TABLE = {
    "keys": ["fee_type", "library"],
    "columns": ["item_type", "text"],
    "rows": [["OVERDUEFINE", "*", "300000006919", "Library fine"], ["*", "*", "300000006900", "Library"]],
}
SET = charges(
    column("emplid", "ID", width=11, required=True),
    column("item_type", "Item type", width=12),
    column("amount_cents", "Amount", width=9, pad="0", amount={"absolute": True, "decimals": "implied"}),
    column(
        {"date": "due_on"}, "Due", width=6, date_format="MMDDYY", date_rule=[{"add_months": 1}, {"day": 25}]
    ),
    column("item_title", "Title", width=10, overflow="cut_right", transforms=["upper"], fallback="NO TITLE"),
    column({"const": "SFS"}, "Origin", width=3, start=52),
    mode="positional",
    line_length=54,
    tables={"item_types": TABLE},
    calendars={"terms": {"months": [[1, 12, "2{YY}2"]]}},
    fields={
        "item_type": {
            "first_of": [
                {"when": {"field": "debit_credit", "is": "C"}, "then": {"field": "original_item_type"}}
            ],
            "otherwise": {"lookup": {"table": "item_types", "column": "item_type"}},
        },
        "term": {"term": "terms", "on": "transaction_on"},
    },
    files=[
        {"kind": "debits", "when": {"field": "debit_credit", "is": "D"}, "max_rows": 500},
        {"kind": "credits", "one_per": ["emplid", "term", "item_type"]},
    ],
    records={
        "text": [
            {
                "when": {"not": {"field": "item_barcode", "empty": True}},
                "columns": [
                    column({"const": "T"}, "Type", width=1),
                    column({"concat": ["barcode ", {"field": "item_barcode"}]}, "Text", width=53),
                ],
            }
        ],
        "trailer": [column({"aggregate": "total"}, "Total", width=54)],
    },
)


def cells(row, line=0, document=SET):
    """The cells of one line of a row, by name."""
    explanation = explain(compile_set(load_layout_set(document), CONTEXT), row)
    return {cell.name: cell for cell in explanation.lines[line].cells}


def test_each_column_has_its_place_its_text_and_its_reason():
    found = cells(fee(item_title="Introduction to calculus"))

    assert [(cell.name, cell.start, cell.end, cell.text) for cell in found.values()] == [
        ("ID", 1, 11, "012345678  "),
        ("Item type", 12, 23, "300000006919"),
        ("Amount", 24, 32, "000001250"),
        ("Due", 33, 38, "032523"),
        ("Title", 39, 48, "INTRODUCTI"),
        ("Origin", 52, 54, "SFS"),
    ]
    assert {name: cell.why for name, cell in found.items()} == {
        "ID": "field emplid",
        "Item type": "item_type: otherwise: look-up item_types: OVERDUEFINE,* -> 300000006919",
        "Amount": "field amount_cents",
        "Due": "field due_on; 1 month later, day 25",
        "Title": "field item_title; shaped from 'Introduction to calculus'; cut to 10 from 24",
        "Origin": "always 'SFS'",
    }


def test_a_fallback_and_a_condition_are_told_as_reasons():
    found = cells(credit(item_title=None))

    assert found["Title"].text == "NO TITLE  "
    assert found["Title"].why == "fallback because empty: item_title"
    assert found["Item type"].why == "item_type: because debit_credit is C: field original_item_type"


def test_letters_that_the_encoding_lacks_are_told():
    assert (
        cells(fee(emplid="é1"))["ID"].why
        == "field emplid; written in ascii without what would break the line: 'é1'"
    )


def test_continuation_lines_are_explained_where_they_are_written():
    explanation = explain(compile_set(load_layout_set(SET), CONTEXT), credit(item_barcode=""))

    assert [line.record for line in explanation.lines] == ["detail"]
    assert explanation.file_index == 1
    assert cells(fee(), line=1)["Text"].why == "always 'barcode ' + field item_barcode"


def test_places_in_a_delimited_line_are_those_of_the_line_with_its_quotes():
    document = charges(
        column("patron_name"), column("amount_cents"), column({"line": "file"}), quote="minimal"
    )

    found = [(cell.start, cell.end, cell.text) for cell in cells(fee(), document=document).values()]
    assert found == [(1, 11, '"Doe, Jane"'), (13, 17, "12.50"), (19, 19, "1")]


def test_terms_are_explained_by_their_calendar():
    document = {**SET, "files": [{"kind": "all", "records": {"detail": [column("term", width=54)]}}]}

    assert cells(fee(), document=document)["term"].why == "term: calendar terms for transaction_on 2023-02-23"


def test_a_row_that_cannot_be_written_is_explained_by_its_refusal():
    with pytest.raises(RowRefusedError, match="12 characters"):
        cells(fee(emplid="012345678901"))


def test_a_specification_lists_every_record_of_every_file_with_places_and_words():
    description = describe(load_layout_set(SET))

    debits, credits_file = description.files
    assert (debits.kind, debits.when_words, debits.split_words) == (
        "debits", "debit_credit is D", "at most 500 detail lines a file"
    )  # fmt: skip
    assert (credits_file.when_words, credits_file.split_words) == (
        "every other row", "one line a file for the same emplid, term, item_type"
    )  # fmt: skip
    assert debits.mode_words == "fixed columns, 54 chars a line"
    assert [(record.record, record.words) for record in debits.records] == [
        ("detail", "Detail, one line per row"),
        ("text", "Continuation line after a detail line, if item_barcode is not empty"),
        ("trailer", "Trailer, once at the end"),
    ]
    assert credits_file.records[0].columns[1].example == "300000000001"
    columns = {column.name: column for column in debits.records[0].columns}
    assert (columns["ID"].start, columns["ID"].length, columns["ID"].required) == (1, 11, True)
    assert columns["Amount"].format == "amount in cents without point, without sign, right, filled with 0"
    assert columns["Due"].source == "due_on, 1 month later, day 25"
    assert columns["Item type"].example == "300000006919"
    assert columns["Title"].format == "text, left, filled with blanks, cut at the right"
    assert columns["Origin"].start == 52
    assert debits.records[2].columns[0].example.strip() == "12.50"
    assert description.fields["item_type"] == (
        "original_item_type if debit_credit is C; else item_type from table item_types"
    )
    assert set(description.tables) == {"item_types"}


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"field": "kind", "in": ["credit", "reversal"]}, "kind is one of credit, reversal"),
        ({"not": {"field": "library", "starts_with": "L"}}, "library does not start with L"),
        ({"field": "amount_cents", "at_least": -123_456}, "amount_cents is at least -1,234.56"),
        ({"not": {"run": "sequence", "more_than": 3}}, "the run's sequence is not more than 3"),
        (
            {
                "all": [
                    {"field": "kind", "is": ""},
                    {"any": [{"not": {"not": {"field": "emplid", "empty": True}}}]},
                ]
            },
            "kind is nothing and (not emplid is not empty)",
        ),
    ],
)
def test_conditions_are_told_in_words(condition, words):
    document = charges(column("emplid"), files=[{"kind": "some", "when": condition}])

    assert describe(load_layout_set(document)).files[0].when_words == words


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_ready_made_layout_can_be_described_with_examples(name):
    for file in describe(load_layout_set(BUILT_IN[name])).files:
        for record in file.records:
            assert all(column.format and column.source for column in record.columns)
        detail = next(record for record in file.records if record.record == "detail")
        assert any(column.example.strip() for column in detail.columns)


def test_a_campus_s_own_rows_replace_those_of_a_shared_layout():
    own = apply_overrides(
        SET,
        {"item_types": [["*", "*", "999999999999", "Ours"]], "unknown": [["x"]]},
        {"terms": [["X999", "2023-01-01", "2023-12-31"]]},
    )

    found = cells(fee(), document=own)
    assert found["Item type"].text == "999999999999"
    assert set(own["tables"]) == {"item_types"}
    assert own["calendars"]["terms"] == {"terms": [["X999", "2023-01-01", "2023-12-31"]]}
    assert SET["tables"]["item_types"] is TABLE
    load_layout_set(own)


def test_months_of_a_calendar_may_be_given_as_text():
    own = apply_overrides(SET, {}, {"terms": [["1", "06", "{YYYY}SP"], ["7", "12", "{YYYY}FA"]]})

    assert own["calendars"]["terms"] == {"months": [[1, 6, "{YYYY}SP"], [7, 12, "{YYYY}FA"]]}


def test_what_a_calendar_does_with_holes_outlives_its_terms():
    document = {**SET, "calendars": {"terms": {"months": [[1, 12, "A"]], "missing": "blank"}}}

    own = apply_overrides(document, {}, {"terms": [["A", "2023-01-01", "2023-01-02"]]})
    assert own["calendars"]["terms"]["missing"] == "blank"


def test_a_whole_table_replaces_one_with_other_keys():
    own = apply_overrides(
        SET, {"item_types": {"keys": ["kind"], "columns": ["item_type"], "rows": [["*", "1"]]}}, {}
    )

    assert cells(fee(), document=own)["Item type"].text == "1           "


def test_rows_that_do_not_fit_their_table_are_faults_when_loaded():
    with pytest.raises(LayoutError, match="4 to 4 entries"):
        load_layout_set(apply_overrides(SET, {"item_types": [["x"]]}, {}))


CUTS = [
    ({"concat": ["USD ", {"field": "amount_cents"}]}, {"width": 8, "overflow": "cut_right"}, ".overflow"),
    ({"concat": [{"field": "amount_cents"}]}, {"transforms": [{"last": 3}]}, ".transforms"),
    ({"field": "amount_text"}, {"width": 4, "overflow": "cut_left"}, ".overflow"),
    (
        {"first_of": [{"when": {"field": "kind", "is": "charge"}, "then": {"field": "amount_cents"}}]},
        {"width": 4, "overflow": "cut_left"},
        ".overflow",
    ),
    ({"field": "amount_cents"}, {"width": 4, "overflow": "cut_left"}, ".overflow"),
]


@pytest.mark.parametrize(("value", "shaping", "place"), CUTS)
def test_a_layout_that_would_cut_an_amount_is_refused_when_saved(value, shaping, place):
    document = charges(
        column(value, **shaping), fields={"amount_text": {"concat": [{"field": "amount_cents"}, " USD"]}}
    )

    with pytest.raises(LayoutError) as caught:
        load_layout_set(document)
    assert f"$.records.detail[0]{place}" in {fault.path for fault in caught.value.faults}


def test_a_look_up_by_a_field_that_is_derived_later_is_refused():
    document = charges(
        column("emplid"),
        tables={"t": {"keys": ["later"], "columns": ["x"], "rows": [["*", "y"]]}},
        fields={"earlier": {"lookup": {"table": "t", "column": "x"}}, "later": {"field": "library"}},
    )

    with pytest.raises(LayoutError, match="looked up by 'later', which is not known here"):
        load_layout_set(document)
