"""``feebridge layouts``: what comes with it, what is wrong with one's own, and what campus IT is given."""

from __future__ import annotations

import json

import pytest

from webapp.domain.layouts import BUILT_IN
from webapp.domain.layouts.catalogue import SUBJECTS
from webapp.domain.layouts.either_way import READY_MADE
from webapp.domain.layouts.inbound import READY_MADE_INBOUND
from webapp.services.golden import ready_made_golden


def test_every_ready_made_layout_is_listed_with_what_it_is_about(desk):
    lines = desk.run("layouts", "list").output.splitlines()
    assert [line.split()[0] for line in lines] == list(READY_MADE)
    assert {line.split()[1] for line in lines} == {*SUBJECTS, "payments", "answers", "hold_list"}


@pytest.mark.parametrize("name", READY_MADE_INBOUND)
def test_a_layout_of_incoming_files_is_shown_checked_and_specified_like_any_other(desk, name):
    shown = desk.run("layouts", "show", name).output
    assert json.loads(shown) == READY_MADE_INBOUND[name]
    own = desk.put("own.json", shown)
    assert "can be used" in desk.run("layouts", "check", own).output
    for how in ([name], [own, "--html"]):
        said = desk.run("layouts", "spec", *how).output
        assert all(column["name"] in said for column in READY_MADE_INBOUND[name]["columns"])


def test_the_specification_of_payments_says_what_each_action_is(desk):
    said = desk.run("layouts", "spec", "ps-payments-event").output
    assert "WRO is a write-off, no payment" in said
    assert "12 digits; leading zeros may be lost" in said


def test_a_fault_of_an_incoming_layout_is_told_with_its_line(desk):
    text = desk.run("layouts", "show", "sierra-63").output.replace('"barcode"', '"barcde"')
    line = 1 + text[: text.index("barcde")].count("\n")
    said = desk.run("layouts", "check", desk.put("own.json", text), code=1).output
    assert f"own.json:{line}: error:" in said
    assert "did you mean 'barcode'?" in said


def test_a_ready_made_layout_that_is_shown_can_be_checked_and_used(desk):
    shown = desk.run("layouts", "show", "humboldt-bursar").output
    assert json.loads(shown) == BUILT_IN["humboldt-bursar"]
    assert "can be used" in desk.run("layouts", "check", desk.put("own.json", shown)).output


def test_an_unknown_name_is_answered_with_the_names_there_are(desk):
    assert "mit-csv" in desk.run("layouts", "show", "mit", code=2).output


def test_a_fault_is_told_with_its_line(desk):
    text = desk.run("layouts", "show", "cornell-lib02").output.replace('"width": 9', '"width": 900000')
    line = 1 + text[: text.index("900000")].count("\n")
    said = desk.run("layouts", "check", desk.put("own.json", text), code=1).output
    assert f"own.json:{line}: error:" in said


def test_a_file_that_is_no_json_is_said_to_be_none(desk):
    assert "not JSON" in desk.run("layouts", "check", desk.put("own.json", "{oops"), code=2).output
    assert "one JSON object" in desk.run("layouts", "check", desk.put("own.json", "[]"), code=2).output


def test_a_golden_example_is_held_against_the_layout(desk):
    golden = desk.put("golden.json", ready_made_golden("mit-csv"))
    own = desk.put("own.json", BUILT_IN["mit-csv"])
    assert "golden example holds" in desk.run("layouts", "check", own, "--golden", golden).output
    changed = desk.put("changed.json", BUILT_IN["mit-csv"] | {"quote": "minimal"})
    assert "line 1" in desk.run("layouts", "check", changed, "--golden", golden, code=1).output
    poor = desk.put("poor.json", {"rows": []})
    assert "run_at, files" in desk.run("layouts", "check", own, "--golden", poor, code=2).output


def test_the_specification_names_every_column_with_its_place(desk):
    said = desk.run("layouts", "spec", "cornell-lib02").output
    assert "File “refunds”: lib_{YY}{MM}{DD}b.dat" in said
    for name, start in (("Amount", "12"), ("Item type", "21"), ("Text", "46")):
        assert any(line.split()[:1] == [start] and name in line for line in said.splitlines())
    assert "72000000901" in said


def test_the_specification_as_a_page_shows_texts_as_texts(desk):
    document = BUILT_IN["mit-csv"] | {"description": "<script>alert(1)</script> & more"}
    page = desk.run("layouts", "spec", desk.put("own.json", document), "--html").output
    assert page.startswith("<!doctype html>")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "BILLINGTERM" in page


def test_a_specification_of_a_layout_with_faults_is_refused(desk):
    assert "$" in desk.run("layouts", "spec", desk.put("own.json", {"format": "x"}), code=1).output
