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

    Reads what the decision left: ``rows_<rule>`` and ``cents_<rule>``, and what came in as ``collected_rows`` and
    ``collected_cents``.
    """
    if "collected_rows" not in counts or not any(
        f"rows_{name}" in counts for _, names in GROUPS for name in names
    ):
        return None
    groups = []
    for title, names in GROUPS:
        lines = tuple(
            ConservationLine(words.rstrip("."), int(rows), int(counts.get(f"cents_{name}", 0)))
            for name, words in names.items()
            if (rows := counts.get(f"rows_{name}", 0))
        )
        if lines:
            groups.append(ConservationGroup(title, lines))
    return Conservation(int(counts["collected_rows"]), int(counts.get("collected_cents", 0)), tuple(groups))
