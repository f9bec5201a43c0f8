"""What to do with a line, by what its fee looks like: every answer there is."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from webapp.domain.payments.posting import (
    Before,
    EntryNow,
    FeeNow,
    Part,
    before_in,
    before_of,
    believed,
    follow_up_after,
    look_at,
    next_step,
    next_try_at,
)

PART = Part("FBX-1", 1000)
OPEN = FeeNow("77", "ACTIVE", 2500)
MINE = EntryNow("PAYMENT", 1000, "FBX-1", "T1")


@pytest.mark.parametrize(
    ("fee", "act", "cents", "left_over", "rule"),
    [
        (OPEN, "post", 1000, 0, ""),
        (replace(OPEN, balance_cents=1000), "post", 1000, 0, ""),
        (replace(OPEN, balance_cents=999), "post", 999, 1, "shrunk"),
        (replace(OPEN, balance_cents=0), "put_aside", 0, 0, "closed"),
        (replace(OPEN, balance_cents=-500), "put_aside", 0, 0, "closed"),
        (replace(OPEN, status="CLOSED"), "put_aside", 0, 0, "closed"),
        (replace(OPEN, status="INDISPUTE"), "put_aside", 0, 0, "disputed"),
        (replace(OPEN, status="EXPORTED"), "put_aside", 0, 0, "exported"),
        (replace(OPEN, status="LOST?"), "put_aside", 0, 0, "rejected"),
        (replace(OPEN, status="active "), "post", 1000, 0, ""),
        (replace(OPEN, status="CLOSED", entries=(MINE,)), "confirmed", 1000, 0, ""),
        (replace(OPEN, entries=(replace(MINE, external_id="FBX-2"),)), "post", 1000, 0, ""),
        (replace(OPEN, entries=(replace(MINE, amount_cents=999),)), "doubt", 0, 0, ""),
    ],
)
def test_each_fee_has_one_answer(fee, act, cents, left_over, rule):
    step = next_step(PART, fee)
    assert (step.act, step.cents, step.left_over_cents, step.rule) == (act, cents, left_over, rule)
    assert bool(step.reason) == (act in {"put_aside", "doubt"} or rule == "shrunk")


def test_a_transferred_fee_is_paid_only_where_the_campus_says_so():
    assert next_step(PART, replace(OPEN, status="EXPORTED"), pay_exported=True).act == "post"


def test_a_confirmed_line_names_almas_own_transaction():
    assert next_step(PART, replace(OPEN, entries=(MINE,))).transaction_id == "T1"


BEFORE = Before(2500)
WAIVE = replace(PART, op="waive")
IMPORT = replace(PART, op="import")
WAIVED = EntryNow("WAIVE", 1000)
DESK = EntryNow("PAYMENT", 1000, "2401")
NAMELESS = EntryNow("PAYMENT", 1000)
OTHER = EntryNow("PAYMENT", 1100, "2402")


@pytest.mark.parametrize(
    ("part", "fee", "seen"),
    [
        (PART, OPEN, "did_not_happen"),
        (PART, replace(OPEN, balance_cents=1500, entries=(MINE,)), "happened"),
        (PART, replace(OPEN, entries=(replace(MINE, amount_cents=1),)), "cannot_tell"),
        (PART, replace(OPEN, balance_cents=1500, entries=(DESK,)), "did_not_happen"),
        (PART, replace(OPEN, balance_cents=1400, entries=(OTHER,)), "did_not_happen"),
        # Perhaps ours without its name; perhaps ours without any trace but the balance.
        (PART, replace(OPEN, balance_cents=1500, entries=(NAMELESS,)), "cannot_tell"),
        (PART, replace(OPEN, status="CLOSED", balance_cents=0), "cannot_tell"),
        (PART, replace(OPEN, status="EXPORTED", balance_cents=0, original_cents=2500), "did_not_happen"),
        (WAIVE, OPEN, "did_not_happen"),
        (WAIVE, replace(OPEN, balance_cents=1500, entries=(WAIVED,)), "happened"),
        (WAIVE, replace(OPEN, entries=(replace(WAIVED, comment="Written off FBX-1"),)), "happened"),
        (WAIVE, replace(OPEN, balance_cents=1400), "cannot_tell"),
        # Ids are compared whole: FBX-1 is not FBX-11.
        (WAIVE, replace(OPEN, entries=(replace(WAIVED, comment="Written off FBX-11"),)), "did_not_happen"),
        (IMPORT, OPEN, "cannot_tell"),
        (IMPORT, replace(OPEN, balance_cents=1500), "happened"),
        (IMPORT, replace(OPEN, balance_cents=1500, entries=(NAMELESS,)), "happened"),
        (IMPORT, replace(OPEN, balance_cents=1400, entries=(OTHER,)), "cannot_tell"),
        (IMPORT, replace(OPEN, status="CLOSED", balance_cents=0), "happened"),
        # Handed to the bursar meanwhile, which moves the balance and pays nothing.
        (IMPORT, replace(OPEN, status="EXPORTED", balance_cents=0, original_cents=2500), "cannot_tell"),
    ],
)
def test_a_look_tells_what_it_can_and_no_more(part, fee, seen):
    assert look_at(part, fee, BEFORE) == seen


@pytest.mark.parametrize(
    ("part", "older", "seen"),
    [
        (WAIVE, WAIVED, "did_not_happen"),
        (IMPORT, NAMELESS, "cannot_tell"),
        (PART, NAMELESS, "did_not_happen"),
    ],
)
def test_an_older_transaction_of_the_amount_is_not_taken_for_ours(part, older, seen):
    fee = replace(OPEN, entries=(older,))
    before = before_of(part, fee)
    assert (before.alike, before.settled_cents) == (1, 1000)
    assert look_at(part, fee, before) == seen


def test_what_an_effect_remembers_of_its_fee_is_read_back():
    before = before_of(PART, replace(OPEN, status="EXPORTED", balance_cents=0, original_cents=2500))
    assert before == Before(2500)
    assert before_in({"before": asdict(before)}) == before
    assert before_in({}) == Before(0)


def test_that_it_is_not_there_counts_only_when_it_had_time_to_come():
    assert believed("did_not_happen", 59.9, 60) == "cannot_tell"
    assert believed("did_not_happen", 60, 60) == "did_not_happen"
    assert believed("did_not_happen", None, 60) == "did_not_happen"
    assert believed("happened", 0, 60) == "happened"


def test_what_was_left_open_is_looked_at_later_and_later():
    minutes = [follow_up_after(n).total_seconds() / 60 for n in (0, 1, 2, 3, 4, 5, 50)]
    assert minutes == [15, 30, 60, 120, 240, 240, 240]


def test_the_daily_threshold_waits_for_midnight_and_a_clock_that_is_ahead_does_not_wait_a_day_more():
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    evening = midnight - timedelta(hours=5)
    assert next_try_at(evening, midnight) == midnight + timedelta(minutes=2)
    ahead = midnight + timedelta(minutes=3)
    assert next_try_at(ahead, midnight + timedelta(days=1)) == ahead + timedelta(minutes=10)
