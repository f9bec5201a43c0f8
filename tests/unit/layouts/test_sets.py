"""A document that describes several files: routing, derived fields, refusals."""

import hashlib
from dataclasses import replace
from datetime import date

import pytest

from tests.unit.layouts.making_sets import CONTEXT, Rendered, charges, column, credit, fee
from webapp.domain.layouts import LayoutError, check_layout, compile_set, load_layout_set
from webapp.domain.layouts.file_names import FileNameError

ITEM_TYPES = {
    "keys": ["fee_type"],
    "columns": ["item_type"],
    "rows": [["OVERDUEFINE", "300000006919"], ["LOSTITEMREPLACEMENTFEE", "300000006920"]],
}
TWO_FILES = [{"kind": "a", "when": {"field": "kind", "is": "charge"}}, {"kind": "b"}]
DEBITS_AND_CREDITS = charges(
    column("emplid", "ID", required=True, width=9),
    column("item_type", "Item type", width=12),
    column("amount_cents", "Amount", amount={"absolute": True}, width=7, pad="0"),
    column({"date": "transaction_on"}, "Date", width=10, date_format="MM/DD/YYYY"),
    mode="positional_separated",
    line_length=41,
    tables={"item_types": ITEM_TYPES},
    fields={
        "item_type": {
            "first_of": [{"when": {"field": "debit_credit", "is": "C"}, "then": "820000206129"}],
            "otherwise": {"lookup": {"table": "item_types", "column": "item_type"}},
        }
    },
    files=[
        {"kind": "community", "when": {"field": "payer", "is": "community"}, "file_name": "community.csv"},
        {"kind": "debits", "when": {"field": "debit_credit", "is": "D"}, "file_name": "DEBITS-{DD}{MM}{YYYY}.dat"},
        {"kind": "credits", "when": {"field": "debit_credit", "is": "C"}, "file_name": "CREDITS-{DD}{MM}{YYYY}.dat"},
    ],
)  # fmt: skip


def test_each_row_goes_into_the_first_file_that_takes_it():
    rendered = Rendered(
        DEBITS_AND_CREDITS, [fee(), credit(), fee(payer="community"), fee(amount_cents=999_999)]
    )

    assert (
        rendered.text("debits")
        == "012345678,300000006919,0012.50,02/23/2023\n012345678,300000006919,9999.99,02/23/2023\n"
    )
    assert rendered.text("credits") == "012345678,820000206129,0005.00,02/23/2023\n"
    assert rendered.text("community") == "012345678,300000006919,0012.50,02/23/2023\n"
    assert [(file.kind, file.part, file.name, file.rows, file.total_cents) for file in rendered.files] == [
        ("community", 1, "community.csv", 1, 1_250),
        ("debits", 1, "DEBITS-01032023.dat", 2, 1_001_249),
        ("credits", 1, "CREDITS-01032023.dat", 1, -500),
    ]
    assert not rendered.refused


def test_a_finished_file_tells_its_size_its_hash_and_its_credits():
    rendered = Rendered(charges(column("amount_cents")), [fee(), credit(), credit(amount_cents=-1)])

    (file,) = rendered.files
    assert file.size == len(rendered.text())
    assert file.sha256 == hashlib.sha256(rendered.text().encode()).hexdigest()
    assert (file.rows, file.total_cents, file.credits_count, file.credits_cents) == (3, 749, 2, -501)


def test_a_file_without_rows_is_not_opened():
    rendered = Rendered(DEBITS_AND_CREDITS, [fee()])

    assert list(rendered.sinks) == [("debits", 1)]


def test_an_amount_that_does_not_fit_refuses_its_row_and_leaves_no_trace():
    rendered = Rendered(DEBITS_AND_CREDITS, [fee(), fee(amount_cents=1_000_000), fee(emplid="012345679")])

    assert rendered.text("debits").count("\n") == 2
    assert rendered.reasons == ["the value has 8 characters, and the column holds 7"]


def test_a_fee_type_that_the_table_lacks_refuses_its_row():
    rendered = Rendered(DEBITS_AND_CREDITS, [fee(fee_type="LOCKER"), fee()])

    assert rendered.reasons == ["table 'item_types' has no row for 'LOCKER'"]
    assert rendered.refused[0][1].field == "item_type"
    assert rendered.text("debits").count("\n") == 1


