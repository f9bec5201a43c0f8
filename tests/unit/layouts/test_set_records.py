"""Records around and behind the detail lines: header, continuation lines, patrons, numbers, parts, order."""

from datetime import date

import pytest

from tests.unit.layouts.making_sets import Rendered, charges, column, credit, fee
from webapp.domain.layouts import (
    LayoutError,
    RenderError,
    RowRefusedError,
    external_sort,
    load_layout_set,
    part_lines,
)

ANN, BEN, CID = "000000001", "000000002", "000000003"
OWN_TOTALS = {
    "debits": {"sum": "amount_cents", "where": {"field": "amount_cents", "more_than": 0}},
    "credits": {"sum": "amount_cents", "as": "absolute", "where": {"field": "amount_cents", "less_than": 0}},
    "reversals": {"count": True, "where": {"field": "kind", "is": "reversal"}},
}


def test_a_header_states_totals_that_are_known_only_at_the_end():
    document = charges(
        column("emplid"),
        column("amount_cents"),
        records={
            "header": [
                column({"const": "H"}),
                column({"aggregate": "count"}),
                column({"aggregate": "total"}),
            ],
            "trailer": [
                column({"const": "T"}),
                column({"aggregate": "lines"}),
                column({"aggregate": "credits_total"}),
            ],
        },
        heading=True,
    )

    rendered = Rendered(document, [fee(emplid=ANN), credit(emplid=BEN)])

    assert rendered.text() == f"H,2,7.50\nemplid,amount_cents\n{ANN},12.50\n{BEN},-5.00\nT,5,-5.00\n"


def test_totals_of_a_layout_s_own_count_only_the_rows_they_are_about():
    document = charges(
        column("emplid"),
        aggregates=OWN_TOTALS,
        file_name="x_{debits}_{reversals}_{count}_{total}.txt",
        records={"header": [column({"aggregate": name}) for name in OWN_TOTALS]},
    )

    rendered = Rendered(document, [fee(), fee(), credit(), credit(kind="reversal", amount_cents=-1_250)])

    assert rendered.text().splitlines()[0] == "25.00,17.50,1"
    assert rendered.files[0].aggregates == {"debits": 2_500, "credits": 1_750, "reversals": 1}
    assert rendered.files[0].name == "x_25.00_1_4_7.50.txt"


def test_a_trailer_may_tell_the_least_and_the_greatest_value():
    document = charges(
        column("emplid"),
        aggregates={
            "first": {"min": "reference"},
            "last": {"max": "reference", "where": {"field": "kind", "is": "charge"}},
            "latest": {"max": "due_on"},
            "none": {"min": "amount_cents", "where": {"field": "kind", "is": "reversal"}},
            "items": {"sum": "item_count"},
        },
        records={
            "trailer": [column({"aggregate": name}) for name in ("first", "last", "latest", "none", "items")]
        },
        max_rows=2,
    )
    rows = [
        fee(reference="B", item_count=2),
        fee(reference="A", due_on=date(2023, 5, 1)),
        credit(reference="C"),
    ]

    rendered = Rendered(document, rows)

    assert [rendered.text(part=part).splitlines()[-1] for part in (1, 2)] == [
        "A,B,2023-05-01,,2",
        "C,,2023-02-01,,0",
    ]
    assert [file.aggregates for file in rendered.files] == [{"items": 2}, {"items": 0}]


def test_a_header_may_show_fields_of_the_file_s_first_row():
    document = charges(
        column("emplid"), records={"header": [column("library"), column({"aggregate": "count"})]}
    )

    rendered = Rendered(document, [fee(emplid=BEN, library="LAW"), fee(emplid=ANN)])

    assert rendered.text() == f"LAW,2\n{BEN}\n{ANN}\n"


@pytest.mark.parametrize("totals", [[], [column({"aggregate": "total"}, amount={"zero": "refuse"})]])
def test_a_first_row_that_the_header_cannot_show_is_refused_and_the_next_one_is_first(totals):
    document = charges(column("emplid"), records={"header": [column("library", required=True), *totals]})

    rendered = Rendered(document, [fee(emplid=ANN, library=None), fee(emplid=BEN, library="LAW")])

    assert rendered.text() == f"LAW{',12.50' * len(totals)}\n{BEN}\n"
    assert rendered.reasons == ["is required and has no value"]


def test_a_total_that_does_not_fit_its_header_ends_the_rendering():
    document = charges(column("emplid"), records={"header": [column({"aggregate": "total"}, width=5)]})

    with pytest.raises(RowRefusedError, match="7 characters"):
        Rendered(document, [fee(amount_cents=99_999), fee(amount_cents=1)])


