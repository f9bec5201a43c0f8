"""The ready-made layouts and layouts of real campuses, byte for byte."""

import pytest

from tests.unit.layouts.making import CONTEXT, GOLDEN, HOLDS, hold, written
from webapp.domain.layouts import BUILT_IN, HOLD_FIELDS, check_layout, compile_layout, load_layout

HOLD_LAYOUTS = [name for name, body in BUILT_IN.items() if body.get("subject") not in {"charges", "journal"}]


def test_the_default_holds_line_is_id_total_user_type_violation_type_and_date_between_tabs():
    compiled = compile_layout(load_layout(BUILT_IN["opscom-holds"]), CONTEXT)

    assert compiled.line(hold()) == b"012345678\t125.00\tStudent\tNo Permit\t2025-09-04\n"


@pytest.mark.parametrize("name", HOLD_LAYOUTS)
def test_a_ready_made_layout_has_no_faults(name):
    assert check_layout(BUILT_IN[name], HOLD_FIELDS) == []


@pytest.mark.parametrize("name", HOLD_LAYOUTS)
def test_a_ready_made_layout_writes_its_golden_file(name):
    assert written(BUILT_IN[name], *HOLDS) == (GOLDEN / f"{name}.expected").read_bytes()


def test_fixed_columns_with_separators_make_the_41_characters_humboldt_loads():
    document = {
        "format": "feebridge/layout/1",
        "name": "Charges, 41 columns",
        "mode": "positional_separated",
        "delimiter": ",",
        "line_length": 41,
        "file_name": "bursar-converted-DEBITS-{DD}{MM}{YYYY}.dat",
        "tables": {
            "item_types": {
                "keys": ["violation_type"],
                "columns": ["item_type"],
                "rows": [["No Permit", "300000006919"], ["*", "300000006920"]],
            }
        },
        "records": {
            "detail": [
                {"name": "ID", "value": {"field": "emplid"}, "width": 9, "start": 1, "required": True},
                {
                    "name": "Item",
                    "value": {"lookup": {"table": "item_types", "column": "item_type"}},
                    "width": 12,
                },
                {"name": "Amount", "value": {"field": "total_cents"}, "width": 7, "pad": "0", "start": 24},
                {
                    "name": "Date",
                    "value": {"field": "violation_on"},
                    "width": 10,
                    "date_format": "MM/DD/YYYY",
                },
            ]
        },
    }

    octets = written(document, *HOLDS)

    assert octets == (GOLDEN / "humboldt.expected").read_bytes()
    assert {len(line) for line in octets.splitlines()} == {41}


def test_the_cornell_line_has_75_positions_under_a_header_of_five():
    detail = [
        {"name": "ID", "value": {"field": "emplid"}, "transforms": [{"last": 7}], "width": 11},
        {"name": "Amount", "value": {"field": "total_cents"}, "width": 9, "pad": "0"},
        {"name": "Item type", "value": {"const": "72000000916"}, "width": 12, "justify": "right", "pad": "0"},
        {"name": "Date", "value": {"date": "run"}, "date_format": "MMDDYY", "width": 6},
        {"name": "Source", "value": {"const": "SFS"}, "width": 3},
        {"name": "Term", "value": {"blank": True}, "width": 4},
        {"name": "Text", "value": {"const": "Main Lost Item Fee"}, "width": 30},
    ]
    document = {
        "format": "feebridge/layout/1",
        "name": "Charges, 75 columns",
        "mode": "positional",
        "file_name": "lib_{YY}{MM}{DD}a.dat",
        "records": {
            "header": [{"name": "Source", "value": {"const": "LIB02"}, "width": 5}],
            "detail": detail,
        },
    }

    assert written(document, hold(total_cents=50_000)) == (GOLDEN / "cornell.expected").read_bytes()
