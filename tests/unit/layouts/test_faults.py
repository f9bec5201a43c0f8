"""A layout that cannot work is refused when it is saved, with every fault at its place."""

import pytest

from tests.unit.layouts.making import CONTEXT, column, layout
from webapp.domain.layouts import HOLD_FIELDS, Fault, LayoutError, check_layout, compile_layout, load_layout


def faults_of(document):
    return {fault.path: fault.message for fault in check_layout(document, HOLD_FIELDS)}


def positional(*columns, **changes):
    return layout(*columns, mode="positional", **changes)


def test_all_faults_come_at_once_each_at_its_place():
    document = layout(
        column("emplidd"),
        column("total_cents", date_format="YYYY", name="Second"),
        column("violation_on", date_format="yyyy-mm-dd", name="Third"),
        encodng="ascii",
        line_end="\n",
    )

    assert list(faults_of(document)) == [
        "$.encodng",
        "$.line_end",
        "$.records.detail[0]",
        "$.records.detail[1].date_format",
        "$.records.detail[2].date_format",
    ]


def test_an_unknown_field_is_refused_with_the_nearest_name_and_all_names():
    message = faults_of(layout(column("emplidd")))["$.records.detail[0]"]

    assert message.startswith(
        "unknown field 'emplidd'; did you mean 'emplid'? Allowed: emplid, total_cents, "
    )


def test_an_unknown_key_is_refused_with_what_is_allowed():
    message = faults_of(layout(column("emplid", widht=9)))["$.records.detail[0].widht"]

    assert "did you mean 'width'?" in message
    assert "Allowed: name, start, value," in message


def test_a_wrong_word_is_refused_with_the_allowed_words():
    assert faults_of(layout(column("emplid"), quote="some")) == {
        "$.quote": 'must be "none" or "minimal" or "all", not \'some\''
    }


@pytest.mark.parametrize("document", [None, [], "layout", 7, {}, {"records": []}, {1: 2}])
def test_something_that_is_no_layout_at_all_is_refused(document):
    with pytest.raises(LayoutError):
        load_layout(document)


def test_a_fault_of_structure_does_not_hide_a_fault_of_meaning_elsewhere():
    document = layout(column("emplid", width="wide"), column("nowhere", name="Second"))

    assert list(faults_of(document)) == ["$.records.detail[0].width", "$.records.detail[1]"]


def test_an_empty_detail_is_refused():
    assert faults_of(layout()) == {"$.records.detail": "must have 1 to 300 entries, not 0"}


def test_overlapping_columns_are_named_with_their_positions():
    document = positional(
        column("emplid", name="ID", width=11), column("hold_code", name="Code", width=3, start=10)
    )

    assert faults_of(document) == {"$.records.detail[1]": "'Code' stands at 10-12 and overlaps 'ID' at 1-11"}


def test_a_column_hidden_inside_a_wide_one_is_an_overlap_too():
    document = positional(
        column("patron_name", name="Wide", width=30),
        column("hold_code", name="A", width=3, start=5),
        column("action", name="B", width=1, start=20),
    )

    assert list(faults_of(document)) == ["$.records.detail[1]", "$.records.detail[2]"]


def test_a_start_that_separators_make_impossible_is_refused():
    document = layout(
        column("emplid", width=9),
        column("action", name="Action", width=1, start=10),
        mode="positional_separated",
    )

    assert "starts at 11" in faults_of(document)["$.records.detail[1].start"]


def test_the_whole_width_is_compared_with_line_length():
    document = positional(column("emplid", width=11), line_length=80)

    assert faults_of(document) == {"$.records.detail": "the columns end at 11, but line_length says 80"}


def test_every_positional_column_needs_a_width():
    assert "is missing" in faults_of(positional(column("emplid")))["$.records.detail[0].width"]


@pytest.mark.parametrize("width", [-1, 0, 10_000, 1.5, True, "9"])
def test_a_width_that_is_no_sensible_number_is_refused(width):
    assert (
        "whole number from 1 to 9999"
        in faults_of(layout(column("emplid", width=width)))["$.records.detail[0].width"]
    )


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("yyyy-MM-DD", "'y'"),
        ("YYYY-mm-DD", "'mm'"),
        ("MMM", "'MMM'"),
        ("DDDD", "'DDDD'"),
        ("YYYYMMDDTHHmm", "'T'"),
        ("[x", "'['"),
        ("--", "no part of a date"),
        ("YYYY\u2013MM", "ASCII"),
    ],
)
def test_an_impossible_date_pattern_is_refused_with_the_part_that_is_wrong(pattern, part):
    message = faults_of(layout(column("violation_on", date_format=pattern)))[
        "$.records.detail[0].date_format"
    ]

    assert part in message


def test_a_total_in_a_detail_line_is_refused():
    message = faults_of(layout(column({"aggregate": "total"})))["$.records.detail[0]"]

    assert message == "the total 'total' belongs in a header or trailer, not in a detail line"