def test_continuation_lines_follow_the_rows_that_meet_their_condition():
    document = charges(
        column("emplid"),
        records={
            "text": [
                {"columns": [column({"const": "T1"}), column("item_title")]},
                {
                    "when": {"field": "item_barcode", "empty": False},
                    "columns": [column({"const": "T2"}), column("item_barcode")],
                },
            ],
            "trailer": [column({"aggregate": "count"}), column({"aggregate": "lines"})],
        },
    )

    rendered = Rendered(document, [fee(emplid=ANN, item_barcode="b1"), fee(emplid=BEN, item_barcode=" ")])

    assert rendered.text() == f"{ANN}\nT1,Calculus\nT2,b1\n{BEN}\nT1,Calculus\n2,6\n"
    assert [line for *_, line in rendered.lines] == [1, 2]


def test_a_row_whose_continuation_line_cannot_be_written_is_refused_whole():
    document = charges(column("emplid"), records={"text": [{"columns": [column("item_title", width=8)]}]})

    rendered = Rendered(
        document, [fee(emplid=ANN), fee(emplid=BEN, item_title="Too long for it"), fee(emplid=CID)]
    )

    assert rendered.text() == f"{ANN}\nCalculus\n{CID}\nCalculus\n"
    assert len(rendered.refused) == 1


PATRONS = charges(
    column({"line": "file"}),
    column({"line": "group"}),
    column("emplid"),
    column("amount_cents"),
    group_by=["emplid"],
    aggregates=OWN_TOTALS,
    records={
        "patron_header": [column({"const": "P"}), column("patron_name"), column({"group": "count"})],
        "patron_trailer": [
            column({"const": "S"}),
            column({"group": "total"}, width=7),
            column({"group": "credits"}),
            column({"aggregate": "reversals"}),
            column({"sign_of": {"group": "total"}, "positive": "D", "negative": "C"}),
        ],
        "trailer": [column({"aggregate": "count"}), column({"aggregate": "lines"})],
    },
)


def test_each_patron_s_lines_stand_between_a_header_and_a_trailer_of_their_own():
    rows = [fee(emplid=BEN, patron_name="Ben"), fee(emplid=ANN, patron_name="Ann"), credit(emplid=BEN)]

    rendered = Rendered(PATRONS, rows)

    assert rendered.text() == (
        f"P,Ann,1\n1,1,{ANN},12.50\nS,12.50,0.00,0,D\n"
        f"P,Ben,2\n2,1,{BEN},12.50\n3,2,{BEN},-5.00\nS,7.50,5.00,0,D\n"
        "3,8\n"
    )


def test_a_patron_whose_total_does_not_fit_is_refused_with_all_rows_and_the_numbers_go_on():
    too_much = fee(emplid=BEN, amount_cents=999_999)

    rendered = Rendered(PATRONS, [fee(emplid=ANN), too_much, too_much, fee(emplid=CID), fee(emplid=CID)])

    assert f"1,1,{ANN},12.50" in rendered.text()
    assert f"2,1,{CID},12.50\n3,2,{CID},12.50\n" in rendered.text()
    assert BEN not in rendered.text()
    assert [row["emplid"] for row, _ in rendered.refused] == [BEN, BEN]


def test_a_group_larger_than_memory_allows_ends_the_rendering(monkeypatch):
    monkeypatch.setattr(part_lines, "MOST_GROUP_LINES", 3)

    with pytest.raises(RenderError, match="more than 3 lines have the same emplid"):
        Rendered(PATRONS, [fee()] * 4)


def test_lines_are_numbered_among_rows_with_the_same_id_and_item_type():
    document = charges(
        column("emplid"),
        column("fee_type"),
        column({"line_of": ["emplid", "fee_type"]}),
        sort=["fee_type", "emplid"],
    )
    rows = [fee(emplid=ANN), fee(emplid=BEN), fee(emplid=ANN), fee(emplid=ANN, fee_type="A"), fee(emplid=ANN)]

    assert Rendered(document, rows).text().split() == [
        f"{ANN},A,1",
        f"{ANN},OVERDUEFINE,1",
        f"{ANN},OVERDUEFINE,2",
        f"{ANN},OVERDUEFINE,3",
        f"{BEN},OVERDUEFINE,1",
    ]


def test_a_refused_row_takes_no_line_number():
    document = charges(column({"line": "file"}, pad="0", width=3, justify="right"), column("emplid", width=9))

    rendered = Rendered(document, [fee(emplid=ANN), fee(emplid="0123456789"), fee(emplid=BEN)])

    assert rendered.text() == f"001,{ANN}\n002,{BEN}\n"


