"""Single rows that may not go out: parked with their reason, every cent accounted for, no hold changed by them."""

from __future__ import annotations

import pytest

from tests.integration.bad_input.campus import TWO_HOLDS, TWO_PATRONS, assert_balances

FIRST_FEE = "1300000240004357"


@pytest.fixture
def held(alma_campus) -> dict[str, int]:
    """What PeopleSoft was told while every row was well."""
    assert alma_campus.run().state == "succeeded"
    return alma_campus.register()


def test_a_row_that_cannot_be_used_is_parked_and_its_patron_s_hold_stays(alma_campus, held, faults):
    row = f"report row 1, fee {FIRST_FEE}"
    for options, reason, cents in (
        ({"defect": "blank_id"}, "The student or staff id is missing.", 1250),
        ({"defect": "amount", "amount": "1.2.3"}, "'1.2.3' is not an amount of money", None),
        ({"defect": "amount", "amount": "NaN"}, "'NaN' is not an amount of money", None),
        ({"defect": "amount", "amount": "12.345"}, "'12.345' is not an amount of money", None),
    ):
        faults.add("alma.analytics", "bad_row", row=1, **options)
        run = alma_campus.run()
        assert run.state == "nothing_to_send", (options, run.error)
        assert reason in alma_campus.quarantine()[row][0]
        assert alma_campus.quarantine()[row][1] == cents
        assert "2 rows held back: " in run.story
        assert "1 hold was left as it is because of such rows" in run.story
        assert_balances(run)
        assert alma_campus.register() == held
    healed = alma_campus.run()
    assert healed.state == "nothing_to_send"
    assert row not in alma_campus.quarantine()
    assert alma_campus.register() == held


def test_on_the_first_night_the_rest_goes_out_and_the_bad_row_follows_when_it_is_mended(alma_campus, faults):
    faults.add("alma.analytics", "bad_row", defect="blank_id", row=1)
    first = alma_campus.run()
    assert first.state == "succeeded", first.error
    assert_balances(first)
    told = alma_campus.register()
    second = alma_campus.run()
    changed = {emplid: cents for emplid, cents in alma_campus.register().items() if told.get(emplid) != cents}
    assert second.counts["changed"] == len(changed) == 1
    assert sum(alma_campus.register().values()) == sum(told.values()) + 1250


def test_a_fee_type_that_the_campus_does_not_know_waits_for_a_person(alma_campus, held, faults):
    types = [
        "Overdue fine", "Recalled overdue fine", "Lost item replacement fee", "Lost item process fee",
        "Damaged item fine", "Library card replacement", "Locker key", "Service fee", "Other", "Credit",
    ]  # fmt: skip
    alma_campus.sets("policy", known_types=types)
    faults.add("alma.analytics", "unknown_fee_type", row=1)
    run = alma_campus.run()
    assert run.state == "nothing_to_send", run.error
    assert run.counts["rows_unknown_type"] == 1
    reason, cents = alma_campus.quarantine()[f"fee {FIRST_FEE}"]
    assert "type" in reason
    assert cents == 1250
    assert_balances(run)
    assert alma_campus.register() == held
    alma_campus.run()
    assert f"fee {FIRST_FEE}" not in alma_campus.quarantine()


def test_a_person_without_a_campus_id_is_parked_and_their_id_is_not_shown_whole(alma_campus, held):
    reasons = [reason for reason, _cents in alma_campus.quarantine().values()]
    assert reasons == ["The id ….org is not made of digits only."]


def test_ids_are_padded_when_too_short_and_refused_when_too_long_or_blank(campus):
    campus.owes(
        "42,5.00,Meter,2026-10-01,T1,Student",
        "1234567890,5.00,Meter,2026-10-01,T2,Student",
        ",5.00,Meter,2026-10-01,T3,Student",
        "000000000,5.00,Meter,2026-10-01,T4,Student",
        "1.23E+08,5.00,Meter,2026-10-01,T5,Student",
    )
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert campus.register() == {"000000042": 500}
    parked = campus.quarantine()
    assert "has 10 digits; this campus's EMPLIDs have 9" in parked["line 3"][0]
    assert "the student or staff id is missing" in parked["line 4"][0]
    assert "only zeros, which is nobody" in parked["line 5"][0]
    assert "rewritten by a spreadsheet" in parked["line 6"][0]
    assert_balances(run)


def test_impossible_amounts_are_parked_with_their_lines_and_the_rest_goes_out(campus):
    amounts = ("", "lots", "1e9", "1.234", "99999999999.00", "1,23", "12.50 USD")
    bad = [f'00000001{n},"{amount}",Meter,2026-10-02,B{n},Staff' for n, amount in enumerate(amounts)]
    campus.owes(*TWO_PATRONS, *bad)
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert sorted(campus.quarantine()) == ["line 10", "line 11", *(f"line {n}" for n in range(5, 10))]
    assert campus.register() == TWO_HOLDS
    assert_balances(run)
    campus.owes(*TWO_PATRONS, *(line.replace(line.split('"')[1], "12.50") for line in bad[1:2]))
    assert campus.run().counts["added"] == 1
    assert campus.register() == TWO_HOLDS | {"000000011": 1250}
    assert campus.quarantine() == {}


def test_the_balance_is_told_and_never_the_original_amount(alma_campus, held, sandbox):
    """The cast's part payer: 25.00, of which 2.77 were paid."""
    assert 2500 - 277 in held.values()
