"""The layouts that come with Feebridge, in whole runs."""

from __future__ import annotations

import pytest

from tests.integration.bursar.alma_files import Fee
from webapp.domain.layouts import BUILT_IN

CHARGES = sorted(name for name, body in BUILT_IN.items() if body.get("subject") == "charges")
STRANGER = Fee("F2", "8", patron="hopper@example.edu", name="Hopper, Grace")


def test_humboldts_three_files_with_community_credits_under_one_item_type(campus):
    campus.sets("bursar", layout="humboldt-bursar", community="file", credit_item_type="820000206129")
    run = campus.converts(Fee("F1", "12.5"), STRANGER, Fee("C1", "-3.25", fee_type="CREDIT"))
    assert run.state == "succeeded", run.error
    assert campus.files(run) == {
        "community": [
            "UserID,Name,Item Type,Amount,Date",
            'hopper@example.edu,"Hopper, Grace",OVERDUEFINE,0008.00,10/01/2026',
        ],
        "credits": ["012345678,820000206129,0003.25,10/01/2026"],
        "debits": ["012345678,300000006919,0012.50,10/01/2026"],
    }
    assert sorted(campus.ledger()) == [
        ("C1", "credit", -325, "820000206129"),
        ("F1", "charge", 1250, "300000006919"),
        ("F2", "charge", 800, "OVERDUEFINE"),
    ]
    text = campus.mailbox.messages[-1].message.get_content()
    assert text.count("  debits ") == text.count("  net ") == 3


def test_people_without_an_emplid_wait_at_the_desk_or_are_left_out_as_the_campus_says(campus):
    assert campus.rows(campus.converts(STRANGER)) == {"F2": ("quarantined", "no_emplid")}
    campus.sets("bursar", community="exclude")
    run = campus.converts(Fee("F3", patron="hopper@example.edu"), export_number="2", name="BURSAR-78-1.xml")
    assert campus.rows(run) == {"F2": ("excluded", "community"), "F3": ("excluded", "community")}
    assert run.counts["rows_excluded_community"] == 2
    assert campus.desk() == {}


@pytest.mark.parametrize("name", CHARGES)
def test_every_ready_made_layout_of_charges_carries_a_run_to_its_end(campus, name):
    campus.sets("bursar", layout=name)
    run = campus.converts(Fee("15216075630006761", "12.5", barcode="39001"))
    assert run.state == "succeeded", run.error
    assert [line[:3] for line in campus.ledger()] == [("15216075630006761", "charge", 1250)]


def test_a_layout_with_one_line_per_patron_still_has_each_fee_in_the_ledger(campus):
    campus.sets("bursar", layout="cashnet-balance")
    run = campus.converts(Fee("F1", "12.5"), Fee("F2", "7.5"), Fee("F3", patron="987654321"))
    assert run.state == "succeeded", run.error
    assert [line[:3] for line in campus.ledger()] == [
        ("F1", "charge", 1250),
        ("F2", "charge", 750),
        ("F3", "charge", 1000),
    ]
    assert campus.query("SELECT fee_ref, line_no FROM ledger_entry ORDER BY id") == [
        ("F1", 1),
        ("F2", 1),
        ("F3", 2),
    ]
    assert (run.counts["rows_sent"], run.counts["cents_sent"]) == (3, 3000)
