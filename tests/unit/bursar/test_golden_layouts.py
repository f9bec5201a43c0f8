"""The ready-made layouts for charges, byte for byte, and how a golden example notices a change."""

from __future__ import annotations

import copy

import pytest

from webapp.domain.layouts import BUILT_IN, check_layout
from webapp.services.golden import check_golden, ready_made_golden

CHARGES = [name for name, body in BUILT_IN.items() if body.get("subject") in {"charges", "journal"}]


def example(name):
    return copy.deepcopy(BUILT_IN[name]), copy.deepcopy(ready_made_golden(name))


@pytest.mark.parametrize("name", CHARGES)
def test_a_ready_made_layout_for_money_has_no_faults(name):
    assert check_layout(BUILT_IN[name]) == []


@pytest.mark.parametrize("name", CHARGES)
def test_a_ready_made_layout_for_money_writes_its_golden_files(name):
    document, golden = example(name)
    assert golden["rows"]
    assert golden["files"]
    assert check_golden(document, golden) == []


def test_every_debit_and_credit_line_of_humboldt_has_41_characters():
    files = ready_made_golden("humboldt-bursar")["files"]
    lines = [line for name, text in files.items() if name.endswith(".dat") for line in text.splitlines()]
    assert {len(line) for line in lines} == {41}
    assert set(files) == {
        "bursar-community-02032026.csv",
        "bursar-converted-DEBITS-02032026.dat",
        "bursar-converted-CREDITS-02032026.dat",
    }


def test_cornell_lines_have_75_positions_behind_their_header_of_five():
    for text in ready_made_golden("cornell-lib02")["files"].values():
        header, *lines = text.splitlines()
        assert header == "LIB02"
        assert {len(line) for line in lines} == {75}


def test_the_totals_of_the_external_file_are_those_of_its_lines():
    for text in ready_made_golden("ps-external-file")["files"].values():
        header, *lines, trailer = text.splitlines()
        total_cents = sum(int(line[24:40].replace(".", "")) for line in lines)
        assert header[14:24] == trailer[1:11] == f"{len(lines):010d}"
        assert header[24:41] == trailer[11:28] == f"{total_cents / 100:017.2f}"


def test_a_second_reversal_of_one_student_term_and_item_type_goes_into_another_file():
    files = ready_made_golden("ps-mass-select")["files"]
    reversals = [text.count("\n") for name, text in files.items() if "reversals" in name]
    assert reversals == [2, 1]


def test_a_change_of_a_column_is_told_with_file_and_line():
    document, golden = example("cornell-lib02")
    document["records"]["detail"][4]["value"] = {"const": "LIB"}
    differences = check_golden(document, golden)
    assert len(differences) == 2
    assert differences[0].startswith("lib_260302a.dat, line 2: was ")


def test_a_row_that_the_changed_layout_refuses_is_told():
    document, golden = example("mit-csv")
    document["tables"]["texts"]["rows"] = [["OVERDUEFINE", "ROLH", "Library overdue"]]
    differences = check_golden(document, golden)
    assert [words.partition(":")[0] for words in differences[:3]] == [
        f"Row {n} is refused" for n in (2, 3, 4)
    ]
    assert "line 3" in differences[3]


def test_another_file_name_is_a_file_missing_and_a_file_too_many():
    document, golden = example("mit-csv")
    document["file_name"] = "fees.csv"
    assert check_golden(document, golden) == [
        "The file sample_bursar_20260302.csv is not made any more.",
        "There is a new file fees.csv.",
    ]


def test_a_lost_last_line_end_is_told():
    document, golden = example("mit-csv")
    document["final_newline"] = False
    (words,) = check_golden(document, golden)
    assert "line ends" in words


def test_a_layout_with_a_fault_differs_by_its_fault():
    document, golden = example("mit-csv")
    document["records"]["detail"][0]["value"] = {"field": "patron"}
    (words,) = check_golden(document, golden)
    assert "$.records.detail[0]: unknown field" in words


def test_an_example_without_an_offset_is_refused():
    document, golden = example("mit-csv")
    golden["run_at"] = "2026-03-02T18:00:00"
    (words,) = check_golden(document, golden)
    assert "offset" in words


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in CHARGES])
def test_layouts_for_holds_have_no_golden_example_of_charges(name):
    assert ready_made_golden(name) is None
