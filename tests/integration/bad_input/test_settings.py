"""Settings that cannot be meant block the run before anything leaves; their text never gets into a file."""

from __future__ import annotations

import pytest

from tests.integration.bad_input.campus import TWO_HOLDS, TWO_PATRONS, assert_failed_in_words
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import SettingsRefusedError, change_section
from webapp.services.onboard_tenant import OnboardRefusedError, onboard_tenant
from webapp.services.save_layout import LayoutNotSavedError, save_layout


def test_a_time_zone_that_does_not_exist_is_refused_when_the_campus_is_taken_in(core):
    with pytest.raises(OnboardRefusedError) as refused:
        onboard_tenant(
            slug="fresno", name="Fresno", alma_institution="01CALS_UFR", time_zone="America/Fresno",
            admin_email="a@fresno.example", admin_name="A", actor=SYSTEM,
        )  # fmt: skip
    assert list(refused.value.faults) == ["time_zone"]


def test_a_time_zone_lost_from_the_database_blocks_the_run(campus, superuser):
    campus.owes(*TWO_PATRONS)
    superuser.execute("UPDATE tenant SET time_zone = 'America/Los_Angelos'")
    run = campus.run()
    assert run.state == "failed"
    assert campus.dropped() == {}
    assert campus.register() == {}
    superuser.execute("UPDATE tenant SET time_zone = 'America/Los_Angeles'")
    assert campus.run().state == "succeeded"
    assert campus.register() == TWO_HOLDS


def test_a_token_that_does_not_exist_is_refused_in_a_file_name_on_save_and_before_sending(campus):
    with tenant_scope(campus.tenant_id) as session, pytest.raises(SettingsRefusedError) as refused:
        change_section(session, "files", {"file_name": "{campus}_{term}.txt"}, actor=SYSTEM)
    assert "unknown token {term}" in refused.value.faults["file_name"]
    campus.sets("files", file_name="{campus}_{term}.txt")
    campus.owes(*TWO_PATRONS)
    assert_failed_in_words(
        campus, campus.run(), "unknown token {term}", "allowed: {campus}", "settings, page Files"
    )
    assert campus.dropped() == {}
    campus.sets("files", file_name="{campus}_{kind}_{sequence:4}.txt")
    assert campus.run().state == "succeeded"
    assert list(campus.dropped()) == ["csusm_added_0001.txt"]


def test_a_layout_that_is_gone_or_faulty_stops_everything(campus):
    with pytest.raises(LayoutNotSavedError, match="emplidd"):
        save_layout(
            campus.tenant_id,
            "mine",
            {
                "format": "feebridge/layout/1", "name": "mine", "file_name": "x.txt", "mode": "delimited",
                "delimiter": ",", "records": {"detail": [{"name": "id", "value": {"field": "emplidd"}}]},
            },
            actor=SYSTEM,
            expected_version=0,
        )  # fmt: skip
    campus.sets("files", layout="mine")
    campus.owes(*TWO_PATRONS)
    assert_failed_in_words(campus, campus.run(), "There is no file layout called mine", "Nothing was sent")
    assert campus.dropped() == {}


def test_a_value_that_a_required_cell_lacks_parks_its_line_and_is_never_words_in_the_file(campus):
    document = {
        "format": "feebridge/layout/1", "name": "strict", "file_name": "x.txt", "mode": "delimited", "delimiter": ",",
        "records": {
            "detail": [
                {"name": "id", "value": {"field": "emplid"}},
                {"name": "type", "value": {"field": "violation_type"}, "required": True},
            ]
        },
    }  # fmt: skip
    save_layout(campus.tenant_id, "strict", document, actor=SYSTEM, expected_version=0)
    campus.sets("files", layout="strict")
    campus.owes(TWO_PATRONS[0], "000000002,2.77,,2026-10-02,T3,Staff")
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert list(campus.dropped().values()) == ["000000001,No permit\n"]
    assert campus.register() == {"000000001": 2500}
    ((row, (reason, cents)),) = campus.quarantine().items()
    assert row == "patron 000000002"
    assert reason.startswith("The line does not fit the file layout: type")
    assert cents == 277


def test_two_mapping_rules_for_one_type_apply_once(campus):
    campus.sets("mapping", codes_by_type={"Meter": "PRK/METER", "meter": "LIB/OTHER"})
    campus.owes(*TWO_PATRONS[1:])
    run = campus.run()
    lines = campus.built(run).get("added", "").splitlines()
    assert len(lines) == len({line.split("\t")[0] for line in lines}) == 2
    assert sum(campus.register().values()) == 1050 + 277


def test_the_same_input_gives_the_same_bytes_in_whatever_order_it_comes(campus):
    campus.owes(*TWO_PATRONS)
    first = campus.built(campus.run(dry_run=True))
    campus.owes(*reversed(TWO_PATRONS))
    assert campus.built(campus.run(dry_run=True)) == first
    assert campus.built(campus.run()) == first


def test_an_alma_address_of_somebody_else_gets_no_key(alma_campus):
    alma_campus.sets("alma", base_url="https://alma.evil.example")
    assert_failed_in_words(
        alma_campus, alma_campus.run(), "is not an Alma address this portal may send a key to"
    )
