"""A campus's tables and terms: which row of a table answers, and where terms overlap or leave a hole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

ANYTHING = "*"


def first_match(rows: Sequence[Sequence[str]], wanted: Sequence[str]) -> int | None:
    """The place of the first row whose leading cells fit ``wanted`` ("*" fits anything); None when none does."""
    for place, row in enumerate(rows):
        if all(cell in {ANYTHING, text} for cell, text in zip(row, wanted, strict=False)):
            return place
    return None


@dataclass(frozen=True, slots=True)
class TermSpan:
    """One term with its first and last day; ``career`` "" holds for every career without terms of its own."""

    code: str
    first_on: date
    last_on: date
    career: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of days on the line of terms. ``kind``: a term, an overlap of two, or a hole between two."""

    kind: Literal["term", "overlap", "hole"]
    label: str
    first_on: date
    last_on: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last_on - self.first_on).days + 1


def read_terms(rows: Sequence[Sequence[str]]) -> list[TermSpan]:
    """The rows that can be read as terms (code, first day, last day, career), by first day; others are left out."""
    found = []
    for row in rows:
        try:
            first_on, last_on = date.fromisoformat(row[1]), date.fromisoformat(row[2])
        except (ValueError, IndexError):
            continue
        if first_on <= last_on:
            found.append(TermSpan(row[0], first_on, last_on, row[3] if len(row) > 3 else ""))
    return sorted(found, key=lambda term: (term.first_on, term.last_on))


def stretches(terms: Sequence[TermSpan]) -> list[Stretch]:
    """The terms of one career in order, then their overlaps, then the holes between them."""
    overlaps, holes = [], []
    for earlier, later in pairwise(terms):
        if later.first_on <= earlier.last_on:
            until = min(earlier.last_on, later.last_on)
            overlaps.append(Stretch("overlap", f"{earlier.code} and {later.code}", later.first_on, until))
        elif later.first_on > earlier.last_on + timedelta(days=1):
            holes.append(
                Stretch(
                    "hole",
                    f"between {earlier.code} and {later.code}",
                    earlier.last_on + timedelta(days=1),
                    later.first_on - timedelta(days=1),
                )
            )
    return [*(Stretch("term", t.code, t.first_on, t.last_on) for t in terms), *overlaps, *holes]
