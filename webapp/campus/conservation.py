"""The conservation table of a run: every row and cent that came in, under the one name it left by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp.domain.holds import EXCLUDED, KEPT, QUARANTINED

GROUPS = (
    ("Told to PeopleSoft, or known there", KEPT),
    ("Held back on the desk", QUARANTINED),
    ("Left out on purpose", EXCLUDED),
)


@dataclass(frozen=True, slots=True)
class ConservationLine:
    """Rows and cents under one name."""

    title: str
    rows: int
    cents: int


@dataclass(frozen=True, slots=True)
class ConservationGroup:
    """Lines that share a fate."""

    title: str
    lines: tuple[ConservationLine, ...]


@dataclass(frozen=True, slots=True)
class Conservation:
    """What came in, and where it went."""

    rows_in: int
    cents_in: int
    groups: tuple[ConservationGroup, ...]

    @property
    def rows_out(self) -> int:
        """Rows over all lines."""
        return sum(line.rows for group in self.groups for line in group.lines)

    @property
    def cents_out(self) -> int:
        """Cents over all lines."""
        return sum(line.cents for group in self.groups for line in group.lines)

    @property
    def balances(self) -> bool:
        """Whether what came in is what went somewhere."""
        return (self.rows_in, self.cents_in) == (self.rows_out, self.cents_out)


def conservation_of(counts: Mapping[str, Any]) -> Conservation | None:
    """The table from a run's counts; None while the run has not decided yet.

    Reads ``rows_in``, ``cents_in`` and ``tallies`` (name of the rule -> {"rows", "cents"}).
    """
    tallies = counts.get("tallies")
    if not isinstance(tallies, Mapping) or "rows_in" not in counts:
        return None
    named = {name for _, names in GROUPS for name in names}
    groups = [(title, {name: names[name] for name in names}) for title, names in GROUPS]
    unnamed = {name: name.replace("_", " ") for name in tallies if name not in named}
    found = []
    for title, names in [*groups, ("Other", unnamed)]:
        lines = tuple(
            ConservationLine(text.rstrip("."), int(tallies[name]["rows"]), int(tallies[name]["cents"]))
            for name, text in names.items()
            if name in tallies and (tallies[name]["rows"] or tallies[name]["cents"])
        )
        if lines:
            found.append(ConservationGroup(title, lines))
    return Conservation(int(counts["rows_in"]), int(counts.get("cents_in", 0)), tuple(found))
