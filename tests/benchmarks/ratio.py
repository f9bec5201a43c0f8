"""One speed promise, measured: our time over the bare limit's, in the same run on the same machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """``ours_s`` and ``bare_s`` are medians in seconds; ``target`` bounds ours/bare (or bare/ours, ``at_least``)."""

    name: str
    ours_s: float
    bare_s: float
    target: float
    note: str = ""
    at_least: bool = False
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """Ours over bare; for throughput (``at_least``) bare over ours, so that more is better."""
        return self.bare_s / self.ours_s if self.at_least else self.ours_s / self.bare_s

    @property
    def is_kept(self) -> bool:
        """Whether the promise holds in this run."""
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    def row(self) -> str:
        """One line of the printed table."""
        sign = "≥" if self.at_least else "≤"
        verdict = "kept" if self.is_kept else "MISSED"
        return (
            f"{self.name:<44} {self.ours_s:>9.3f} {self.unit:<5} {self.bare_s:>9.3f} {self.unit:<5} {self.ratio:>7.2f} "
            f"{sign} {self.target:<5g} {verdict:<7} {self.note}"
        )