def test_a_row_that_no_file_takes_is_refused():
    document = charges(
        column("emplid"), files=[{"kind": "debits", "when": {"field": "kind", "is": "charge"}}]
    )

    rendered = Rendered(document, [credit()])

    assert rendered.reasons == ["no file of the layout takes this row (files: debits)"]


def test_each_written_row_is_told_with_its_file_and_line():
    rows = [
        fee(reference="a"),
        credit(reference="b"),
        fee(reference="c"),
        fee(reference="d", amount_cents=1_000_000),
    ]

    rendered = Rendered(DEBITS_AND_CREDITS, rows)

    assert sorted(rendered.lines) == [("a", 1, 1, 1), ("b", 2, 1, 1), ("c", 1, 1, 2)]


def test_a_fee_without_an_amount_is_refused():
    rendered = Rendered(charges(column("emplid")), [fee(amount_cents=None), fee(amount_cents="12.50")])

    assert rendered.files == []
    assert rendered.reasons == [
        "there is no amount in whole cents: None",
        "there is no amount in whole cents: '12.50'",
    ]


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"files": [{"kind": "a"}, {"kind": "a"}]}, "$.files[1].kind", "'a' is there twice"),
        ({"files": [{"kind": "A"}]}, "$.files[0].kind", "small letters"),
        ({"files": [{"kind": "a"}, {"kind": "b"}]}, "$.files[1]", "takes no row"),
        ({"files": [{}]}, "$.files[0].kind", "is missing"),
        ({"files": [{"kind": "a", "quote": "some"}]}, "$.files[0].quote", '"none" or'),
        ({"files": [{"kind": "a", "recrods": {}}]}, "$.files[0].recrods", "did you mean 'records'"),
        (
            {"files": [{"kind": "a", "when": {"field": "x", "is": "y"}}]},
            "$.files[0].when",
            "unknown field 'x'",
        ),
        (
            {"files": [{"kind": "a", "records": {"detail": [column("x")]}}]},
            "$.files[0].records.detail[0]",
            "unknown",
        ),
        ({"fields": {"emplid": "x"}}, "$.fields.emplid", "already the name"),
        ({"fields": {"count": "x"}}, "$.fields.count", "already the name"),
        ({"fields": {"Item": "x"}}, "$.fields.Item", "small letters"),
        (
            {
                "fields": {"a": {"concat": [{"field": "a"}]}},
                "records": {"text": [{"columns": [column("a", width=3, overflow="cut_left")]}]},
            },
            "$.fields.a.concat[0]",
            "unknown field 'a'",
        ),
        ({"fields": {"a": {"field": "b"}, "b": "x"}}, "$.fields.a", "unknown field 'b'"),
        ({"subject": "fines"}, "$.subject", '"holds" or "charges"'),
    ],
)
def test_a_fault_of_a_set_is_told_at_its_place(changes, path, message):
    with pytest.raises(LayoutError) as caught:
        load_layout_set(charges(column("emplid"), **changes))

    found = {fault.path: fault.message for fault in caught.value.faults}
    assert message in found[path]


def test_files_of_one_name_are_refused():
    with pytest.raises(LayoutError, match="would have the same name"):
        load_layout_set(charges(column("emplid"), file_name="x.dat", files=TWO_FILES))


def test_what_a_file_takes_over_from_the_document_is_told_once_where_it_stands():
    with pytest.raises(LayoutError) as caught:
        load_layout_set(charges(column("emplid", width=0), files=TWO_FILES))

    assert [fault.path for fault in caught.value.faults] == ["$.records.detail[0].width"]


@pytest.mark.parametrize("count", [51, 1_001, 10_001])
def test_any_number_of_fees_has_one_header_one_trailer_and_the_right_count(count):
    document = charges(
        column("reference"),
        records={"header": [column({"const": "H"})], "trailer": [column({"aggregate": "count"})]},
    )

    rendered = Rendered(document, [fee(reference=f"R{number}") for number in range(count)])

    lines = rendered.text().splitlines()
    assert lines == ["H", *[f"R{number}" for number in range(count)], str(count)]
    assert [line for *_, line in rendered.lines] == list(range(1, count + 1))


