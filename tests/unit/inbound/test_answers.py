from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from webapp.domain.answers import Answer, Match, SentLine, match_answers


def matched(answers, sent):
    return [(match.outcome, match.entry_id) for match in match_answers(answers, sent)]


def test_the_one_line_it_can_mean_is_answered():
    assert matched([Answer(1, "accepted", 1000)], [SentLine(7, 1000)]) == [("new", 7)]


def test_an_answer_to_nothing_we_sent_is_unknown():
    assert match_answers([Answer(1, "rejected", 1000)], []) == [Match(1, "unknown")]


def test_the_same_answer_again_changes_nothing_and_another_one_counts():
    line = [SentLine(7, 1000, answered="rejected")]
    assert matched([Answer(1, "rejected", 1000)], line) == [("known", 7)]
    assert matched([Answer(1, "accepted", 1000)], line) == [("changed", 7)]


def test_an_amount_without_sign_finds_the_reversal_but_a_charge_of_the_same_amount_goes_first():
    charge, reversal = SentLine(7, 1000), SentLine(8, -1000)
    assert matched([Answer(1, "accepted", 1000)], [reversal]) == [("new", 8)]
    assert matched([Answer(1, "accepted", 1000)], [charge, reversal]) == [("new", 7)]
    assert matched([Answer(1, "accepted", -1000)], [charge, reversal]) == [("new", 8)]


def test_two_equal_fees_are_paired_when_both_got_the_same_answer():
    sent = [SentLine(7, 1000), SentLine(8, 1000)]
    assert matched([Answer(1, "accepted", 1000), Answer(2, "accepted", 1000)], sent) == [
        ("new", 7),
        ("new", 8),
    ]


def test_which_of_two_equal_fees_was_rejected_is_never_guessed():
    sent = [SentLine(7, 1000), SentLine(8, 1000)]
    assert matched([Answer(1, "rejected", 1000)], sent) == [("ambiguous", None)]
    both = [Answer(1, "accepted", 1000), Answer(2, "rejected", 1000)]
    assert matched(both, sent) == [("ambiguous", None), ("ambiguous", None)]


def test_the_line_number_tells_equal_fees_apart():
    sent = [SentLine(7, 1000, line_no=1), SentLine(8, 1000, line_no=2)]
    answers = [Answer(1, "accepted", 1000, line_no=2), Answer(2, "rejected", 1000, line_no=1)]
    assert matched(answers, sent) == [("new", 8), ("new", 7)]


def test_after_sending_again_an_acceptance_is_of_the_new_line():
    sent = [SentLine(7, 1000, answered="rejected"), SentLine(8, 1000)]
    assert matched([Answer(1, "accepted", 1000)], sent) == [("new", 8)]


def test_after_sending_again_a_rejection_may_be_the_old_one_so_nothing_is_undone_on_it():
    sent = [SentLine(7, 1000, answered="rejected"), SentLine(8, 1000)]
    assert matched([Answer(1, "rejected", 1000)], sent) == [("ambiguous", None)]


def test_a_result_that_lists_everything_so_far_brings_only_what_is_new():
    sent = [SentLine(7, 1000, answered="rejected"), SentLine(8, 1000)]
    twice = [Answer(1, "rejected", 1000), Answer(2, "rejected", 1000)]
    assert matched(twice, sent) == [("known", None), ("new", 8)]
    both = [Answer(1, "rejected", 1000), Answer(2, "accepted", 1000)]
    assert matched(both, sent) == [("known", None), ("new", 8)]


statuses = st.sampled_from(["accepted", "rejected"])


@given(
    said=st.lists(statuses, min_size=1, max_size=5),
    sent=st.lists(st.sampled_from(["", "", "accepted", "rejected"]), max_size=5),
)
def test_no_line_gets_two_first_answers_and_every_answer_is_accounted_for(said, sent):
    answers = [Answer(n, status, 500) for n, status in enumerate(said)]
    lines = [SentLine(100 + n, 500, answered=answered) for n, answered in enumerate(sent)]
    matches = match_answers(answers, lines)
    assert [match.n for match in matches] == list(range(len(said)))
    new = Counter(match.entry_id for match in matches if match.outcome == "new")
    assert set(new) <= {line.entry_id for line in lines if not line.answered}
    assert all(count == 1 for count in new.values())


@given(
    status=statuses,
    sent=st.lists(st.sampled_from(["", "accepted", "rejected"]), min_size=1, max_size=4),
    repeat=st.integers(1, 3),
)
def test_reading_the_same_answers_again_finds_nothing_new(status, sent, repeat):
    answers = [Answer(n, status, 500) for n in range(repeat)]
    lines = [SentLine(100 + n, 500, answered=answered) for n, answered in enumerate(sent)]
    settled = {
        match.entry_id: status
        for match in match_answers(answers, lines)
        if match.outcome in {"new", "changed"}
    }
    after = [
        SentLine(line.entry_id, 500, answered=settled.get(line.entry_id, line.answered)) for line in lines
    ]
    assert not [match for match in match_answers(answers, after) if match.outcome in {"new", "changed"}]