def test_a_file_with_too_many_rows_goes_on_in_further_parts_with_their_own_header_and_totals():
    document = charges(
        column("emplid"),
        files=[{"kind": "debits", "max_rows": 2}],
        records={"header": [column({"aggregate": "count"}), column({"aggregate": "total"})]},
    )

    rendered = Rendered(document, [fee(emplid=f"{number:09d}") for number in range(5)])

    assert [rendered.text("debits", part) for part in (1, 2, 3)] == [
        "2,25.00\n000000000\n000000001\n",
        "2,25.00\n000000002\n000000003\n",
        "1,12.50\n000000004\n",
    ]
    assert [(file.part, file.name) for file in rendered.files] == [
        (1, "debits.txt"), (2, "debits_2.txt"), (3, "debits_3.txt")
    ]  # fmt: skip


def test_a_finished_part_is_closed_before_the_next_one_is_opened():
    document = charges(column("emplid"), max_rows=1, file_name="x_{part}.txt")

    rendered = Rendered(document, [fee()] * 3)

    assert [file.name for file in rendered.files] == ["x_1.txt", "x_2.txt", "x_3.txt"]


def test_refused_rows_leave_no_gap_in_a_part():
    document = charges(column("emplid", width=9), max_rows=2)

    rendered = Rendered(
        document, [fee(emplid=ANN), fee(emplid="0123456789"), fee(emplid=BEN), fee(emplid=CID)]
    )

    assert [rendered.text(part=part) for part in (1, 2)] == [f"{ANN}\n{BEN}\n", f"{CID}\n"]


def test_a_second_reversal_of_the_same_id_term_and_item_type_goes_into_the_next_part():
    document = charges(
        column("reference"),
        files=[{"kind": "reversals", "one_per": ["emplid", "original_term", "original_item_type"]}],
    )
    rows = [
        credit(reference="a"), credit(reference="b", original_term="2234"), credit(reference="c"),
        credit(reference="d", emplid=BEN), credit(reference="e"), credit(reference="f", emplid=BEN),
    ]  # fmt: skip

    rendered = Rendered(document, rows)

    assert [rendered.text("reversals", part).split() for part in (1, 2, 3)] == [
        ["a", "b", "d"],
        ["c", "f"],
        ["e"],
    ]
    assert [reference for reference, *_ in rendered.lines] == list("abcdef")


def test_rows_are_sorted_and_equal_ones_keep_their_order(monkeypatch):
    monkeypatch.setattr(external_sort, "_ROWS_IN_MEMORY", 3)
    monkeypatch.setattr(external_sort, "_MOST_RUNS", 2)
    document = charges(column("emplid"), column("reference"), sort=["emplid", "amount_cents"])
    rows = [
        fee(emplid=f"{number * 7 % 5:09d}", reference=str(number), amount_cents=100 + number * 3 % 2)
        for number in range(40)
    ]

    expected = sorted(rows, key=lambda row: (row["emplid"], row["amount_cents"]))
    assert Rendered(document, rows).text().split() == [
        f"{row['emplid']},{row['reference']}" for row in expected
    ]


def test_rows_without_a_value_are_sorted_first():
    document = charges(column("reference"), sort=["due_on", "library"])
    rows = [
        fee(reference="a"),
        fee(reference="b", due_on=None, library="X"),
        fee(reference="c", due_on=None, library=None),
    ]

    assert Rendered(document, rows).text().split() == ["c", "b", "a"]


def test_a_row_that_cannot_be_compared_is_refused():
    document = charges(column("reference"), sort=["due_on"])

    rendered = Rendered(document, [fee(reference="a", due_on="2023-01-01"), fee(reference="b")])

    assert rendered.text() == "b\n"
    assert rendered.reasons == ["cannot be sorted: it should be a date and is '2023-01-01'"]


def test_rows_said_to_be_sorted_that_are_not_end_the_rendering():
    document = charges(column("emplid"), sort=["emplid"])

    assert Rendered(document, [fee(emplid=ANN), fee(emplid=BEN)], presorted=True).text() == f"{ANN}\n{BEN}\n"
    with pytest.raises(RenderError, match="not in the order of emplid"):
        Rendered(document, [fee(emplid=BEN), fee(emplid=ANN)], presorted=True)


PER_PATRON = charges(
    column("emplid"),
    column("total_cents", width=7),
    column("item_count"),
    column("severity"),
    rows="per_patron",
    fields={
        "severity": {
            "first_of": [{"when": {"field": "total_cents", "at_least": 2_000}, "then": "F50"}],
            "otherwise": "F10",
        }
    },
    records={"trailer": [column({"aggregate": "count"}), column({"aggregate": "total"})]},
)


