"""Reading untrusted JSON member by member: every surprise becomes a fault at its place, and reading goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from webapp.domain.layouts.catalogue import unknown_name
from webapp.domain.layouts.faults import Fault

Choice = TypeVar("Choice", bound=str)
MAX_TEXT = 1_000
MAX_DEPTH = 8


class Node:
    """One JSON object at one place. Each getter gives a usable value, and notes a fault when it had to invent it."""

    def __init__(self, members: object, path: str, faults: list[Fault], allowed: Sequence[str]) -> None:
        self.path = path
        self.faults = faults
        self.members: Mapping[str, object] = {}
        if not isinstance(members, Mapping):
            with_keys = f" with {', '.join(allowed)}" if allowed else ""
            self.refuse("", f"must be an object{with_keys}, not {shown(members)}")
            return
        self.members = {key: value for key, value in members.items() if isinstance(key, str)}
        for key in members:
            if key not in allowed:
                self.refuse(str(key)[:60], unknown_name("key", str(key), allowed))

    def at(self, key: str) -> str:
        """The path of one member."""
        return f"{self.path}.{key}" if key else self.path

    def refuse(self, key: str, message: str) -> None:
        """Note a fault at a member, or at the object itself when ``key`` is empty."""
        self.faults.append(Fault(self.at(key), message))

    def has(self, key: str) -> bool:
        """Whether the member is there at all (null counts as there)."""
        return key in self.members

    def require(self, *keys: str) -> None:
        """Note a fault for each of these members that is absent."""
        for key in keys:
            if key not in self.members:
                self.refuse(key, "is missing")

    def text(self, key: str, default: str = "", *, lowest: int = 0, highest: int = MAX_TEXT) -> str:
        """Text of ``lowest`` to ``highest`` characters without control characters."""
        if key not in self.members:
            return default
        value = self.members[key]
        message = text_fault(value, lowest, highest)
        if message:
            self.refuse(key, message)
            return default
        return cast("str", value)

    def choice(self, key: str, allowed: Sequence[Choice], default: Choice) -> Choice:
        """One of a few words."""
        if key not in self.members:
            return default
        value = self.members[key]
        if isinstance(value, str) and value in allowed:
            return cast("Choice", value)
        self.refuse(key, f"must be {either(allowed)}, not {shown(value)}")
        return default

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.members.get(key, default)
        if isinstance(value, bool):
            return value
        self.refuse(key, f"must be true or false, not {shown(value)}")
        return default

    def whole(self, key: str, lowest: int, highest: int) -> int | None:
        """A whole number within bounds, or None where absent."""
        if key not in self.members:
            return None
        value = self.members[key]
        if type(value) is int and lowest <= value <= highest:
            return value
        self.refuse(key, f"must be a whole number from {lowest} to {highest}, not {shown(value)}")
        return None

    def items(self, key: str, lowest: int, highest: int) -> list[tuple[str, object]]:
        """The members of a list, each with its path; empty where absent or wrong."""
        if key not in self.members:
            return []
        value = self.members[key]
        if not isinstance(value, (list, tuple)):
            self.refuse(key, f"must be a list, not {shown(value)}")
            return []
        if not lowest <= len(value) <= highest:
            self.refuse(key, f"must have {lowest} to {highest} entries, not {len(value)}")
        return [(f"{self.at(key)}[{index}]", item) for index, item in enumerate(value[:highest])]

    def texts(self, key: str, lowest: int, highest: int) -> tuple[str, ...]:
        """A list of non-empty texts, each different."""
        found: list[str] = []
        for path, item in self.items(key, lowest, highest):
            message = text_fault(item, 1, MAX_TEXT)
            if message is None and item in found:
                message = f"{shown(item)} is there twice"
            if message:
                self.faults.append(Fault(path, message))
            else:
                found.append(cast("str", item))
        return tuple(found)


class Overlay(Node):
    """The members of one object laid over those of another, but for some; each keeps the place where it stands."""

    def __init__(self, under: Node, over: Node, without: Sequence[str] = ()) -> None:
        self._over = over
        self.path = under.path
        self.faults = under.faults
        taken_over = {key: value for key, value in under.members.items() if key not in without}
        self.members = {**taken_over, **over.members}

    def at(self, key: str) -> str:
        """The path of one member, in whichever of the two it stands."""
        return self._over.at(key) if self._over.has(key) else super().at(key)


def known_name(node: Node, key: str, allowed: tuple[str, ...]) -> str:
    """The name at a member, or the first allowed one after noting that it is unknown."""
    name = node.text(key, lowest=1)
    if name and name not in allowed:
        node.refuse(key, unknown_name(key, name, allowed))
    return name if name in allowed else allowed[0]


def text_fault(value: object, lowest: int, highest: int) -> str | None:
    """Why a value is not text of that length without control characters, or None."""
    if not isinstance(value, str):
        return f"must be text, not {shown(value)}"
    if not lowest <= len(value) <= highest:
        return f"must have {lowest} to {highest} characters, not {len(value)}"
    if any(not char.isprintable() for char in value):
        return "must not hold control or invisible characters"
    return None


def either(allowed: Sequence[str]) -> str:
    """The allowed words as part of a sentence."""
    return " or ".join(f'"{word}"' for word in allowed)


def shown(value: object) -> str:
    """A value as a person may read it in a message, shortened; kinds of JSON by their name."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:60] + "…")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return f"{value:.6g}" if isinstance(value, float) or abs(value) < 10**15 else "a number too large"
    return "an object" if isinstance(value, Mapping) else "a list"
