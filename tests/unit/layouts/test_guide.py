"""What the guide shows is what the engine does."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from tests.unit.layouts.making import column as holds_column
from tests.unit.layouts.making import hold, layout, written
from tests.unit.layouts.making_sets import Rendered, credit, fee
from webapp.domain.layouts import BUILT_IN, FEE_FIELDS, load_layout_set

GUIDE = (Path(__file__).parents[3] / "docs" / "layouts.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(json|text)\n(.*?)```", GUIDE, re.DOTALL)
JSON_BLOCKS = [text for kind, text in BLOCKS if kind == "json"]
ROWS = [
    fee(institution="SMCMP"),
    fee(
        emplid="012345679",
        fee_type="LOSTITEMREPLACEMENTFEE",
        amount_cents=6_500,
        item_title="Introduction to the study of seashores",
    ),
    fee(emplid="900000001", payer="community", patron_name="Smith, Alex", amount_cents=325, item_title=None),
    credit(transaction_on=date(2023, 2, 27), item_title=None),
]


def documents():
    """The guide's whole layouts by their names."""
    found = [json.loads(text) for text in JSON_BLOCKS if text.startswith('{\n  "format"')]
    return {document["name"]: document for document in found}


def shown_after(name):
    """The files shown behind a layout, without the marks for blanks."""
    after = GUIDE[GUIDE.index(f'"name": "{name}"') :]
    following = after.split('"format"')[0]
    return [
        text.replace("\N{MIDDLE DOT}", " ") for text in re.findall(r"```text\n(.*?)```", following, re.DOTALL)
    ]


def test_the_guide_s_files_of_a_run_are_what_its_layout_writes():
    name = "Charges, credits and the cashier's list"

    rendered = Rendered(documents()[name], ROWS)

    assert [rendered.text(kind) for kind in ("debits", "credits", "cashier")] == shown_after(name)
    names = [file.name for file in rendered.files]
    assert names == ["cashier-2023-03-01.csv", "debits-01032023.dat", "credits-01032023.dat"]
    assert all(f"`{shown}`" in GUIDE for shown in names)


def test_the_guide_s_control_totals_are_what_its_layout_writes():
    name = "Group load with control totals"

    rendered = Rendered(documents()[name], ROWS)

    assert [rendered.text("group")] == shown_after(name)
    assert f"`{rendered.files[0].name}`" in GUIDE


def test_the_guide_s_first_example_is_what_its_layout_writes():
    line = written(documents()["Holds for our loader"], hold()).decode().rstrip()

    assert f"`{line}`".replace("\t", "\N{RIGHTWARDS ARROW TO BAR}") in GUIDE


def test_the_guide_s_fixed_columns_are_what_its_layout_writes():
    line = written(documents()["Charges, 41 columns"], hold(violation_type="Overdue", total_cents=1_250))

    assert f"`{line.decode().rstrip()}`" in GUIDE


@pytest.mark.parametrize("text", [text for text in JSON_BLOCKS if not text.startswith('{\n  "format"')])
def test_a_piece_of_a_layout_in_the_guide_can_be_used(text):
    piece = json.loads(text if text.startswith("{") else f"{{{text}}}")
    document = layout(holds_column(piece)) if "first_of" in piece else layout(holds_column("emplid"), **piece)

    load_layout_set(document)


def test_the_guide_names_every_ready_made_layout():
    assert [name for name in BUILT_IN if f"`{name}`" not in GUIDE] == []


def test_the_guide_names_every_field_of_a_fee():
    assert [name for name in FEE_FIELDS if f"`{name}`" not in GUIDE] == []
