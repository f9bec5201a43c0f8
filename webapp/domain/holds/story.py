"""What a run did, in one plain sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from webapp.domain.holds.verdicts import QUARANTINED
from webapp.domain.money import format_cents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class HoldCounts:
    """The numbers of one run. ``quarantined`` counts rows by rule."""

    added: int = 0
    added_cents: int = 0
    updated: int = 0
    released: int = 0
    held_back: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)

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
        most = max(counts.quarantined, key=lambda rule: (counts.quarantined[rule], rule))
        because = QUARANTINED[most].rstrip(".")
        because = because[0].lower() + because[1:]
        others = rows - counts.quarantined[most]
        also = f" ({others:,} for other reasons)" if others else ""
        parts.append(f"{_number(rows, 'row')} held back because {because}{also}")
    if counts.held_back:
        left = "hold was left as it is" if counts.held_back == 1 else "holds were left as they are"
        parts.append(f"{counts.held_back:,} {left} because of such rows")
    return parts


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