def test_a_file_for_old_fees_does_not_take_one_without_a_date():
    document = charges(
        column("reference"), files=[{"kind": "old", "when": {"field": "due_on", "less_than": "2023-01-01"}}]
    )

    rendered = Rendered(document, [fee(due_on=None), fee(due_on=date(2022, 1, 1), reference="R2")])

    assert rendered.text("old") == "R2\n"
    assert rendered.reasons == ["no file of the layout takes this row (files: old)"]


def test_a_row_that_two_files_would_take_goes_into_the_first_only():
    charged = {"field": "kind", "is": "charge"}
    document = charges(
        column("reference"), files=[{"kind": "a", "when": charged}, {"kind": "b", "when": charged}]
    )

    rendered = Rendered(document, [fee()])

    assert list(rendered.sinks) == [("a", 1)]


def test_a_file_name_that_asks_for_what_the_run_lacks_stops_before_the_first_row():
    layouts = load_layout_set(charges(column("emplid"), file_name="{profile}_{export_number}.dat"))

    with pytest.raises(FileNameError, match=r"asks for \{profile\}, and this file has none"):
        compile_set(layouts, replace(CONTEXT, profile_code=""))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Cafe  a 'good' book,Rabindranath Tagore-Constantinopolous O'"),
        ({"quote": "all", "encoding": "utf-8"}, '"Café, a ""good"" book","Rabindranath Tagore-Constantinopolous O’"'),
    ],
)  # fmt: skip
def test_titles_with_accents_commas_quotes_and_breaks_stay_in_their_columns(changes, expected):
    row = fee(item_title='Café, a "good"\nbook', patron_name="Rabindranath Tagore-Constantinopolous O’Brien")
    columns = [column("item_title"), column("patron_name", width=40, overflow="cut_right")]

    line = Rendered(charges(*columns, delimiter=",", **changes), [row]).text(encoding="utf-8").rstrip("\n")

    assert line == expected


def test_widths_in_bytes_count_the_bytes_of_accents():
    document = charges(
        column("patron_name", width=6, overflow="cut_right"),
        encoding="utf-8",
        width_in="bytes",
        mode="positional",
    )

    assert Rendered(document, [fee(patron_name="Éléonore")]).text(encoding="utf-8") == "Éléo\n"


def test_a_table_text_too_long_for_its_column_is_a_warning_when_saved():
    table = {"keys": ["fee_type"], "columns": ["text"], "rows": [["A", "short"], ["*", "much too long"]]}
    document = charges(
        column({"lookup": {"table": "t", "column": "text"}}, "Direct", width=5),
        column("by_field", "Derived", width=5),
        column("by_field", "Cut", width=5, overflow="cut_right"),
        tables={"t": table},
        fields={"by_field": {"first_of": [{"when": {"field": "kind", "is": "x"}, "then": "ok"}],
                             "otherwise": {"lookup": {"table": "t", "column": "text"}}}},
    )  # fmt: skip

    load_layout_set(document)
    assert [(fault.path, fault.severity) for fault in check_layout(document)] == [
        ("$.records.detail[0].width", "warning"),
        ("$.records.detail[1].width", "warning"),
    ]
    assert "'much too long' has 13 chars, and the width is 5: such rows are set aside" in str(
        check_layout(document)[0]
    )


def test_a_derived_text_is_treated_by_each_file_as_its_own_fields_are():
    document = charges(
        column("text"),
        fields={"text": {"concat": [{"field": "item_title"}, " / ", {"field": "library"}]}},
        files=[
            {"kind": "plain", "when": {"field": "kind", "is": "charge"}},
            {"kind": "strict", "when": {"field": "kind", "is": "credit"}, "on_break": "refuse"},
            {"kind": "wide", "encoding": "utf-8", "on_break": "replacement", "replacement": "_"},
        ],
    )

    rendered = Rendered(
        document, [fee(kind=kind, item_title="Ça,\nva") for kind in ("charge", "credit", "reversal")]
    )

    assert rendered.text("plain") == "Ca  va / MAIN\n"
    assert rendered.text("wide", encoding="utf-8") == "Ça__va / MAIN\n"
    assert rendered.reasons == ["the value holds a tab, line break or other control character"]
