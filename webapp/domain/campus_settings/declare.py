"""How a setting is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "text",
    "long_text",
    "flag",
    "number",
    "cents",
    "choice",
    "words",
    "emails",
    "json_map",
    "rows",
    "secret",
]


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting. ``default`` has the stored type; ``longest`` and ``least``/``most`` bound text and numbers.

    ``pattern`` is what a text that is not empty, or each of the words, must match in full; ``pattern_says`` names it.
    """

    name: str
    label: str
    kind: Kind
    default: Any = ""
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False
    longest: int = 200
    least: int = 0
    most: int = 10**9
    pattern: str = ""
    pattern_says: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A page of settings. ``needs_admin``: only a campus admin may change it (keys, hosts)."""

    name: str
    title: str
    summary: str
    fields: tuple[SettingField, ...]
    needs_admin: bool = False

    def defaults(self) -> dict[str, Any]:
        """Every stored field with its default; secrets are kept elsewhere."""
        return {f.name: f.default for f in self.fields if f.kind != "secret"}

    def field(self, name: str) -> SettingField:
        """The declaration of one field. Raises: KeyError."""
        return next(f for f in self.fields if f.name == name)

    def secrets(self) -> tuple[str, ...]:
        """The names of the section's write-only fields."""
        return tuple(f.name for f in self.fields if f.kind == "secret")
