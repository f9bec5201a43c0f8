"""Alma's bursar export as the sandbox plays it: the oddities of the file, and what becomes of the fees."""

from __future__ import annotations

from datetime import date

import pytest
from lxml import etree

from webapp.sandbox.bursar_file import NAMESPACE, shortest_sum
from webapp.sandbox.bursar_job import BursarJobError, BursarJobs, BursarProfile
from webapp.sandbox.settings import SandboxSettings, World, build_world

XB = f"{{{NAMESPACE}}}"


@pytest.fixture
def world(tmp_path) -> World:
    world = build_world(SandboxSettings(today=date(2026, 11, 20)))
    world.drop_root = tmp_path / "drop"
    world.drop_root.mkdir()
    return world


def run(world: World, **choices):
    return BursarJobs(world).run(BursarProfile.from_mapping(choices))


def read(world: World, told) -> etree._Element:
    return etree.parse(world.drop_root / "csusm" / told["file"]).getroot()


def test_the_file_holds_every_active_fee_once(world):
    told = run(world)
    assert told["file"].startswith(f"BURSAR-{told['job_id']}-")
    root = read(world, told)
    fees = root.findall(f".//{XB}userFineFee")
    assert len(fees) == told["fees"] > 10
    sums = [fee.findtext(f"{XB}compositeSum/{XB}sum") for fee in fees]
    assert sum(round(float(text) * 100) for text in sums) == told["total_cents"]
    ids = [fee.findtext(f"{XB}bursarTransactionId") for fee in fees]
    assert len(set(ids)) == len(ids)
    assert {len(text) for text in ids} == {17}
    assert any(text.startswith("-") for text in sums), "credits are in it"


def test_the_file_has_the_oddities_of_the_real_one(world):
    root = read(world, run(world))
    fees = root.findall(f".//{XB}userFineFee")
    institutions = {node.text for node in root.iter(f"{XB}InstitutionId")}
    assert "null" in institutions
    assert any(fee.find(f"{XB}itemTitle") is None for fee in fees)
    assert any(fee.find(f"{XB}itemCallNumebr") is not None for fee in fees)
    assert any(fee.find(f"{XB}owneredEntity/{XB}libraryCode") is None for fee in fees)
    dates = [fee.findtext(f"{XB}lastTransactionDate") for fee in fees]
    assert {text.endswith(" PST") for text in dates} == {True, False}


@pytest.mark.parametrize(
    ("cents", "text"), [(30_000, "300"), (50, "0.5"), (-325, "-3.25"), (1, "0.01"), (1205, "12.05")]
)
def test_sums_have_no_fixed_decimals(cents, text):
    assert shortest_sum(cents) == text


def test_an_exported_fee_is_closed_and_not_exported_again(world):
    institution = world.institutions["01CALS_USM"]
    told = run(world)
    again = run(world)
    assert (again["file"], again["fees"]) == ("", 0)
    closed = [
        fee
        for patron in institution.live_view().patrons_with_fees()
        for fee in institution.fees(patron, "CLOSED")
        if fee.bursar_transaction_id
    ]
    assert len(closed) == told["fees"]
    assert all(fee.balance_cents == 0 and fee.transactions[-1].comment == "BURSAR" for fee in closed)


def test_two_way_fees_are_transferred_instead(world):
    told = run(world, two_way="yes")
    institution = world.institutions["01CALS_USM"]
    moved = [
        fee
        for patron in institution.live_view().patrons_with_fees()
        for fee in institution.fees(patron, "EXPORTED")
        if fee.bursar_transaction_id
    ]
    assert len(moved) == told["fees"]


def test_small_and_young_fees_can_be_left_out(world):
    assert run(world, minimum_cents=10**9)["fees"] == 0
    assert run(world, age_days=5000)["fees"] == 0


def test_numbers_go_on_after_a_restart(tmp_path):
    choices = SandboxSettings(today=date(2026, 11, 20), memory=tmp_path / "memory")
    first = build_world(choices)
    first.drop_root = tmp_path
    exported = run(first)["fees"]
    again = build_world(choices).institutions["01CALS_USM"]
    assert int(again.next_bursar_number()[2:11]) == exported + 1


@pytest.mark.parametrize(
    "choices",
    [{"colour": "red"}, {"age_days": "many"}, {"institution": "01NOBODY"}, {"folder": "../outside"}],
)
def test_choices_that_make_no_sense_are_refused(world, choices):
    with pytest.raises(BursarJobError):
        run(world, **choices)
