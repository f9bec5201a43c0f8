"""The difference against a plain reference: whatever happens to a fee, what was told follows what is owed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.balances import EXCLUDED, QUARANTINED, FeeState, difference, first_wait, words_of


def test_the_balance_is_told_and_not_the_original_amount():
    assert difference(FeeState(277)).amount_cents == 277


@pytest.mark.parametrize(
    ("fee", "verdict", "cents", "rule"),
    [
        (FeeState(500, told_cents=500), "excluded", 0, "unchanged"),
        (FeeState(700, told_cents=500), "send", 200, ""),
        (FeeState(200, told_cents=500), "send", -300, ""),
        (FeeState(0, told_cents=500), "send", -500, ""),
        (FeeState(None, told_cents=500), "send", -500, ""),
        (FeeState(500, told_cents=500, status="closed "), "send", -500, ""),
        (FeeState(None, told_cents=500, is_covered=False), "excluded", 0, "not_seen"),
        (FeeState(None, told_cents=500, is_guarded=True), "excluded", -500, "source_incomplete"),
        (FeeState(900, told_cents=500, is_in_doubt=True), "excluded", 400, "in_doubt"),
        (FeeState(900, told_cents=500, status="INDISPUTE"), "excluded", 400, "disputed"),
        (FeeState(900, status="EXPORTED"), "excluded", 900, "exported"),
        (FeeState(900, status="LOST?"), "quarantined", 900, "unknown_status"),
        (FeeState(900, differs=True), "quarantined", 900, "repeated_id"),
        (FeeState(-100), "excluded", -100, "negative_balance"),
        (FeeState(900, told_cents=500, is_same_patron=False), "quarantined", 400, "patron_changed"),
        (FeeState(500, told_cents=500, is_same_patron=False), "excluded", 0, "unchanged"),
        (FeeState(900, waits="recalled"), "excluded", 900, "recalled"),
        # Paid to the bursar and posted to Alma: the bursar knows.
        (FeeState(277, told_cents=2500, posted_cents=2223), "excluded", 0, "unchanged"),
        (FeeState(None, told_cents=2500, posted_cents=2500), "excluded", 0, "unchanged"),
        (FeeState(0, told_cents=2500, posted_cents=2500, status="CLOSED"), "excluded", 0, "unchanged"),
        # Waived or paid otherwise beside it: only that is taken back, or charged.
        (FeeState(0, told_cents=2500, posted_cents=1000), "send", -1500, ""),
        (FeeState(None, told_cents=2500, posted_cents=1000), "send", -1500, ""),
        (FeeState(2000, told_cents=2500, posted_cents=1000), "send", 500, ""),
        # The source may not know of the posting yet: neither a charge nor a reversal follows from that.
        (FeeState(2500, told_cents=2500, perhaps_posted_cents=1000), "excluded", 0, "unchanged"),
        (FeeState(1500, told_cents=2500, perhaps_posted_cents=1000), "excluded", 0, "unchanged"),
        (FeeState(0, told_cents=2500, perhaps_posted_cents=1000), "send", -1500, ""),
        (FeeState(3000, told_cents=2500, perhaps_posted_cents=1000), "send", 500, ""),
        # Money for a fee that the bursar was never told is no reason to charge more than is owed.
        (FeeState(700, posted_cents=300), "send", 700, ""),
    ],
)
def test_each_fee_has_one_answer(fee, verdict, cents, rule):
    found = difference(fee)
    assert (found.verdict, found.amount_cents, found.rule) == (verdict, cents, rule)
    assert bool(found.words) == bool(rule)


def test_of_several_things_to_decide_the_first_is_named():
    assert first_wait({"recalled", "rejected_by_peoplesoft"}) == "rejected_by_peoplesoft"
    assert first_wait(set()) == ""


def test_a_line_says_why_it_is_there():
    assert words_of(FeeState(277), 277) == "new in Alma"
    assert words_of(FeeState(400, told_cents=277), 123) == "up from $2.77 to $4.00"
    assert words_of(FeeState(100, told_cents=277), -177) == "down from $2.77 to $1.00"
    assert words_of(FeeState(None, told_cents=277), -277) == "closed in Alma; $2.77 was told"
    assert (
        words_of(FeeState(100, told_cents=500, posted_cents=277), -123)
        == "down from $5.00 to $1.00, $2.77 of it was paid to the bursar"
    )


nights = st.lists(st.one_of(st.none(), st.integers(0, 10_000)), max_size=12)


@given(nights)
def test_after_every_night_the_sum_told_is_the_balance(balances):
    told = 0
    for balance in balances:
        found = difference(FeeState(balance, told_cents=told))
        if found.verdict == "send":
            told += found.amount_cents
        assert told == (balance or 0)


states = st.builds(
    FeeState,
    balance_cents=st.one_of(st.none(), st.integers(-500, 5_000)),
    told_cents=st.integers(0, 5_000),
    status=st.sampled_from(["ACTIVE", "INDISPUTE", "EXPORTED", "CLOSED", "", "odd"]),
    is_in_doubt=st.booleans(),
    is_covered=st.booleans(),
    is_guarded=st.booleans(),
    differs=st.booleans(),
    is_same_patron=st.booleans(),
    waits=st.sampled_from(["", "", "recalled"]),
)


@given(states)
def test_nothing_is_ever_taken_back_beyond_what_was_told_or_on_a_doubt(fee):
    found = difference(fee)
    if found.verdict != "send":
        assert found.rule in EXCLUDED | QUARANTINED
        return
    assert fee.told_cents + found.amount_cents >= 0
    assert found.amount_cents != 0
    assert not fee.is_in_doubt
    assert not fee.waits
    if fee.balance_cents is None:
        assert fee.is_covered
        assert not fee.is_guarded
    else:
        assert not fee.differs
