"""Settings become a policy; numbers become sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from webapp.config import load_settings
from webapp.domain.campus_settings import CampusSettings
from webapp.domain.holds import (
    HoldCode,
    HoldCounts,
    PolicyError,
    SafetyFacts,
    SafetyLimits,
    from_settings,
    safety_stops,
    tell_story,
)
from webapp.services.file_links import FileLinkError, make_file_link, read_file_link
from webapp.store.holds import ChangeTotals
from worker.pipelines.holds.plan import PlannedFile, plan_files

DEFAULTS = CampusSettings()


def policy(**mapping):
    return from_settings(DEFAULTS["policy"], {**DEFAULTS["mapping"], **mapping})


def test_the_default_policy_places_a_hold_for_any_amount_of_any_type():
    found = policy()
    assert found.minimum_total_cents == 0
    assert not found.trigger_types
    assert found.default_code == HoldCode("LIB", "LFINE")
    assert found.has_one_code


def test_codes_by_type_are_found_whatever_the_case_and_blanks():
    found = policy(codes_by_type={"Lost  Item": "LBL/LOST", "Meter": "PRK"})
    assert found.code_for("LOST ITEM") == HoldCode("LBL", "LOST")
    assert found.code_for("meter") == HoldCode("PRK", "")
    assert found.code_for("anything else") == HoldCode("LIB", "LFINE")
    assert not found.has_one_code


def test_every_fault_of_a_policy_is_named_at_once():
    with pytest.raises(PolicyError) as refused:
        policy(hold_code="LIBRARY", codes_by_type={"Meter": "PRK/TOO LONG"})
    assert "LIBRARY" in str(refused.value)
    assert "TOO LONG" in str(refused.value)


@pytest.mark.parametrize("code", [":AB", "A'B", "A,B", "É", "A B"])
def test_a_hold_code_is_made_of_letters_digits_and_underscores(code):
    with pytest.raises(PolicyError, match="letters A to Z"):
        policy(hold_code=code)
    with pytest.raises(PolicyError, match="the hold code of Meter"):
        policy(codes_by_type={"Meter": f"PRK/{code}"})


def test_the_story_says_what_happened_in_one_sentence():
    counts = HoldCounts(added=37, added_cents=120_450, updated=3, released=12, quarantined={"no_emplid": 2})
    assert tell_story(counts, ["files delivered to sftp.example.edu at 18:02"]) == (
        "37 patrons added ($1,204.50), 3 changed, 12 released; 2 rows held back: the row has no EMPLID; "
        "files delivered to sftp.example.edu at 18:02."
    )


def test_the_story_begins_with_what_there_is():
    assert tell_story(HoldCounts(released=1)) == "1 patron released."
    assert tell_story(HoldCounts(updated=2, released=1, held_back=1)) == (
        "2 patrons changed, 1 released; 1 hold was left as it is because of such rows."
    )
    assert tell_story(HoldCounts()).startswith("Nothing to send")


def facts(**more):
    usual = {
        "fee_rows": 100,
        "covers_everyone": True,
        "register_rows": 100,
        "changed_rows": 5,
        "released_rows": 2,
    }
    return SafetyFacts(**{**usual, **more})


@pytest.mark.parametrize(
    ("strange", "says"),
    [
        ({"fee_rows": 0}, "The source is empty"),
        ({"released_rows": 51}, "51 of 100 holds would be released at once"),
        ({"changed_rows": 501, "recent_changes": [100, 90, 110]}, "501 holds would change"),
        (
            {"patrons_above_limit": 1, "largest_emplid": "000000001", "largest_cents": 700_000},
            "$7,000.00 for …0001",
        ),
        ({"unidentified_rows": 1}, "One of these may belong to such a row"),
    ],
)
def test_each_strange_night_asks_with_a_sentence_of_its_own(strange, says):
    assert safety_stops(facts(), SafetyLimits()) == []
    (sentence,) = safety_stops(facts(**strange), SafetyLimits())
    assert says in sentence


def test_every_stop_can_be_switched_off_and_small_campuses_are_left_in_peace():
    off = SafetyLimits(stop_if_empty=False, factor=0, patron_cents=0, release_percent=0)
    wild = facts(fee_rows=0, released_rows=100, changed_rows=900, recent_changes=[1], patrons_above_limit=3)
    assert safety_stops(wild, off) == []
    assert (
        safety_stops(
            facts(register_rows=4, released_rows=4, changed_rows=8, recent_changes=[1]), SafetyLimits()
        )
        == []
    )
    assert safety_stops(facts(fee_rows=0, covers_everyone=False), SafetyLimits()) == []


TOTALS = [
    ChangeTotals("LBL", "A", 1, 900, 1),
    ChangeTotals("LIB", "A", 2, 300, 2),
    ChangeTotals("LIB", "R", 1, 0, 0),
]
USUAL = {"style": "delta", "per_code": False, "empty_file": False, "default_code": "LIB"}


def test_added_and_released_are_a_file_each_and_a_side_without_news_is_none():
    assert plan_files(TOTALS, **USUAL) == [
        PlannedFile("added", "", 3, 1200),
        PlannedFile("released", "", 1, 0),
    ]
    assert plan_files(TOTALS[:1], **USUAL) == [PlannedFile("added", "", 1, 900)]
    assert plan_files([], **USUAL) == []


def test_one_file_per_code_when_asked_and_an_empty_one_only_when_asked():
    assert plan_files(TOTALS, **{**USUAL, "per_code": True}) == [
        PlannedFile("added", "LBL", 1, 900), PlannedFile("added", "LIB", 2, 300), PlannedFile("released", "LIB", 1, 0),
    ]  # fmt: skip
    assert plan_files([], **{**USUAL, "empty_file": True}) == [
        PlannedFile("added", "", 0, 0), PlannedFile("released", "", 0, 0),
    ]  # fmt: skip


SETTINGS = load_settings(
    {
        "DATABASE_URL": "postgresql:///x",
        "DATABASE_SCHEDULER_URL": "postgresql:///x",
        "REDIS_URL": "redis://",
        "FEEBRIDGE_FILES_URL": "file:///x",
        "FEEBRIDGE_SECRET_KEY": "0123456789" * 4,
        "FEEBRIDGE_VAULT_KEYS": "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }
)
SENT_AT = datetime(2026, 11, 21, 18, tzinfo=UTC)


def test_a_mailed_link_names_its_run_until_it_expires_and_no_other_when_changed():
    link = make_file_link(SETTINGS, tenant_id=3, slug="csusm", run_id=41, from_at=SENT_AT, hours=72)
    token = link.rpartition("/")[2]
    found = read_file_link(SETTINGS, token, now=SENT_AT + timedelta(hours=71))
    assert (found.tenant_id, found.run_id) == (3, 41)
    with pytest.raises(FileLinkError, match="expired"):
        read_file_link(SETTINGS, token, now=SENT_AT + timedelta(hours=72))
    for changed in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[3:], "", "x.y"):
        with pytest.raises(FileLinkError, match="not complete or was changed"):
            read_file_link(SETTINGS, changed, now=SENT_AT)


def test_the_story_names_the_two_reasons_met_most_and_no_patron():
    counts = HoldCounts(
        added=1,
        quarantined={"refused": 9},
        reasons=[
            ("Line 3: the student or staff id is missing.", 2),
            ("Line 9: the id …6789 has 8 digits instead of 9.", 1),
            ("Line 12: the id …1234 has 7 digits instead of 9.", 3),
            ("Line 20: the amount “12,x” cannot be read.", 1),
            ("Line 21: the student or staff id is missing.", 2),
        ],
    )
    story = tell_story(counts)
    assert story.endswith(
        "9 rows held back: the id … has 8 digits instead of 9 (4), the student or staff id is missing (4) and more."
    )
    assert "6789" not in story


def test_one_reason_is_said_without_its_number_again():
    counts = HoldCounts(quarantined={"refused": 6}, reasons=[("The row has no EMPLID.", 6)])
    assert "6 rows held back: the row has no EMPLID." in tell_story(counts)


def test_the_first_run_asks_when_it_would_tell_many_and_later_ones_have_a_norm():
    facts = SafetyFacts(
        fee_rows=9_000, covers_everyone=True, register_rows=0, changed_rows=2_001, released_rows=0
    )
    (stop,) = safety_stops(facts, SafetyLimits())
    assert "first run" in stop
    assert "2,001 lines" in stop
    assert safety_stops(facts, SafetyLimits(first_rows=0)) == []
    assert safety_stops(replace(facts, changed_rows=2_000), SafetyLimits()) == []
    assert safety_stops(replace(facts, recent_changes=[1_900]), SafetyLimits()) == []
