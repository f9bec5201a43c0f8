"""The plain decision: what a librarian would work out by hand."""

from __future__ import annotations

from datetime import date

from webapp.domain.fees import OutstandingFee, PatronSeen, RefusedRow
from webapp.domain.holds import HoldCode, HoldInForce, HoldPolicy, Tally, decide

TODAY = date(2026, 11, 21)
ANY = HoldPolicy(HoldCode("LIB", "LFINE"))


def fee(emplid="000000001", cents=2500, fee_type="OVERDUEFINE", **more):
    place = f"{emplid}{cents}{fee_type}{sorted(more.items())}"
    return OutstandingFee(
        source="test",
        fee_id=place,
        patron_key=emplid,
        emplid=emplid,
        balance_cents=cents,
        fee_type=fee_type,
        **more,
    )


def told(emplid="000000001", cents=2500, code="LIB", reason="LFINE"):
    return HoldInForce(emplid, code, cents, reason)


def lines(decision):
    return [
        (change.action, change.emplid, change.hold_code, change.amount_cents) for change in decision.changes
    ]


def test_any_unpaid_fee_whatever_the_amount_places_a_hold():
    assert lines(decide([fee(cents=1)], [], ANY, TODAY)) == [("A", "000000001", "LIB", 1)]


def test_a_hold_is_released_when_the_balance_reaches_zero():
    assert lines(decide([], [told()], ANY, TODAY)) == [("R", "000000001", "LIB", 0)]
    assert lines(decide([fee(cents=0)], [told()], ANY, TODAY)) == [("R", "000000001", "LIB", 0)]


def test_an_unchanged_total_is_not_told_again():
    decision = decide([fee()], [told()], ANY, TODAY)
    assert decision.changes == ()
    assert decision.tallies == {"unchanged": Tally(1, 2500)}


def test_a_release_names_the_reason_the_hold_was_placed_with():
    (change,) = decide([], [told(reason="OLD")], ANY, TODAY).changes
    assert change.hold_reason == "OLD"


def test_credits_lower_the_total_and_may_cover_it_whole():
    assert lines(decide([fee(), fee(cents=-1000, fee_type="CREDIT")], [], ANY, TODAY)) == [
        ("A", "000000001", "LIB", 1500)
    ]
    covered = decide([fee(), fee(cents=-2500, fee_type="CREDIT")], [told()], ANY, TODAY)
    assert lines(covered) == [("R", "000000001", "LIB", 0)]
    assert covered.tallies == {"credit_covers": Tally(2, 0)}


def test_credits_are_used_up_over_the_codes_so_that_the_holds_add_up_to_the_debt():
    policy = HoldPolicy(HoldCode("LIB"), codes_by_type={"lostitem": HoldCode("LBL", "LOST")})
    rows = [fee(cents=1000, fee_type="LOSTITEM"), fee(cents=500), fee(cents=-1200, fee_type="LOSTITEM")]
    assert lines(decide(rows, [], policy, TODAY)) == [("A", "000000001", "LIB", 300)]


def test_a_disputed_fee_is_kept_out_and_its_hold_is_released():
    decision = decide([fee(status="INDISPUTE")], [told()], ANY, TODAY)
    assert lines(decision) == [("R", "000000001", "LIB", 0)]
    assert decision.tallies == {"disputed": Tally(1, 2500)}


def test_a_campus_may_keep_disputed_fees_in():
    policy = HoldPolicy(HoldCode("LIB"), keep_disputed_out=False)
    assert lines(decide([fee(status="INDISPUTE")], [], policy, TODAY)) == [("A", "000000001", "LIB", 2500)]


def test_types_that_do_not_trigger_count_only_beside_one_that_does():
    policy = HoldPolicy(HoldCode("LIB"), trigger_types=frozenset({"lostitem"}))
    alone = decide([fee()], [], policy, TODAY)
    assert alone.changes == ()
    assert alone.tallies == {"no_trigger": Tally(1, 2500)}
    beside = decide([fee(), fee(cents=9000, fee_type="LostItem")], [], policy, TODAY)
    assert lines(beside) == [("A", "000000001", "LIB", 11_500)]


def test_below_the_minimum_there_is_no_hold_and_at_it_there_is():
    policy = HoldPolicy(HoldCode("LIB"), minimum_total_cents=1000)
    assert decide([fee(cents=999)], [], policy, TODAY).tallies == {"below_minimum": Tally(1, 999)}
    assert lines(decide([fee(cents=1000)], [], policy, TODAY)) == [("A", "000000001", "LIB", 1000)]


def test_days_of_grace_end_on_the_day_they_are_over():
    policy = HoldPolicy(HoldCode("LIB"), grace_days=7)
    assert decide([fee(billed_on=date(2026, 11, 15))], [], policy, TODAY).tallies == {"grace": Tally(1, 2500)}
    assert len(decide([fee(billed_on=date(2026, 11, 14))], [], policy, TODAY).changes) == 1


def test_a_quarantined_debt_never_lifts_and_a_quarantined_credit_never_places_a_hold():
    unread = RefusedRow("test", "line 3", "The amount is unreadable.", emplid="000000001")
    kept = decide([unread], [told()], ANY, TODAY)
    assert kept.changes == ()
    assert kept.held_back == {("000000001", "LIB")}
    credit = RefusedRow("test", "line 4", "Unknown type.", amount_cents=-500, emplid="000000001")
    assert decide([fee(), credit], [], ANY, TODAY).held_back == {("000000001", "LIB")}


def test_a_source_that_saw_only_some_patrons_releases_only_those():
    rows = [PatronSeen("test", "000000001", "000000001")]
    decision = decide(rows, [told(), told("000000002")], ANY, TODAY, covers_everyone=False)
    assert lines(decision) == [("R", "000000001", "LIB", 0)]


def test_the_same_fee_reported_twice_counts_once_and_contradictions_count_not_at_all():
    assert lines(decide([fee(), fee()], [], ANY, TODAY)) == [("A", "000000001", "LIB", 2500)]
    twice = [
        OutstandingFee("t", "F1", "1", "000000001", 100, "X"),
        OutstandingFee("t", "F1", "1", "000000001", 200, "X"),
    ]
    assert decide(twice, [], ANY, TODAY).tallies == {"conflicting": Tally(2, 300)}


def test_a_temporary_release_wins_over_the_debt():
    decision = decide([fee()], [told()], ANY, TODAY, {"000000001"})
    assert lines(decision) == [("R", "000000001", "LIB", 0)]
    assert decision.tallies == {"temporarily_released": Tally(1, 2500)}


def test_many_cents_close_at_zero_with_none_left_over():
    paid = [fee(cents=2223, fee_type="A"), fee(cents=277, fee_type="B"), fee(cents=-2500, fee_type="CREDIT")]
    assert lines(decide(paid, [told()], ANY, TODAY)) == [("R", "000000001", "LIB", 0)]
