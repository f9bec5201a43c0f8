"""Rows and cents in are rows and cents out: sent, waiting at the desk, or left out by a rule that has a name."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Conservation:
    """A tally of one file's rows; ``excluded`` by rule. Pairs are (rows, cents)."""

    came: list[int] = field(default_factory=lambda: [0, 0])
    sent: list[int] = field(default_factory=lambda: [0, 0])
    quarantined: list[int] = field(default_factory=lambda: [0, 0])
    excluded: dict[str, list[int]] = field(default_factory=dict)

    def come(self, cents: int) -> None:
        """A row came in."""
        _add(self.came, cents)

    def send(self, cents: int) -> None:
        """A row went out."""
        _add(self.sent, cents)

    def take_back(self, cents: int) -> None:
        """A row that was on its way out stays here after all."""
        self.sent[0] -= 1
        self.sent[1] -= cents

    def quarantine(self, cents: int) -> None:
        """A row waits for a person."""
        _add(self.quarantined, cents)

    def exclude(self, rule: str, cents: int) -> None:
        """A row was left out by a named rule."""
        _add(self.excluded.setdefault(rule, [0, 0]), cents)

    def balances(self) -> bool:
        """Whether no row and no cent is unaccounted for."""
        parts = [self.sent, self.quarantined, *self.excluded.values()]
        return all(self.came[at] == sum(part[at] for part in parts) for at in (0, 1))


def _add(pair: list[int], cents: int) -> None:
    pair[0] += 1
    pair[1] += cents
