"""Safety stops: what looks so unlike a normal night that a person should say yes first."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from webapp.domain.identifiers import mask_id
from webapp.domain.money import format_cents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# On a small campus a few changes more than usual are a normal night, not an alarm.
LEAST_NORM = 10
LEAST_MASS_RELEASE = 5
RUNS_OF_NORM = 8


@dataclass(frozen=True, slots=True)
class SafetyLimits:
    """What a campus set; 0 switches a limit off. ``factor`` is times the median of recent runs."""

    stop_if_empty: bool = True
    factor: int = 5
    patron_cents: int = 500_000
    release_percent: int = 50
    first_rows: int = 2_000

    @classmethod
    def from_settings(cls, policy: Mapping[str, Any]) -> SafetyLimits:
        """The limits in the settings section *policy*."""
        return cls(
            stop_if_empty=bool(policy["stop_if_empty"]),
            factor=int(policy["stop_factor"]),
            patron_cents=int(policy["stop_patron_cents"]),
            release_percent=int(policy["stop_release_percent"]),
            first_rows=int(policy["stop_first_rows"]),
        )


@dataclass(frozen=True, slots=True)
class SafetyFacts:
    """What one run found. ``recent_changes``: lines told by earlier runs, newest first."""

    fee_rows: int
    covers_everyone: bool
    register_rows: int
    changed_rows: int
    released_rows: int
    recent_changes: Sequence[int] = ()
    patrons_above_limit: int = 0
    largest_emplid: str = ""
    largest_cents: int = 0
    unidentified_rows: int = 0


def safety_stops(facts: SafetyFacts, limits: SafetyLimits) -> list[str]:
    """A sentence for every reason to ask a person first; empty on a normal night."""
    stops = (
        _empty(facts, limits),
        _mass_release(facts, limits),
        _large_first_run(facts, limits),
        _unusual_volume(facts, limits),
        _large_total(facts, limits),
        _unidentified(facts),
    )
    return [stop for stop in stops if stop]


def _empty(facts: SafetyFacts, limits: SafetyLimits) -> str:
    if limits.stop_if_empty and facts.covers_everyone and facts.register_rows and not facts.fee_rows:
        return (
            f"The source is empty, and {facts.register_rows:,} holds are in force: "
            "going on would release every one of them."
        )
    return ""


def _mass_release(facts: SafetyFacts, limits: SafetyLimits) -> str:
    share = facts.released_rows * 100 > facts.register_rows * limits.release_percent
    if not limits.release_percent or facts.released_rows < LEAST_MASS_RELEASE or not share:
        return ""
    return (
        f"{facts.released_rows:,} of {facts.register_rows:,} holds would be released at once, "
        f"more than {limits.release_percent} percent."
    )


def _large_first_run(facts: SafetyFacts, limits: SafetyLimits) -> str:
    if facts.recent_changes or not limits.first_rows or facts.changed_rows <= limits.first_rows:
        return ""
    return (
        f"This is the first run that would tell PeopleSoft anything, and it would tell {facts.changed_rows:,} lines. "
        f"There is no norm yet to compare it with; more than {limits.first_rows:,} asks a person."
    )


def _unusual_volume(facts: SafetyFacts, limits: SafetyLimits) -> str:
    recent = list(facts.recent_changes)[:RUNS_OF_NORM]
    if not limits.factor or not recent:
        return ""
    norm = max(median(recent), LEAST_NORM)
    if facts.changed_rows <= limits.factor * norm:
        return ""
    runs = "the last run" if len(recent) == 1 else f"the last {len(recent)} runs"
    return (
        f"{facts.changed_rows:,} holds would change; {runs} changed {median(recent):,.0f} "
        f"(the middle value), and more than {limits.factor} times that asks a person."
    )


def _large_total(facts: SafetyFacts, limits: SafetyLimits) -> str:
    if not limits.patron_cents or not facts.patrons_above_limit:
        return ""
    return (
        f"{facts.patrons_above_limit:,} patron{'s' if facts.patrons_above_limit > 1 else ''} would be told a total above "
        f"{format_cents(limits.patron_cents)}; the largest is {format_cents(facts.largest_cents)} "
        f"for {mask_id(facts.largest_emplid)}."
    )


def _unidentified(facts: SafetyFacts) -> str:
    if not facts.unidentified_rows or not facts.released_rows:
        return ""
    return (
        f"Rows that could not be read far enough to say whose they are: {facts.unidentified_rows:,}. Holds that would "
        f"be released: {facts.released_rows:,}. One of these may belong to such a row."
    )