@pytest.mark.parametrize(
    "value",
    [
        {"field": "emplid"},
        {"concat": [{"field": "emplid"}]},
        {"first_of": [{"when": {"field": "action", "is": "A"}, "then": "x"}]},
    ],
)
def test_a_row_field_in_a_trailer_is_refused(value):
    document = layout(column("emplid"), records={"trailer": [column(value)]})

    assert any("stands for the whole file" in message for message in faults_of(document).values())


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"value": {"field": "emplid"}, "amount": {}}, "amount"),
        ({"value": {"field": "emplid"}, "date_format": "YYYY"}, "date_format"),
        ({"value": {"field": "total_cents"}, "transforms": ["upper"]}, "transforms"),
        ({"value": {"field": "total_cents"}, "width": 5, "overflow": "cut_right"}, "overflow"),
        ({"value": {"field": "total_cents"}, "width": 9, "justify": "left", "pad": "0"}, "pad"),
        ({"value": {"field": "total_cents"}, "amount": {"sign": "none", "plus": "+"}}, "amount.plus"),
        ({"value": {"field": "emplid"}, "start": 1}, "start"),
        ({"value": {"field": "emplid"}, "width": 9, "pad": ","}, "pad"),
        ({"value": {"field": "emplid"}, "pad": "\u00b7"}, "pad"),
        ({"value": {"field": "violation_on"}, "width": 8}, "date_format"),
        ({"value": {"field": "emplid"}, "fallback": "a,b"}, "fallback"),
        ({"value": {"field": "emplid"}, "transforms": ["reverse"]}, "transforms[0]"),
        ({"value": {"blank": False}}, "value.blank"),
        ({"value": {"aggregate": "sum"}}, "value.aggregate"),
        ({"value": {"run": "weather"}}, "value.run"),
        ({"value": {"const": "x", "field": "emplid"}}, "value"),
        ({"value": {"const": "a\tb"}}, "value.const"),
    ],
)
def test_a_shape_that_does_not_fit_the_value_is_refused_at_its_place(changes, place):
    assert list(faults_of(layout({"name": "Column", **changes}))) == [f"$.records.detail[0].{place}"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"const": "a,b"}, "holds the delimiter"),
        ({"lookup": {"table": "none", "column": "x"}}, "unknown look-up table"),
        ({"sign_of": {"field": "emplid"}}, "needs an amount"),
        (
            {"first_of": [{"when": {"field": "emplid", "at_least": "1"}, "then": ""}]},
            "cannot be asked of text",
        ),
        ({"first_of": [{"when": {"field": "total_cents", "is": "ten"}, "then": ""}]}, "cannot be compared"),
        (
            {"first_of": [{"when": {"field": "violation_on", "is": "4 Sep"}, "then": ""}]},
            "cannot be compared",
        ),
        ({"first_of": [{"when": {"field": "emplid"}, "then": ""}]}, "exactly one test"),
    ],
)
def test_a_value_that_can_never_be_written_is_refused(value, words):
    assert words in " ".join(faults_of(layout(column(value))).values())


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"bom": True}, "$.bom"),
        ({"mode": "positional_separated", "heading": True}, "$.heading"),
        ({"mode": "positional_separated", "quote": "all"}, "$.quote"),
        ({"line_length": 9}, "$.line_length"),
        ({"replacement": ","}, "$.replacement"),
        ({"replacement": '"'}, "$.replacement"),
        ({"sort": ["name"]}, "$.sort[0]"),
        ({"total_of": "emplid"}, "$.total_of"),
        ({"delimiter": "x"}, "$.delimiter"),
        ({"file_name": "a/b.txt"}, "$.file_name"),
        ({"format": "feebridge/layout/2"}, "$.format"),
        ({"tables": []}, "$.tables"),
    ],
)
def test_a_setting_of_the_file_that_cannot_be_is_refused_at_its_place(changes, place):
    assert list(faults_of(layout(column("emplid", width=9), **changes))) == [place]


def test_a_delimiter_is_asked_for_where_it_is_missing_and_refused_where_it_means_nothing():
    missing, needless = layout(column("emplid")), positional(column("emplid", width=9))
    del missing["delimiter"]
    needless["delimiter"] = ","

    assert faults_of(missing) == {"$.delimiter": "is missing"}
    assert faults_of(needless) == {"$.delimiter": "does not belong in a positional layout"}


def test_a_table_row_that_can_never_be_found_is_refused():
    table = {"keys": ["user_type"], "columns": ["code"], "rows": [["Student", "1"], ["Student", "2"]]}
    document = layout(column("emplid"), tables={"codes": table})

    assert faults_of(document) == {
        "$.tables.codes.rows[1]": "has the same keys as row 0, so it is never used"
    }


def test_a_table_row_with_a_missing_cell_is_refused():
    table = {"keys": ["user_type"], "columns": ["code"], "rows": [["Student"]]}

    assert list(faults_of(layout(column("emplid"), tables={"codes": table}))) == ["$.tables.codes.rows[0]"]


def test_two_columns_of_one_name_are_refused():
    assert (
        "2 columns are named 'Column'"
        in faults_of(layout(column("emplid"), column("action")))["$.records.detail"]
    )


def test_values_nested_without_end_are_refused():
    value = {"const": "x"}
    for _ in range(2_000):
        value = {"concat": [value]}

    (message,) = faults_of(layout(column(value))).values()
    assert message == "values are nested deeper than 8 levels"


def test_conditions_nested_without_end_are_refused():
    condition = {"field": "action", "is": "A"}
    for _ in range(2_000):
        condition = {"not": condition}

    (message,) = faults_of(layout(column({"first_of": [{"when": condition, "then": "x"}]}))).values()
    assert message == "conditions are nested deeper than 8 levels"


def test_a_layout_that_loads_is_still_refused_over_rows_that_lack_its_fields():
    with pytest.raises(LayoutError) as refused:
        compile_layout(load_layout(layout(column("horoscope"))), CONTEXT)

    assert refused.value.faults[0].path == "$.records.detail[0]"


def test_a_fault_reads_as_place_and_sentence():
    assert str(Fault("$.bom", "must be true or false, not 1")) == "$.bom: must be true or false, not 1"
