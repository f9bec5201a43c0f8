"""The line of a fault in a layout's text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.layouts.place import Places

TEXT = """{
  "name": "x",
  "records": {
    "detail": [
      {"name": "a \\"quoted\\", [odd] name",
       "width": 3},
      {"name": "b"}
    ]
  },
  "sort": []
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("$", 1),
        ("$.name", 2),
        ("$.records.detail", 4),
        ("$.records.detail[0]", 5),
        ("$.records.detail[0].width", 6),
        ("$.records.detail[1]", 7),
        ("$.records.detail[1].width", 7),
        ("$.records.trailer", 3),
        ("$.sort[4]", 10),
        ("$.file_name", 1),
    ],
)
def test_a_place_is_found_by_its_path_and_a_missing_one_by_what_it_is_missing_from(path, line):
    assert Places(TEXT).line_of(path) == line


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.text(max_size=40))
def test_any_json_and_any_path_give_a_line_of_the_text(value, path):
    text = json.dumps(value, indent=1)
    assert 1 <= Places(text).line_of(f"$.{path}") <= text.count("\n") + 1


def test_a_text_nested_without_end_is_looked_through_without_harm():
    assert Places("[" * 50_000).line_of("$[0][0]") == 1
