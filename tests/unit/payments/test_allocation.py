"""Money that names no fee: whatever the patron owes and pays, it is spread to the cent, in the campus's order, with reasons."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from webapp.domain.payments.allocation import OpenFee, allocate

LOST, PROCESS, OVERDUE, COPIES = (
    "LOSTITEMREPLACEMENTFEE",
    "LOSTITEMPROCESSFEE",
    "OVERDUEFINE",
    "DOCUMENTDELIVERYSERVICE",
)
LOST_TYPES = frozenset({LOST, PROCESS})
ORDER = [OVERDUE, LOST]
RULES = st.sampled_from(["oldest", "lost_first", "types"])
DAYS = st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 6))


def fee(ref: str, cents: int, opened_on: date | None = None, fee_type: str = OVERDUE) -> OpenFee:
    return OpenFee(ref, f"17{ref}", fee_type, opened_on, cents)


FEES = st.lists(
    st.builds(
        fee,
        st.integers(1000, 1030).map(str),
        st.integers(-5, 60),
        DAYS,
        st.sampled_from([LOST, PROCESS, OVERDUE, COPIES, ""]),
    ),
    max_size=8,
    unique_by=lambda one: one.fee_ref,
)


def spread(cents, fees, rule):
    return allocate(cents, fees, rule=rule, types=ORDER, lost_types=LOST_TYPES)


@given(st.integers(1, 400), FEES, RULES)
def test_the_parts_and_what_is_left_over_are_the_money(cents, fees, rule):
    parts, left = spread(cents, fees, rule)
    assert sum(part.amount_cents for part in parts) + left == cents
    assert left >= 0


@given(st.integers(1, 400), FEES, RULES)
def test_no_fee_gets_more_than_is_open_of_it_and_none_gets_two_parts(cents, fees, rule):
    parts, _ = spread(cents, fees, rule)
    opened = {one.fee_ref: one.open_cents for one in fees}
    assert all(0 < part.amount_cents <= opened[part.fee_ref] for part in parts)
    assert len({part.fee_ref for part in parts}) == len(parts)


@given(st.integers(1, 400), FEES, RULES)
def test_money_is_left_over_only_when_every_fee_is_paid(cents, fees, rule):
    parts, left = spread(cents, fees, rule)
    owed = sum(max(0, one.open_cents) for one in fees)
    assert left == max(0, cents - owed)
    assert all(part.fee_id == f"17{part.fee_ref}" for part in parts)


@given(st.integers(1, 400), FEES, RULES)
def test_only_the_last_fee_is_paid_in_part(cents, fees, rule):
    parts, _ = spread(cents, fees, rule)
    opened = {one.fee_ref: one.open_cents for one in fees}
    assert all(part.amount_cents == opened[part.fee_ref] for part in parts[:-1])


@given(st.integers(1, 400), FEES, RULES, st.randoms(use_true_random=False))
def test_the_order_in_which_fees_are_given_changes_nothing(cents, fees, rule, random):
    shuffled = list(fees)
    random.shuffle(shuffled)
    assert spread(cents, shuffled, rule) == spread(cents, fees, rule)


@given(st.integers(1, 200), st.integers(1, 200), FEES, RULES)
def test_two_payments_pay_what_one_over_both_sums_would(first, second, fees, rule):
    at_once, left_at_once = spread(first + second, fees, rule)
    paid: dict[str, int] = {}
    one, left_of_one = spread(first, fees, rule)
    for part in one:
        paid[part.fee_ref] = part.amount_cents
    rest = [fee(f.fee_ref, f.open_cents - paid.get(f.fee_ref, 0), f.opened_on, f.fee_type) for f in fees]
    two, left_of_two = spread(second, rest, rule)
    for part in two:
        paid[part.fee_ref] = paid.get(part.fee_ref, 0) + part.amount_cents
    assert paid == {part.fee_ref: part.amount_cents for part in at_once}
    assert left_of_one + left_of_two == left_at_once


@given(st.integers(1, 400), FEES)
def test_oldest_first_never_pays_a_younger_fee_before_an_older(cents, fees):
    parts, _ = spread(cents, fees, "oldest")
    opened = {one.fee_ref: one.opened_on or date.max for one in fees}
    assert all(opened[a.fee_ref] <= opened[b.fee_ref] for a, b in pairwise(parts))


@given(st.integers(1, 400), FEES)
def test_lost_first_pays_no_other_fee_while_a_lost_item_is_open(cents, fees):
    parts, _ = spread(cents, fees, "lost_first")
    types = {one.fee_ref: one.fee_type for one in fees}
    assume(any(types[part.fee_ref] not in LOST_TYPES for part in parts))
    paid = {part.fee_ref: part.amount_cents for part in parts}
    lost = [one for one in fees if one.fee_type in LOST_TYPES and one.open_cents > 0]
    assert all(paid.get(one.fee_ref) == one.open_cents for one in lost)


@given(st.integers(1, 400), FEES)
def test_by_types_keeps_the_campuss_order_and_unnamed_types_come_last(cents, fees):
    parts, _ = spread(cents, fees, "types")
    types = {one.fee_ref: one.fee_type for one in fees}
    places = [
        ORDER.index(types[part.fee_ref]) if types[part.fee_ref] in ORDER else len(ORDER) for part in parts
    ]
    assert places == sorted(places)


@given(st.integers(1, 400), FEES)
def test_a_campus_where_a_person_decides_pays_nothing_by_itself(cents, fees):
    assert allocate(cents, fees, rule="none") == ([], cents)


@given(st.integers(1, 400), FEES, RULES)
def test_every_part_says_why_and_how_much(cents, fees, rule):
    parts, _ = spread(cents, fees, rule)
    assert all(part.reason.startswith("Named no fee; pays ") and part.reason.endswith(".") for part in parts)


@pytest.mark.parametrize(
    ("rule", "paid"),
    [
        ("oldest", [("2", 5_00), ("1", 20_00)]),
        ("lost_first", [("3", 25_00)]),
        ("types", [("2", 5_00), ("1", 20_00)]),
    ],
)
def test_the_rules_differ_on_one_patrons_fees(rule, paid):
    fees = [
        fee("1", 22_23, date(2026, 3, 2)),
        fee("2", 5_00, date(2026, 3, 1)),
        fee("3", 90_00, date(2026, 3, 3), LOST),
    ]
    parts, left = spread(25_00, fees, rule)
    assert [(part.fee_ref, part.amount_cents) for part in parts] == paid
    assert left == 0


def test_the_reason_names_the_rule_the_fee_and_the_day():
    parts, _ = spread(
        5_00, [fee("3", 90_00, date(2026, 3, 3), LOST), fee("1", 5_00, date(2026, 3, 2))], "lost_first"
    )
    assert parts[0].reason == (
        "Named no fee; pays $5.00 of the $90.00 that is left of LOSTITEMREPLACEMENTFEE of 03/03/2026: "
        "lost items come first."
    )
    assert len(parts) == 1


def test_a_fee_without_a_day_is_paid_after_those_with_one():
    parts, _ = spread(6_00, [fee("1", 5_00), fee("2", 5_00, date(2026, 3, 3))], "oldest")
    assert [part.fee_ref for part in parts] == ["2", "1"]


def test_of_two_fees_of_one_day_the_lower_reference_is_paid_first():
    day = date(2026, 3, 3)
    parts, _ = spread(5_00, [fee("1002", 5_00, day), fee("1001", 5_00, day)], "oldest")
    assert [part.fee_ref for part in parts] == ["1001"]
