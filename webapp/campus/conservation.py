"""The conservation table of a run: every row and cent that came in, under the one name it left by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp.campus.charge_words import rule_title
from webapp.domain.holds import EXCLUDED, KEPT, QUARANTINED

GROUPS = (
    ("Told to PeopleSoft, or known there", KEPT),
    ("Held back on the desk", QUARANTINED),
    ("Left out on purpose", EXCLUDED),
)


@dataclass(frozen=True, slots=True)
class ConservationLine:
    """Rows and cents under one name. ``verdict`` and ``rule`` find the rows behind it, where they are kept."""

    title: str
    rows: int
    cents: int
    verdict: str = ""
    rule: str = ""


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
    ``collected_cents``. Of charges: ``rows_in``, ``rows_sent``, ``rows_quarantined``, ``rows_excluded_<rule>``, each
    with its ``cents_``.
    """
    if "rows_in" in counts:
        return _of_charges(counts) if "rows_sent" in counts else None
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


def _of_charges(counts: Mapping[str, Any]) -> Conservation:
    def line(title: str, name: str, verdict: str, rule: str = "") -> ConservationLine:
        rows, cents = int(counts.get(f"rows_{name}", 0)), int(counts.get(f"cents_{name}", 0))
        return ConservationLine(title, rows, cents, verdict, rule)

    prefix = "rows_excluded_"
    excluded = tuple(
        line(rule_title(rule), f"excluded_{rule}", "excluded", rule)
        for rule in sorted(name.removeprefix(prefix) for name in counts if name.startswith(prefix))
    )
    if not excluded and counts.get("rows_excluded"):
        excluded = (line("By a rule", "excluded", "excluded"),)
    return Conservation(
        int(counts["rows_in"]),
        int(counts.get("cents_in", 0)),
        (
            ConservationGroup("Sent to PeopleSoft", (line(_sent_title(counts), "sent", "send"),)),
            ConservationGroup(
                "Held back on the desk", (line("Wait for a person", "quarantined", "quarantined"),)
            ),
            *([ConservationGroup("Left out on purpose", excluded)] if excluded else []),
        ),
    )


def _sent_title(counts: Mapping[str, Any]) -> str:
    """In the run's files, and as what."""
    kinds = [
        f"{int(counts[name]):,} {noun}{'' if counts[name] == 1 else 's'}"
        for name, noun in (("charges", "charge"), ("credits", "credit"), ("reversals", "reversal"))
        if counts.get(name)
    ]
    return f"As {', '.join(kinds)}" if kinds else "In the run's files"
