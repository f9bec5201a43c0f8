"""A difference in words: its kind, its sentence, what to do next; and when it is only a matter of time."""

from datetime import UTC, datetime, timedelta

import pytest

from webapp.domain.reconcile import BOOK_WORDS, CASES, KIND_WORDS, Beside, age_words, judge

NOW = datetime(2026, 9, 18, 12, tzinfo=UTC)
WORDS = {
    "external_id": "FBAAAAAAAAAAAAAAAAAA-1", "state": "unknown", "by": "DESK", "reference": "1001", "item": "HMCMP|1|1",
    "code": "LIB", "since": "since September 17", "expected": "every 6 hours", "hours": "24",
}  # fmt: skip
KINDS = {
    "line_not_shown": "missing_there", "line_not_posted": "missing_here", "line_amount": "amount",
    "payment_not_ours": "missing_here", "paid_at_desk": "missing_here", "fee_balance": "amount", "fee_closed": "status",
    "fee_exported": "status", "charge_not_listed": "missing_there", "item_not_sent": "missing_here",
    "item_amount": "amount", "item_applied": "amount", "hold_stuck": "stuck_hold", "hold_missing": "missing_hold",
    "file_missing": "missing_file", "money_waits": "clearing", "money_taken_back": "clearing", "money_sum": "amount",
}  # fmt: skip
CLEARS_ITSELF = {
    "line_not_shown", "line_not_posted", "paid_at_desk", "fee_balance", "fee_closed", "charge_not_listed", "item_amount",
    "hold_stuck", "hold_missing",
}  # fmt: skip


def beside(case, **values):
    """One difference of this case, a week old."""
    return Beside(
        **{
            "case": case, "key": "k", "fee_ref": "1001", "emplid": "012345678", "ours_cents": 10_00, "theirs_cents": 9_00,
            "happened_at": NOW - timedelta(days=7), "words": WORDS,
        } | values
    )  # fmt: skip


def test_every_case_is_known_here():
    assert set(CASES) == set(KINDS)


@pytest.mark.parametrize("case", CASES)
def test_each_case_has_its_kind_a_whole_sentence_and_a_next_action(case):
    found = judge(beside(case), NOW, 48)
    assert found.kind == KINDS[case]
    assert found.kind in KIND_WORDS
    assert found.books in BOOK_WORDS
    for sentence in (found.reason, found.next_action):
        assert sentence.endswith(".")
        assert "{" not in sentence


@pytest.mark.parametrize("case", CASES)
def test_only_what_the_other_side_can_catch_up_with_is_timing_while_it_is_young(case):
    found = judge(beside(case, happened_at=NOW - timedelta(hours=47)), NOW, 48)
    assert found.kind == ("timing" if case in CLEARS_ITSELF else KINDS[case])
    assert found.next_action.startswith("Nothing yet.") == (case in CLEARS_ITSELF)


def test_at_the_limit_it_is_young_no_more():
    young = beside("line_not_shown", happened_at=NOW - timedelta(hours=48) + timedelta(seconds=1))
    assert judge(young, NOW, 48).kind == "timing"
    assert (
        judge(beside("line_not_shown", happened_at=NOW - timedelta(hours=48)), NOW, 48).kind
        == "missing_there"
    )


def test_a_moment_ahead_of_our_clock_is_young_unless_nothing_ever_is():
    ahead = beside("line_not_shown", happened_at=NOW + timedelta(minutes=5))
    assert judge(ahead, NOW, 1).kind == "timing"
    assert judge(ahead, NOW, 0).kind == "missing_there"


def test_what_happened_at_no_known_time_is_never_timing():
    assert judge(beside("hold_stuck", happened_at=None), NOW, 48).kind == "stuck_hold"


def test_a_side_that_has_nothing_says_so():
    assert "our books say nothing" in judge(beside("line_amount", ours_cents=None), NOW, 0).reason


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=5), "0 hours"),
        (timedelta(hours=1, minutes=5), "1 hour"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(days=2), "2 days"),
        (timedelta(days=-1), "0 hours"),
    ],
)
def test_an_age_in_words(age, words):
    assert age_words(NOW - age, NOW) == words
