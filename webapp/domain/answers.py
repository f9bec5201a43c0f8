"""Which line we sent does an answer of PeopleSoft speak of? Decided only where there is one way to read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["new", "changed", "known", "ambiguous", "unknown"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of a load result. ``n`` counts within the result; ``status`` is accepted or rejected."""

    n: int
    status: str
    amount_cents: int | None = None
    line_no: int | None = None


@dataclass(frozen=True, slots=True)
class SentLine:
    """One line we sent that has the answer's reference, or its patron, item type and amount.

    ``answered`` is what an earlier answer said of it, or empty.
    """

    entry_id: int
    amount_cents: int
    line_no: int | None = None
    answered: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """What one answer is about.

    ``new`` of a line not answered yet, ``changed`` when an earlier answer said otherwise, ``known`` when it said the
    same; ``ambiguous`` and ``unknown`` name no line.
    """

    n: int
    outcome: Outcome
    entry_id: int | None = None


def match_answers(answers: Sequence[Answer], sent: Sequence[SentLine]) -> list[Match]:
    """The matches of answers that are alike in all they say of a line, with every line they could speak of.

    Both come in the order of their files. Where the amounts agree only without their sign, that will do; where lines
    with the same sign exist, only those count. An answer that could repeat an earlier one, or speak of a line sent
    since, is ambiguous: taking it for the wrong one would bill somebody twice.
    """
    if not sent:
        return [Match(answer.n, "unknown") for answer in answers]
    sent = _of_same_sign(answers, sent)
    by_number = _by_line_number(answers, sent)
    if by_number is not None:
        return by_number
    still_open = [line for line in sent if not line.answered]
    answered = [line for line in sent if line.answered]
    if not still_open:
        return _repeats(answers, answered)
    if not answered:
        return _first_answers(answers, still_open)
    return _after_sending_again(answers, still_open, answered)


def _of_same_sign(answers: Sequence[Answer], sent: Sequence[SentLine]) -> Sequence[SentLine]:
    wanted = {answer.amount_cents for answer in answers}
    return [line for line in sent if line.amount_cents in wanted] or sent


def _by_line_number(answers: Sequence[Answer], sent: Sequence[SentLine]) -> list[Match] | None:
    """Matches by the number of the line in our file, when every answer names one and each of them only one line."""
    lines = {line.line_no: line for line in sent}
    if len(sent) == 1 or len(lines) < len(sent) or len({answer.line_no for answer in answers}) < len(answers):
        return None
    if any(answer.line_no is None or answer.line_no not in lines for answer in answers):
        return None
    return [_judged(answer, lines[answer.line_no]) for answer in answers]


def _judged(answer: Answer, line: SentLine) -> Match:
    if not line.answered:
        return Match(answer.n, "new", line.entry_id)
    return Match(answer.n, "known" if line.answered == answer.status else "changed", line.entry_id)


def _first_answers(answers: Sequence[Answer], lines: Sequence[SentLine]) -> list[Match]:
    """As many answers as lines, all saying the same: which is whose makes no difference."""
    if len(answers) == len(lines) and len({answer.status for answer in answers}) == 1:
        return [_judged(answer, line) for answer, line in zip(answers, lines, strict=True)]
    if len(lines) == 1 and len({answer.status for answer in answers}) == 1:
        first, *others = answers
        return [_judged(first, lines[0]), *(Match(other.n, "known", lines[0].entry_id) for other in others)]
    return [Match(answer.n, "ambiguous") for answer in answers]


def _repeats(answers: Sequence[Answer], lines: Sequence[SentLine]) -> list[Match]:
    """Answers about lines that all have one already."""
    if len(lines) == 1:
        *earlier, last = answers
        return [
            *(Match(answer.n, "known", lines[0].entry_id) for answer in earlier),
            _judged(last, lines[0]),
        ]
    before = Counter(line.answered for line in lines)
    if all(count <= before[status] for status, count in Counter(a.status for a in answers).items()):
        return [Match(answer.n, "known") for answer in answers]
    return [Match(answer.n, "ambiguous") for answer in answers]


def _after_sending_again(
    answers: Sequence[Answer], still_open: Sequence[SentLine], answered: Sequence[SentLine]
) -> list[Match]:
    before = Counter(line.answered for line in answered)
    said = Counter(answer.status for answer in answers)
    if not any(before[status] for status in said):
        return _first_answers(answers, still_open)
    # A result that lists everything so far again: take away what was known, and the rest is news.
    if len(answers) == len(answered) + len(still_open) and not before - said:
        matches, left = [], []
        for answer in answers:
            if before[answer.status] > 0:
                before[answer.status] -= 1
                matches.append(Match(answer.n, "known"))
            else:
                left.append(answer)
        return sorted([*matches, *_first_answers(left, still_open)], key=lambda match: match.n)
    return [Match(answer.n, "ambiguous") for answer in answers]
