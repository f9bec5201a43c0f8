"""What holds for every row and every document, tried on many."""

import contextlib
import copy
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.layouts.making import PACIFIC, column, hold, layout, written
from tests.unit.layouts.test_schema import VALIDATOR
from webapp.domain.layouts import (
    BUILT_IN,
    HOLD_FIELDS,
    LayoutError,
    RowRefusedError,
    check_layout,
    load_layout,
)

ANY_TEXT = st.none() | st.text(st.characters(), max_size=40)
HOSTILE_TEXT = ANY_TEXT | st.text('\t\r\n",;|\x85\u2028\u00e9\u00df a', max_size=12)
VALUES = {
    "text": HOSTILE_TEXT,
    "cents": st.integers(-(10**9), 10**9),
    "count": st.integers(0, 999),
    "date": st.none() | st.dates() | st.datetimes(timezones=st.just(PACIFIC)),
}
ROWS = st.lists(
    st.fixed_dictionaries({name: VALUES[kind] for name, kind in HOLD_FIELDS.items()}).map(
        lambda row: {**row, "emplid": "0" + str(abs(row["total_cents"]))}
    ),
    max_size=5,
)
SETTINGS = st.fixed_dictionaries(
    {
        "encoding": st.sampled_from(["ascii", "latin-1", "utf-8"]),
        "line_end": st.sampled_from(["LF", "CRLF", "CR"]),
        "on_break": st.sampled_from(["space", "replacement"]),
        "replacement": st.sampled_from(["?", "", "_"]),
    }
)
WIDE = {"width": 20, "overflow": "cut_right"}
TITLES = [
    column(name, name=name) for name in ("emplid", "item_title", "total_cents", "patron_name", "violation_on")
]
FIXED = [
    column("emplid", name="ID", width=11),
    column("item_title", name="Title", **WIDE),
    column("total_cents", name="Amount", width=16, pad="0"),
    column("patron_name", name="Name", width=9, overflow="cut_left"),
    column("violation_on", name="Date", width=10),
]


@given(ROWS, SETTINGS, st.sampled_from(["\t", ",", "|", "/"]))
def test_unquoted_lines_all_have_the_same_number_of_fields(rows, changes, delimiter):
    dated = [*TITLES[:4], column("violation_on", name="Date", date_format="YYYY-MM-DD")]
    octets = written(layout(*dated, delimiter=delimiter, **changes), *rows)

    lines = octets.decode(changes["encoding"]).splitlines()
    assert [line.count(delimiter) for line in lines] == [4] * len(rows)


@given(ROWS, SETTINGS, st.sampled_from(["minimal", "all"]))
def test_quoted_lines_are_read_back_as_the_same_number_of_fields(rows, changes, quote):
    octets = written(layout(*TITLES, quote=quote, **changes), *rows)

    lines = octets.decode(changes["encoding"]).splitlines()
    assert len(lines) == len(rows)
    assert [len(fields) for fields in csv.reader(io.StringIO("\n".join(lines)), strict=True)] == [5] * len(
        rows
    )


@given(ROWS, SETTINGS, st.sampled_from(["positional", "positional_separated"]))
def test_fixed_lines_all_have_the_same_length(rows, changes, mode):
    octets = written(layout(*FIXED, mode=mode, **changes), *rows)

    length = 66 if mode == "positional" else 70
    assert [len(line) for line in octets.decode(changes["encoding"]).splitlines()] == [length] * len(rows)


@given(ROWS)
def test_fixed_lines_in_bytes_all_have_the_same_number_of_bytes(rows):
    octets = written(layout(*FIXED, mode="positional", encoding="utf-8", width_in="bytes"), *rows)

    assert [len(line) for line in octets.split(b"\n")] == [66] * len(rows) + [0]


@given(ROWS)
def test_the_same_rows_give_the_same_bytes(rows):
    document = layout(*TITLES, heading=True, quote="minimal")

    assert written(document, *rows) == written(copy.deepcopy(document), *copy.deepcopy(rows))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
WORDS = sorted(
    {
        "format",
        "mode",
        "records",
        "detail",
        "header",
        "value",
        "name",
        "const",
        "field",
        "concat",
        "first_of",
        "when",
    }
    | {
        "then",
        "lookup",
        "table",
        "tables",
        "keys",
        "columns",
        "rows",
        "sign_of",
        "amount",
        "width",
        "transforms",
    }
    | {
        "all",
        "any",
        "not",
        "is",
        "in",
        "last",
        "substring",
        "date",
        "run",
        "aggregate",
        "pad",
        "file_name",
        "sort",
    }
)
LIKELY = st.recursive(
    JSON | st.sampled_from([*WORDS, "emplid", "total_cents", "positional", "feebridge/layout/1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=30,
)


@given(JSON | LIKELY)
def test_any_json_is_refused_with_faults_and_nothing_else(document):
    with pytest.raises(LayoutError) as refused:
        load_layout(document)

    assert refused.value.faults
    assert check_layout(document, HOLD_FIELDS)


RICH = layout(
    *FIXED[:2],
    column({"concat": ["x", {"value": {"field": "emplid"}, "transforms": [{"last": 3}]}]}, name="Joined"),
    column({"lookup": {"table": "t", "column": "a"}}, name="Looked up", fallback=""),
    column(
        {"first_of": [{"when": {"field": "action", "is": "A"}, "then": "x"}], "otherwise": "y"}, name="Chosen"
    ),
    column({"sign_of": {"field": "total_cents"}}, name="Sign"),
    column("total_cents", name="Cents", amount={"decimals": "implied", "sign": "trailing"}, width=9, pad="0"),
    tables={"t": {"keys": ["action"], "columns": ["a"], "rows": [["A", "1"], ["*", "2"]]}},
    records={"trailer": [column({"aggregate": "count"})]},
)


def places(node, path=()):
    """Every place inside a JSON document."""
    yield path
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in members:
        yield from places(inner, (*path, key))


PLACES = {
    id(document): [path for path in places(document) if path] for document in [RICH, *BUILT_IN.values()]
}


@given(st.data())
@settings(max_examples=300)
def test_what_the_reader_accepts_the_schema_accepts_and_the_engine_writes(data):
    original = data.draw(st.sampled_from([RICH, *BUILT_IN.values()]))
    *way, last = data.draw(st.sampled_from(PLACES[id(original)]))
    document = copy.deepcopy(original)
    parent = document
    for key in way:
        parent = parent[key]
    parent[last] = data.draw(
        LIKELY | st.sampled_from(["none", "all", "|", "CR", "Mon", 0, 1, 7, True, "", "*"])
    )

    faults = check_layout(document, HOLD_FIELDS)

    if not faults:
        assert VALIDATOR.is_valid(document)
        with contextlib.suppress(RowRefusedError):
            assert written(document, hold()).endswith(b"\n") or not document.get("final_newline", True)
