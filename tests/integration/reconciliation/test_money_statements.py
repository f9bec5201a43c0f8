"""What a difference says of money must be true: who was paid what, and whom PeopleSoft still asks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest


def the_only_one(world):
    """The kind and the amounts of the one open difference: ours, theirs."""
    [found] = world.campus.rows(
        "SELECT kind, ours_cents, theirs_cents FROM difference WHERE closed_at IS NULL"
    )
    return found


def reconciled(world, **options):
    """The open differences after a run that succeeded."""
    run = world.reconciles(**options)
    assert run.state == "succeeded", run.error
    return world.open()


def test_of_a_fee_paid_in_part_on_both_sides_only_the_desks_part_is_untold(world):
    fee_id = world.bills("25.00")
    world.pays(10_00, fee_id)
    world.alma_takes(fee_id, 5_00)
    reconciled(world)
    assert the_only_one(world) == ("missing_here", 5_00, 5_00)


def test_of_two_desk_payments_one_that_was_told_already_is_not_said_to_be_owed(world):
    fee_id = world.bills("25.00")
    world.alma_takes(fee_id, 10_00)
    world.tells(fee_id, -10_00)
    world.alma_takes(fee_id, 4_00)
    reconciled(world)
    assert the_only_one(world) == ("missing_here", 4_00, 4_00)


@pytest.mark.parametrize("state", ["waiting", "unapplied", "ignored", "refund_due"])
def test_a_fee_paid_at_the_desk_and_in_peoplesoft_is_not_said_to_be_asked_for_still(world, state):
    fee_id = world.bills("25.00")
    world.alma_takes(fee_id, 25_00)
    world.pays(25_00, fee_id, state=state, rule="closed" if state == "unapplied" else "")
    assert reconciled(world) == []


def test_when_peoplesoft_gave_its_payment_back_it_asks_for_the_fee_again(world):
    fee_id = world.bills("25.00")
    world.alma_takes(fee_id, 25_00)
    world.pays(25_00, fee_id, state="refunded")
    reconciled(world)
    assert the_only_one(world) == ("missing_here", 25_00, 25_00)


def test_of_a_fee_half_paid_in_peoplesoft_and_closed_at_the_desk_the_other_half_is_asked_for(world):
    fee_id = world.bills("25.00")
    world.alma_takes(fee_id, 25_00)
    world.pays(10_00, fee_id, state="unapplied", rule="closed")
    reconciled(world)
    assert the_only_one(world) == ("missing_here", 15_00, 25_00)


def test_a_payment_taken_back_by_peoplesoft_after_posting_is_money_at_the_desk_and_no_other_difference(world):
    fee_id = world.bills("25.00")
    world.pays(10_00, fee_id)
    world.pays(-10_00, fee_id, state="unapplied", kind="reversal", rule="reversal")
    assert reconciled(world) == []


@pytest.mark.parametrize("state", ["refund_due", "refunded"])
def test_a_wrong_posting_that_is_given_back_stays_in_alma_and_is_no_difference(world, state):
    fee_id = world.bills("25.00")
    world.pays(10_00, fee_id, state=state, in_alma=10_00, posted_at=world.ago(hours=1))
    assert reconciled(world) == []


def test_a_wrong_posting_of_a_whole_fee_that_is_to_be_given_back_is_no_difference(world):
    fee_id = world.bills("25.00")
    world.pays(25_00, fee_id, state="refund_due", in_alma=25_00, posted_at=world.ago(hours=1))
    assert reconciled(world) == []


def test_a_waiver_at_the_desk_that_peoplesoft_was_not_told_is_missing_here(world):
    fee_id = world.bills("25.00")
    world.campus.at_the_desk(fee_id, "waive", amount="7.00", reason="OTHER")
    reconciled(world)
    assert the_only_one(world) == ("missing_here", 7_00, 7_00)


def test_a_write_off_that_we_waived_in_alma_is_no_difference(world):
    fee_id = world.bills("25.00")
    world.campus.at_the_desk(fee_id, "waive", amount="25.00", reason="OTHER")
    world.pays(25_00, fee_id, kind="write_off", op="waive", in_alma=0)
    assert reconciled(world) == []


def test_money_taken_before_alma_handed_the_fee_over_is_in_the_charge_already(world):
    fee_id = world.campus.charges("25.00")
    world.alma_takes(fee_id, 5_00)
    world.tells(fee_id, 20_00, "bursar_conversion")
    assert reconciled(world) == []
    world.alma_takes(fee_id, 2_00)
    reconciled(world)
    assert the_only_one(world) == ("missing_here", 2_00, 2_00)


def test_a_payment_to_a_fee_that_was_named_by_alma_s_id_counts_for_the_fee_charged_under_its_bursar_number(
    world,
):
    fee_id = world.campus.charges("25.00")
    world.campus.remembers(fee_id, "BURSAR-77", 25_00)
    world.tells("BURSAR-77", 25_00)
    world.pays(25_00, fee_id)
    assert reconciled(world) == []


def test_a_difference_about_a_fee_without_an_emplid_is_told_all_the_same(world):
    fee_id = world.campus.charges("25.00")
    world.tells(fee_id, 25_00, emplid="", patron_id="")
    world.alma_takes(fee_id, 25_00)
    assert reconciled(world) == [("missing_here", "fee", fee_id)]


def test_the_last_minutes_of_a_day_are_the_campus_s_and_not_greenwich_s(world):
    zone = ZoneInfo("America/Los_Angeles")
    world.change("UPDATE tenant SET time_zone = 'America/Los_Angeles' WHERE id = :tenant_id")
    campus_today = datetime.now(UTC).astimezone(zone).date()
    day: date = campus_today - timedelta(days=1)
    end = datetime.combine(campus_today, time(), zone)
    late, early = world.bills(), world.bills()
    world.pays(10_00, late, in_alma=0, at=end - timedelta(minutes=1))
    world.pays(10_00, early, in_alma=0, at=end + timedelta(minutes=1))
    assert reconciled(world, on=day.isoformat()) == [("missing_there", "line", late)]
