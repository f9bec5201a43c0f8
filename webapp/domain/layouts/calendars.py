"""Which term a day belongs to."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from webapp.domain.layouts.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from webapp.domain.layouts.model import Calendar, Term, TermRule

_YEAR: Final = re.compile(r"\{(YYYY|YY)(?:([+-])([1-9]))?\}")
_CACHE_SIZE: Final = 4_096


def pattern_fault(pattern: str) -> str | None:
    """Why a term pattern ("2{YY}8", "{YYYY+1}FA") is impossible, or None."""
    if "{" in (rest := _YEAR.sub("", pattern)) or "}" in rest:
        return (
            f"the term pattern {pattern!r} holds braces around something else than a year; allowed:"
            " {YYYY} {YY} {YYYY+1} {YY-1}"
        )
    return None


def term_finder(calendar: Calendar) -> Callable[[date, str], str]:
    """A function from a day and a career to the term's code; answers are remembered.

    Among terms of the same career, then among those without one, the first that covers the day is taken.
    Raises: ValueError with a sentence, when called with a day outside all terms, unless the calendar says "blank".
    """
    name = calendar.path.rpartition(".")[2]
    seen: dict[tuple[date, str], str] = {}

    def find(day: date, career: str) -> str:
        code = _by_months(calendar.months, day) if calendar.months else _by_days(calendar.terms, day, career)
        if not code and calendar.missing == "refuse":
            whose = f" for career {career!r}" if career else ""
            raise ValueError(f"calendar {name!r} has no term on {day.isoformat()}{whose}")
        return code

    def remember(day: date, career: str) -> str:
        key = (day, career)
        if key not in seen:
            if len(seen) >= _CACHE_SIZE:
                seen.clear()
            seen[key] = find(day, career)
        return seen[key]

    return remember


def _by_days(terms: tuple[Term, ...], day: date, career: str) -> str:
    wanted = (career, "") if career else ("",)
    for own in wanted:
        for term in terms:
            if term.career == own and term.first_on <= day <= term.last_on:
                return term.code
    return ""


def _by_months(rules: tuple[TermRule, ...], day: date) -> str:
    for rule in rules:
        if rule.first_month <= day.month <= rule.last_month:
            return _YEAR.sub(lambda match: _year(match, day.year), rule.pattern)
    return ""


def _year(match: re.Match[str], year: int) -> str:
    year += int((match[2] or "+") + (match[3] or "0"))
    return f"{year:04d}" if match[1] == "YYYY" else f"{year % 100:02d}"


def calendar_faults(calendar: Calendar) -> Iterator[Fault]:
    """Warnings for days with two terms, and for days between the first and the last term that have none."""
    if calendar.months:
        yield from _month_faults(calendar)
    for career in dict.fromkeys(term.career for term in calendar.terms):
        yield from _term_faults(calendar, career)


def _term_faults(calendar: Calendar, career: str) -> Iterator[Fault]:
    terms = sorted(
        (term for term in calendar.terms if term.career == career),
        key=lambda term: (term.first_on, term.last_on),
    )
    whose = f" (career {career})" if career else ""
    for earlier, later in pairwise(terms):
        if later.first_on <= earlier.last_on:
            yield Fault(
                calendar.path,
                f"terms {earlier.code!r} and {later.code!r}{whose} overlap from {later.first_on} to"
                f" {min(earlier.last_on, later.last_on)}; the one listed first is taken",
                "warning",
            )
        elif later.first_on > earlier.last_on + timedelta(days=1) and not career:
            hole = f"{earlier.last_on + timedelta(days=1)} to {later.first_on - timedelta(days=1)}"
            what = "rows of these days are set aside" if calendar.missing == "refuse" else "the term is blank"
            yield Fault(
                calendar.path,
                f"no term covers {hole}, between {earlier.code!r} and {later.code!r}: {what}",
                "warning",
            )


def _month_faults(calendar: Calendar) -> Iterator[Fault]:
    for month in range(1, 13):
        rules = [rule for rule in calendar.months if rule.first_month <= month <= rule.last_month]
        if len(rules) > 1:
            yield Fault(
                calendar.path,
                f"month {month} has the terms {rules[0].pattern!r} and {rules[1].pattern!r}; the first is taken",
                "warning",
            )
        if not rules:
            yield Fault(calendar.path, f"month {month} has no term", "warning")
