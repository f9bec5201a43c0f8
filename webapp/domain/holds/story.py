"""What a run did, in one plain sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from webapp.domain.holds.verdicts import QUARANTINED
from webapp.domain.money import format_cents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REASONS_NAMED = 2
# What a row itself said: in quotation marks, a masked id, or a long number.
_OF_ONE_ROW = re.compile(r"“[^”]*”|'[^']*'|\"[^\"]*\"|…\S+|\b\d{5,}\b")
_PLACE = re.compile(r"^Line \d+: ")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class HoldCounts:
    """The numbers of one run. ``quarantined`` counts rows by rule; ``reasons`` are the reasons met, most rows first."""

    added: int = 0
    added_cents: int = 0
    updated: int = 0
    released: int = 0
    held_back: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    reasons: Sequence[tuple[str, int]] = ()

    @property
    def changed(self) -> int:
        """Lines to tell PeopleSoft."""
        return self.added + self.updated + self.released


def tell_story(counts: HoldCounts, delivered: Sequence[str] = ()) -> str:
    """A sentence like: 37 patrons added ($1,204.50), 3 changed, 12 released; files delivered to sftp.example.edu.

    ``delivered`` are clauses about what left, such as "files delivered to sftp.example.edu at 18:02".
    """
    parts = [_changes(counts), *_held_back(counts), *delivered]
    return "; ".join(parts) + "."


def _changes(counts: HoldCounts) -> str:
    if not counts.changed:
        return "Nothing to send: PeopleSoft already knows every hold"
    pieces = [
        (counts.added, f"added ({format_cents(counts.added_cents)})"),
        (counts.updated, "changed"),
        (counts.released, "released"),
    ]
    (first, verb), *others = [piece for piece in pieces if piece[0]]
    return ", ".join([f"{_number(first, 'patron')} {verb}", *(f"{count:,} {word}" for count, word in others)])


def _held_back(counts: HoldCounts) -> list[str]:
    parts = []
    rows = sum(counts.quarantined.values())
    if rows:
        parts.append(f"{_number(rows, 'row')} held back: {_because(counts, rows)}")
    if counts.held_back:
        left = "hold was left as it is" if counts.held_back == 1 else "holds were left as they are"
        parts.append(f"{counts.held_back:,} {left} because of such rows")
    return parts


def _because(counts: HoldCounts, rows: int) -> str:
    by_rule = [(QUARANTINED[rule], of_rule) for rule, of_rule in counts.quarantined.items()]
    groups = group_reasons(counts.reasons or by_rule)
    if len(groups) == 1:
        return groups[0][0]
    named = [f"{words} ({of_reason:,})" for words, of_reason in groups[:REASONS_NAMED]]
    is_all = sum(of_reason for _, of_reason in groups[:REASONS_NAMED]) >= rows
    return ", ".join(named) + ("" if is_all else " and more")


def group_reasons(reasons: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Reasons that differ only in what a row said become one, in words that name nobody; most rows first."""
    words_of: dict[str, str] = {}
    rows_of: dict[str, int] = {}
    for reason, rows in reasons:
        words = _OF_ONE_ROW.sub("…", _PLACE.sub("", reason)).rstrip(".")
        words = words if words[:2].isupper() else words[:1].lower() + words[1:]
        alike = _NUMBER.sub("0", words)
        words_of.setdefault(alike, words)
        rows_of[alike] = rows_of.get(alike, 0) + rows
    ordered = sorted(rows_of, key=lambda alike: (-rows_of[alike], alike))
    return [(words_of[alike], rows_of[alike]) for alike in ordered]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
