"""What holds for every set of files and all rows, tried on many."""

import contextlib
import copy
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.layouts.making_sets import CONTEXT, Rendered, charges, column, credit, fee
from tests.unit.layouts.test_properties import HOSTILE_TEXT, JSON, LIKELY, VALUES, places
from tests.unit.layouts.test_schema import VALIDATOR
from webapp.domain.layouts import (
    FEE_FIELDS,
    LayoutError,
    RenderError,
    RowRefusedError,
    check_layout,
    compile_set,
    describe,
    explain,
    external_sort,
    load_layout_set,
)
from webapp.domain.layouts.file_names import FileNameError

FEES = st.lists(
    st.builds(
        fee,
        emplid=st.sampled_from(["000000001", "000000002", "000000003", "0000000004"]),
        amount_cents=st.sampled_from([-99_999_99, -500, 0, 1, 1_250, 99_999_99]),
        kind=st.sampled_from(["charge", "credit", "reversal", "surprise"]),
        library=st.sampled_from(["MAIN", "LAW", None]),
        item_title=HOSTILE_TEXT,
    ),
    max_size=30,
).map(lambda rows: [{**row, "reference": f"R{number}"} for number, row in enumerate(rows)])
SHAPES = st.fixed_dictionaries(
    {},
    optional={
        "sort": st.sampled_from(
            [["emplid"], ["emplid", "amount_cents"], ["emplid", "library", "kind"], ["library", "emplid"]]
        ),
        "group_by": st.just(["emplid"]),
        "heading": st.booleans(),
        "final_newline": st.booleans(),
    },
).filter(lambda shape: "group_by" not in shape or shape.get("sort", ["emplid"])[0] == "emplid")
SPLITS = st.fixed_dictionaries(
    {},
    optional={"max_rows": st.integers(1, 4), "one_per": st.sampled_from([["emplid"], ["emplid", "library"]])},
)


def document_of(shape, split, *, has_text):
    """Files by kind of row, whose lines say what they are and whose headers and trailers state totals."""
    records = {
        "header": [column({"const": "H"}), column({"aggregate": "count"}), column({"aggregate": "total"})],
        "trailer": [column({"const": "T"}), column({"aggregate": "lines"}), column({"aggregate": "own"})],
    }
    if has_text:
        records["text"] = [
            {
                "when": {"field": "library", "empty": False},
                "columns": [column({"const": "X"}), column("library")],
            }
        ]
    if "group_by" in shape:
        records["patron_header"] = [column({"const": "P"}), column({"group": "total"}, width=10)]
        records["patron_trailer"] = [column({"const": "S"}), column({"group": "count"})]
    return charges(
        column({"const": "D"}),
        column("reference"),
        column("emplid", width=9),
        column("amount_cents"),
        column({"line": "file"}),
        column("item_title", width=10, overflow="cut_right"),
        aggregates={"own": {"count": True, "where": {"field": "library", "is": "LAW"}}},
        records=records,
        files=[
            {"kind": "debits", "when": {"field": "kind", "is": "charge"}, **split},
            {"kind": "credits", "when": {"field": "kind", "in": ["credit", "reversal"]}, **split},
        ],
        **shape,
    )


@given(FEES, SHAPES, SPLITS, st.booleans())
def test_every_row_is_written_once_or_refused_once_and_totals_are_those_of_the_lines(
    rows, shape, split, has_text
):
    rendered = Rendered(document_of(shape, split, has_text=has_text), rows)

    written = Counter(reference for reference, *_ in rendered.lines)
    refused = Counter(row["reference"] for row, _ in rendered.refused)
    assert written + refused == Counter(row["reference"] for row in rows)
    by_reference = {row["reference"]: row for row in rows}
    shown = Counter()
    for file in rendered.files:
        lines = [line.split(",") for line in rendered.text(file.kind, file.part).splitlines()]
        details = [line for line in lines if line[0] == "D"]
        mine = [by_reference[line[1]] for line in details]
        shown.update(row["reference"] for row in mine)
        cents = sum(row["amount_cents"] for row in mine)
        assert lines[0] == [
            "H",
            str(len(mine)),
            f"{'-' * (cents < 0)}{abs(cents) // 100}.{abs(cents) % 100:02d}",
        ]
        assert lines[-1] == ["T", str(len(lines)), str(sum(row["library"] == "LAW" for row in mine))]
        assert [line[4] for line in details] == [str(number) for number in range(1, len(mine) + 1)]
        assert (file.rows, file.total_cents) == (len(mine), cents)
        assert len(mine) <= split.get("max_rows", len(mine))
        values = [tuple(row[name] for name in split.get("one_per", ["reference"])) for row in mine]
        assert len(set(values)) == len(values)
    assert shown == written


