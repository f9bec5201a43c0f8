"""What a person must know after an import: what is written differently, and what had no equal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Note:
    """``missing``: there is no equal, and nothing stands for it. ``changed``: there is one, and it differs so."""

    kind: Literal["missing", "changed"]
    place: str
    words: str


@dataclass(slots=True)
class Notes:
    """Gathers notes in the order they were met; the same one is kept once."""

    found: list[Note] = field(default_factory=list)

    def missing(self, place: str, words: str) -> None:
        """There is no equal."""
        self._add(Note("missing", place, words))

    def changed(self, place: str, words: str) -> None:
        """There is an equal that differs."""
        self._add(Note("changed", place, words))

    def _add(self, note: Note) -> None:
        if note not in self.found:
            self.found.append(note)
