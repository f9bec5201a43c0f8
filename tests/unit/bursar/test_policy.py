"""What the campus's rules make of one fee."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.bursar import BursarPolicy, Conservation, judge
from webapp.domain.bursar.policy import id_pattern
from webapp.domain.campus_settings import SECTIONS

TODAY = date(2025, 10, 1)


def fee(**values):
    return {
        "n": 1, "patron_id": "012345678", "fee_type": "OVERDUEFINE", "library": "MAIN", "amount_cents": 1250,
        "transaction_on": date(2025, 9, 12), "fee_ref": "1",
    } | values  # fmt: skip


def policy(**settings) -> BursarPolicy:
    return BursarPolicy.from_settings(SECTIONS["bursar"].defaults() | settings)


def verdict(row=None, **settings):
    return judge(row or fee(), policy(**settings), TODAY)


def test_a_plain_fee_of_a_student_goes_out_under_its_emplid():
    found = verdict()
    assert (found.kind, found.row["emplid"], found.row["payer"]) == ("send", "012345678", "campus")


def test_lost_leading_zeros_come_back():
    assert verdict(fee(patron_id="12345678")).row["emplid"] == "012345678"
    assert verdict(fee(patron_id="12345678"), emplid_pad=False).rule == "bad_id"


@pytest.mark.parametrize("wrong", ["0123456789", "000000000", "1.2E+8"])
def test_ids_that_are_nobodys_wait_at_the_desk(wrong):
    found = verdict(fee(patron_id=wrong))
    assert found.kind == "quarantined"


@pytest.mark.parametrize(
    ("patron_id", "payer"),
    [("012345678", "campus"), ("912345678", "campus"), ("512345678", "community"), ("jdoe", "community")],
)
def test_the_campuss_patterns_say_whom_peoplesoft_knows(patron_id, payer):
    found = verdict(fee(patron_id=patron_id), campus_ids=["0########", "9########"], community="file")
    assert (found.kind, found.row["payer"]) == ("send", payer)
    assert bool(found.row["emplid"]) == (payer == "campus")


@pytest.mark.parametrize(
    ("choice", "kind", "rule"),
    [("file", "send", ""), ("quarantine", "quarantined", "no_emplid"), ("exclude", "excluded", "community")],
)
def test_people_without_an_emplid_go_where_the_campus_says(choice, kind, rule):
    found = verdict(fee(patron_id="jane@example.org"), community=choice)
    assert (found.kind, found.rule) == (kind, rule)


@pytest.mark.parametrize(
    ("row", "settings", "kind", "rule"),
    [
        (fee(), {"fee_types_never": ["overduefine"]}, "excluded", "fee_type_never"),
        (fee(), {"fee_types_only": ["LOSTITEMREPLACEMENTFEE"]}, "excluded", "fee_type_not_chosen"),
        (fee(), {"known_types": ["OTHER"]}, "quarantined", "unknown_type"),
        (fee(amount_cents=-1250, fee_type="CREDIT"), {"known_types": ["OTHER"]}, "send", ""),
        (fee(amount_cents=-1250, fee_type="CREDIT"), {"fee_types_only": ["OTHER"]}, "send", ""),
        (fee(amount_cents=1250, fee_type="CREDIT"), {}, "quarantined", "credit_above_zero"),
        (fee(library="LAW"), {"libraries_only": ["MAIN"]}, "excluded", "library_not_chosen"),
        (fee(patron_group="FAC"), {"groups_never": ["fac"]}, "excluded", "group_never"),
        (fee(amount_cents=0), {}, "excluded", "zero"),
        (fee(amount_cents=499), {"minimum_cents": 500}, "excluded", "below_minimum"),
        (fee(amount_cents=500), {"minimum_cents": 500}, "send", ""),
        (fee(), {"age_min_days": 20}, "quarantined", "too_young"),
        (fee(), {"age_min_days": 19}, "send", ""),
        (fee(), {"age_max_days": 18}, "excluded", "too_old"),
        (fee(transaction_on=None), {"age_min_days": 1}, "quarantined", "no_date"),
        (fee(transaction_on=None), {}, "send", ""),
        (fee(patron_id=""), {}, "quarantined", "bad_id"),
    ],
)
def test_each_rule_speaks_for_itself(row, settings, kind, rule):
    found = verdict(row, **settings)
    assert (found.kind, found.rule) == (kind, rule)
    assert bool(found.words) == (kind != "send")


def test_an_id_pattern_is_text_but_for_its_signs():
    assert id_pattern("a.c#").fullmatch("a.c7")
    assert not id_pattern("a.c#").fullmatch("abc7")
    assert id_pattern("*@csusm.edu").fullmatch("jane@csusm.edu")
    with pytest.raises(ValueError, match="stars"):
        id_pattern("***")


@given(
    st.lists(
        st.tuples(st.sampled_from(["send", "quarantine", "zero", "below_minimum"]), st.integers(-9999, 9999))
    )
)
def test_conservation_balances_exactly_when_every_row_is_accounted_for(rows):
    books = Conservation()
    for what, cents in rows:
        books.come(cents)
        if what == "send":
            books.send(cents)
        elif what == "quarantine":
            books.quarantine(cents)
        else:
            books.exclude(what, cents)
    assert books.balances()
    books.come(1)
    assert not books.balances()