@given(FEES, SHAPES, SPLITS)
def test_the_same_rows_give_the_same_files(rows, shape, split):
    document = document_of(shape, split, has_text=True)

    first, second = Rendered(document, rows), Rendered(copy.deepcopy(document), copy.deepcopy(rows))

    assert first.files == second.files
    assert first.sinks == second.sinks


@given(FEES, st.integers(1, 4), st.integers(2, 3))
def test_sorting_through_files_gives_the_order_that_memory_gives(rows, in_memory, runs):
    key = external_sort.sort_key(("emplid", "library"), FEE_FIELDS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(external_sort, "_ROWS_IN_MEMORY", in_memory)
        patch.setattr(external_sort, "_MOST_RUNS", runs)
        sorter = external_sort.Sorter(key)
        for row in rows:
            sorter.add(row)
        found = list(sorter.rows())
        sorter.close()

    assert found == sorted(rows, key=key)


@given(JSON | LIKELY)
def test_any_json_is_refused_with_faults_and_nothing_else(document):
    with pytest.raises(LayoutError):
        load_layout_set(document)

    assert check_layout(document)


RICH = document_of(
    {"group_by": ["emplid"], "sort": ["emplid"]}, {"max_rows": 3, "one_per": ["emplid"]}, has_text=True
)
RICH |= {
    "calendars": {
        "terms": {
            "terms": [["2232", "2023-01-01", "2023-05-31"], ["L232", "2023-01-01", "2023-05-31", "LAW"]]
        },
        "months": {"months": [[1, 12, "2{YY}2"]], "missing": "blank"},
    },
    "tables": {"t": {"keys": ["fee_type"], "columns": ["a"], "rows": [["OVERDUEFINE", "1"], ["*", "2"]]}},
    "fields": {
        "term": {"value": {"term": "terms", "on": "transaction_on", "career": "career"}, "fallback": "0000"},
        "item_type": {"lookup": {"table": "t", "column": "a"}},
    },
    "file_name": "{kind}_{term}_{part}_{own}.txt",
}
RICH["records"]["detail"] += [
    column("item_type"),
    column({"date": "transaction_at"}, date_rule=[{"add_months": 1}, {"day": "last"}], date_zone="UTC"),
    column({"sign_of": {"field": "amount_cents"}, "positive": "+"}),
    column({"line_of": ["emplid"]}),
]
PLACES = [path for path in places(RICH) if path]
NEARLY = st.sampled_from(
    ["none", "all", "|", "CR", "positional", "per_patron", "kind", "terms", "run", "file", "last", 0, 1, 7, True, "", "*"]
)  # fmt: skip


def test_the_rich_layout_is_a_good_one():
    VALIDATOR.validate(RICH)
    assert check_layout(RICH) == []
    assert Rendered(RICH, [fee(), credit()]).lines


@given(st.data())
@settings(max_examples=400)
def test_what_the_reader_accepts_the_schema_accepts_and_the_engine_writes_and_tells(data):
    *way, last = data.draw(st.sampled_from(PLACES))
    document = copy.deepcopy(RICH)
    parent = document
    for key in way:
        parent = parent[key]
    parent[last] = data.draw(LIKELY | NEARLY)

    faults = [fault for fault in check_layout(document) if fault.severity == "error"]

    if not faults:
        assert VALIDATOR.is_valid(document)
        layouts = load_layout_set(document)
        assert describe(layouts).files
        with contextlib.suppress(FileNameError, RenderError, RowRefusedError):
            compiled = compile_set(layouts, CONTEXT)
            assert explain(compiled, fee()).lines
            rendered = Rendered(document, [fee(), credit(), fee(kind="reversal")])
            assert len(rendered.lines) + len(rendered.refused) == 3


ANY_FEE = st.fixed_dictionaries({name: VALUES.get(kind, VALUES["date"]) for name, kind in FEE_FIELDS.items()})


@given(st.lists(ANY_FEE, max_size=5))
def test_whatever_the_rows_hold_lines_keep_their_columns(rows):
    document = charges(
        *[column(name) for name in ("item_title", "patron_name", "amount_cents", "library", "due_on")],
        sort=["patron_name", "transaction_at"],
    )

    rendered = Rendered(document, rows)

    assert [line.count(",") for line in rendered.text().splitlines()] == [4] * len(rendered.lines)
    assert len(rendered.lines) + len(rendered.refused) == len(rows)
