"""A sandbox that remembers goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from webapp.sandbox.settings import SandboxSettings, build_world


def test_a_paid_and_an_added_fee_outlive_the_process(tmp_path):
    settings = SandboxSettings(memory=tmp_path, today=date(2026, 11, 20))
    before = build_world(settings).institutions["01CALS_USM"]
    patron = next(before.live_view().patrons_with_fees())
    paid = replace(before.fees(patron)[0], balance_cents=0, status="CLOSED")
    before.store(paid)
    added = replace(paid, fee_id=before.next_fee_id(), balance_cents=1250, status="ACTIVE", transactions=())
    before.add(added)

    later = build_world(replace(settings, today=date(2026, 11, 25)))
    after = later.institutions["01CALS_USM"]
    assert later.clock.first_day == date(2026, 11, 20)
    assert after.fees(patron) == before.fees(patron)
    assert after.next_fee_id() == before.next_fee_id()
    assert build_world(SandboxSettings(today=date(2026, 11, 20))).institutions["01CALS_USM"].fees(
        patron
    ) != after.fees(patron)


def test_a_line_cut_by_a_kill_is_not_read(tmp_path):
    settings = SandboxSettings(memory=tmp_path)
    institution = build_world(settings).institutions["01CALS_USM"]
    patron = next(institution.live_view().patrons_with_fees())
    fees = institution.fees(patron)
    journal = next(tmp_path.glob("world-*.jsonl"))
    with journal.open("a") as handle:
        handle.write('{"institution": "01CALS_USM", "is_new": fal')
    assert build_world(settings).institutions["01CALS_USM"].fees(patron) == fees