def test_one_line_per_patron_has_the_sum_and_what_follows_from_it():
    rows = [fee(emplid=BEN, reference="a"), fee(emplid=ANN, reference="b"), credit(emplid=BEN, reference="c")]
    rows.append(fee(emplid=BEN, reference="d"))

    rendered = Rendered(PER_PATRON, rows)

    assert rendered.text() == f"{ANN},12.50,1,F10\n{BEN},20.00,3,F50\n2,32.50\n"
    assert rendered.lines == [("b", 0, 1, 1), ("a", 0, 1, 2), ("c", 0, 1, 2), ("d", 0, 1, 2)]
    assert [(file.rows, file.lines, file.total_cents) for file in rendered.files] == [(4, 2, 3_250)]


def test_a_patron_s_line_that_cannot_be_written_refuses_all_their_fees():
    rows = [
        fee(emplid=ANN, amount_cents=999_999, reference="a"),
        fee(emplid=BEN),
        fee(emplid=ANN, reference="b"),
    ]

    rendered = Rendered(PER_PATRON, rows)

    assert rendered.text() == f"{BEN},12.50,1,F10\n1,12.50\n"
    assert [row["reference"] for row, _ in rendered.refused] == ["a", "b"]


def test_the_last_line_end_is_left_out_behind_a_spooled_header_too():
    document = charges(
        column("emplid"),
        final_newline=False,
        records={"header": [column({"aggregate": "count"})]},
        line_end="CRLF",
    )

    assert Rendered(document, [fee(emplid=ANN), fee(emplid=BEN)]).text() == f"2\r\n{ANN}\r\n{BEN}"


def test_a_byte_order_mark_stands_once_and_first():
    document = charges(
        column("emplid"), encoding="utf-8", bom=True, records={"header": [column({"aggregate": "count"})]}
    )

    assert Rendered(document, [fee(emplid=ANN)]).text(encoding="utf-8") == f"\ufeff1\n{ANN}\n"


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"records": {"patron_header": [column("emplid")]}}, "$.group_by", "is missing"),
        ({"group_by": ["emplid"], "sort": ["library"]}, "$.sort", "must begin with emplid"),
        ({"group_by": ["x"]}, "$.group_by[0]", "unknown field"),
        ({"files": [{"kind": "a", "one_per": ["x"]}]}, "$.files[0].one_per[0]", "unknown field"),
        ({"records": {"text": [{"when": {"field": "x", "is": "y"}, "columns": [column("emplid")]}]}},
         "$.records.text[0].when", "unknown field"),
        ({"records": {"text": [{"columns": [column("x")]}]}}, "$.records.text[0].columns[0]", "unknown field"),
        ({"records": {"trailer": [column("emplid")]}}, "$.records.trailer[0]", "stands for the whole file"),
        ({"records": {"header": [column({"line": "file"})]}}, "$.records.header[0]", "line numbers belong in"),
        ({"records": {"header": [column({"group": "count"})]}}, "$.records.header[0]", "patron_header or"),
        ({"records": {"header": [column({"aggregate": "mine"})]}}, "$.records.header[0].value.aggregate", "unknown"),
        ({"aggregates": {"mine": {"sum": "emplid"}}}, "$.aggregates.mine.sum", "unknown amount field"),
        ({"aggregates": {"mine": {}}}, "$.aggregates.mine", "exactly one of sum, count"),
        ({"aggregates": {"mine": {"max": "x"}}}, "$.aggregates.mine.max", "unknown field 'x'"),
        ({"aggregates": {"mine": {"max": "due_on", "as": "absolute"}}}, "$.aggregates.mine.as", "belongs to a sum"),
        ({"aggregates": {"mine": {"min": "reference"}}, "file_name": "{mine}"}, "$.file_name", "unknown token {mine}"),
        ({"aggregates": {"total": {"count": True}}}, "$.aggregates.total", "already the name"),
        ({"aggregates": {"mine": {"count": True, "where": {"field": "x", "is": "y"}}}},
         "$.aggregates.mine.where", "unknown field"),
        ({"max_rows": 0}, "$.max_rows", "whole number from 1"),
        ({"file_name": "{term}.txt"}, "$.file_name", 'needs a derived field "term"'),
        ({"file_name": "{mine}.txt"}, "$.file_name", "unknown token {mine}"),
    ],
)  # fmt: skip
def test_a_fault_around_the_lines_is_told_at_its_place(changes, path, message):
    with pytest.raises(LayoutError) as caught:
        load_layout_set(charges(column("emplid"), **changes))

    found = {fault.path: fault.message for fault in caught.value.faults}
    assert message in found[path]


@pytest.mark.parametrize(
    "value",
    [{"line": "group"}, {"line_of": ["emplid"]}],
    ids=["group without group_by", "values without sort"],
)
def test_a_number_that_cannot_be_counted_is_refused(value):
    with pytest.raises(LayoutError, match=r"group_by|sort must begin"):
        load_layout_set(charges(column(value)))
