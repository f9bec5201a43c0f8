"""The published JSON Schema and the reader say the same."""

import json
from importlib import resources
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from tests.unit.layouts.making import column, layout
from webapp.domain.layouts import BUILT_IN, RUN_FIELDS, TOTAL_FIELDS, LayoutError, load_layout
from webapp.domain.layouts.model import Test
from webapp.domain.layouts.read_file import DELIMITERS

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
    assert definitions["total_name"]["enum"] == list(TOTAL_FIELDS)
    assert SCHEMA["properties"]["delimiter"]["enum"] == list(DELIMITERS)
    assert set(get_args(Test)) < set(definitions["condition"]["oneOf"][3]["properties"])


def documents_in_the_guide():
    blocks = (DOCS / "layouts.md").read_text(encoding="utf-8").split("```json\n")[1:]
    found = [
        json.loads(text) for block in blocks if (text := block.split("```")[0]).startswith('{\n  "format"')
    ]
    assert len(found) == 2
    return found


def test_the_guide_s_layouts_are_usable():
    for document in documents_in_the_guide():
        VALIDATOR.validate(document)
        load_layout(document)


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
