"""The published JSON Schema and the reader say the same."""

import json
from importlib import resources
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from tests.unit.layouts.making import column, layout
from tests.unit.layouts.making_sets import charges
from tests.unit.layouts.making_sets import column as fee_column
from webapp.domain.layouts import (
    BUILT_IN,
    RUN_FIELDS,
    TOTAL_FIELDS,
    LayoutError,
    load_layout,
    load_layout_set,
)
from webapp.domain.layouts.model import Test
from webapp.domain.layouts.read import DOCUMENT_KEYS, SPLIT_KEYS
from webapp.domain.layouts.read_file import DELIMITERS, FILE_KEYS

SHIPPED = (resources.files("webapp.domain.layouts") / "layout.schema.json").read_text(encoding="utf-8")
SCHEMA = json.loads(SHIPPED)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
DOCS = Path(__file__).parents[3] / "docs"


def test_the_published_schema_is_the_shipped_one():
    assert (DOCS / "layout.schema.json").read_text(encoding="utf-8") == SHIPPED


def test_the_schema_is_itself_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_ready_made_layout_follows_the_schema(name):
    VALIDATOR.validate(BUILT_IN[name])


def test_schema_and_engine_know_the_same_words():
    definitions = SCHEMA["$defs"]

    assert definitions["run_name"]["enum"] == list(RUN_FIELDS)
    assert definitions["total_name"]["anyOf"][0]["enum"] == list(TOTAL_FIELDS)
    assert definitions["file_keys"]["properties"]["delimiter"]["enum"] == list(DELIMITERS)
    assert set(definitions["file_keys"]["properties"]) == {*FILE_KEYS, *SPLIT_KEYS}
    assert SCHEMA["properties"].keys() | definitions["file_keys"]["properties"].keys() == set(DOCUMENT_KEYS)
    assert set(get_args(Test)) < set(definitions["condition"]["oneOf"][3]["properties"])


def documents_in_the_guide():
    blocks = (DOCS / "layouts.md").read_text(encoding="utf-8").split("```json\n")[1:]
    return [
        json.loads(text) for block in blocks if (text := block.split("```")[0]).startswith('{\n  "format"')
    ]


def test_the_guide_s_layouts_are_usable():
    documents = documents_in_the_guide()

    assert len(documents) >= 4
    for document in documents:
        VALIDATOR.validate(document)
        load_layout_set(document)
        if document.get("subject") != "charges":
            load_layout(document)


FEES = {
    "calendars": {
        "t": {"terms": [["2232", "2023-01-01", "2023-05-31"], ["L232", "2023-01-01", "2023-05-31", "LAW"]]}
    },
    "aggregates": {"a": {"sum": "amount_cents", "as": "absolute"}, "b": {"count": True}},
    "fields": {"term": {"term": "t", "on": "run"}, "plain": "text"},
    "group_by": ["emplid"],
}


@pytest.mark.parametrize(
    "document",
    [
        charges(column("emplid")),
        charges(column("emplid"), **FEES),
        charges(fee_column({"line": "group"}), fee_column({"line_of": ["emplid"]}), sort=["emplid"], group_by=["emplid"]),
        charges(fee_column("due_on", date_rule=[{"add_months": 1}, {"day": "last"}])),
        charges(fee_column("transaction_at", date_zone="UTC")),
        charges(fee_column({"term": "t", "on": "due_on", "career": "career"}), **FEES),
        charges(
            column("emplid"),
            records={
                "text": [{"when": {"field": "kind", "is": "charge"}, "columns": [column("emplid")]}],
                "patron_header": [fee_column({"group": "count"})],
                "patron_trailer": [fee_column({"sign_of": {"group": "a"}})],
            },
            **FEES,
        ),
        charges(column("emplid"), files=[{"kind": "a", "when": {"field": "kind", "is": "charge"}}, {"kind": "b"}]),
        {**{key: value for key, value in charges().items() if key not in {"mode", "delimiter", "records"}},
         "files": [{"kind": "a", "mode": "positional", "records": {"detail": [column("emplid", width=9)]},
                    "max_rows": 5, "one_per": ["emplid"]}]},
    ],
)  # fmt: skip
def test_schema_and_reader_accept_the_same_sets(document):
    VALIDATOR.validate(document)
    load_layout_set(document)


@pytest.mark.parametrize(
    "document",
    [
        charges(column("emplid"), files=[]),
        charges(column("emplid"), files=[{"kind": "A"}]),
        charges(column("emplid"), files=[{"kind": "a", "name": "x"}]),
        charges(column("emplid"), subject="fines"),
        charges(column("emplid"), fields={"Term": "x"}),
        charges(column("emplid"), aggregates={"a": {}}),
        charges(column("emplid"), aggregates={"a": {"count": False}}),
        charges(column("emplid"), calendars={"t": {"terms": [["A", "2023-01-01"]]}}),
        charges(column("emplid"), calendars={"t": {"months": [[0, 12, "A"]]}}),
        charges(column("due_on", date_rule=[])),
        charges(column("due_on", date_rule=[{"day": 32}])),
        charges(column("due_on", date_rule=[{"day": 1, "add_days": 1}])),
        charges(column({"line": "page"})),
        charges(column({"term": "t"}), **FEES),
        charges(column("emplid"), records={"text": [{"when": {"field": "kind", "is": "charge"}}]}),
        charges(column("emplid"), max_rows=0),
    ],
)
def test_schema_and_reader_refuse_the_same_sets(document):
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(LayoutError):
        load_layout_set(document)


@pytest.mark.parametrize(
    "document",
    [
        layout(),
        layout(column("emplid", widht=3)),
        layout(column("emplid", width=0)),
        layout(column("emplid"), extra=1),
        layout(column("emplid"), quote="some"),
        layout(column({"const": "x", "field": "emplid"})),
        layout(column({"first_of": [{"when": {"field": "action"}, "then": "x"}]})),
        layout(column({"first_of": [{"when": {"field": "action", "is": "A", "run": "kind"}, "then": "x"}]})),
        layout(column({"sign_of": {}})),
        layout(column("emplid", transforms=[{"last": 0}])),
        layout(column("total_cents", amount={"plus": "*"})),
        layout(column({"concat": [{"value": {"field": "emplid"}, "name": "x"}]})),
        layout(column("emplid"), tables={"t": {"keys": [], "columns": ["a"], "rows": [["x"]]}}),
    ],
)
def test_schema_and_reader_refuse_the_same_structures(document):
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(LayoutError):
        load_layout(document)
