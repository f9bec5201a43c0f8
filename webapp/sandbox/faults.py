"""Faults on demand: what goes wrong in the sandbox, where, how often, and from which call on.

Every stand-in server of the sandbox asks the same board before (and after) each effect. Nothing goes wrong that
was not put on the board, so a rehearsal is repeatable.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping

OUTSIDES = ("sftp", "smtp")


class FaultError(ValueError):
    """A fault was described in a way the board cannot carry out; the message says which field and what it may be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    ``where`` is a dotted place ("alma.fees.pay", "sftp", "smtp"); it also covers every place below it. ``kind`` is
    what happens ("status", "timeout_after", "cut_at_byte" ...), ``options`` its details. It happens ``times`` times
    (None: until cleared), after letting the first ``after`` matching calls pass unharmed.
    """

    where: str
    kind: str
    times: int | None = 1
    after: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def covers(self, place: str) -> bool:
        """True if ``place`` is this fault's place or lies below it."""
        return place == self.where or place.startswith(f"{self.where}.")


class FaultBoard:
    """The faults waiting to happen; safe to use from many threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._fired: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a fault on the board, behind those already there."""
        if fault.times is not None and fault.times < 1:
            raise FaultError(f"times is {fault.times}; give 1 or more, or none at all for 'until cleared'")
        if fault.after < 0:
            raise FaultError(f"after is {fault.after}; give the number of calls to let pass, 0 or more")
        with self._lock:
            self._waiting.append(fault)

    def take(self, where: str, *kinds: str) -> Fault | None:
        """The fault that strikes at ``where`` now, or None.

        With ``kinds`` only faults of these kinds are looked at (and counted down), so that a server can ask at the
        moment each kind belongs to. The oldest fault wins; one still letting calls pass counts this call.
        """
        with self._lock:
            struck = self._strike(where, kinds, at_most=1)
        return struck[0] if struck else None

    def take_each(self, where: str, *kinds: str) -> tuple[Fault, ...]:
        """Every fault that strikes at ``where`` now, each once: for calls that can go wrong in several ways at a time."""
        with self._lock:
            return tuple(self._strike(where, kinds, at_most=len(self._waiting)))

    def _strike(self, where: str, kinds: tuple[str, ...], *, at_most: int) -> builtins.list[Fault]:
        struck: builtins.list[Fault] = []
        kept: builtins.list[Fault] = []
        for fault in self._waiting:
            if len(struck) == at_most or not fault.covers(where) or (kinds and fault.kind not in kinds):
                kept.append(fault)
            elif fault.after > 0:
                kept.append(replace(fault, after=fault.after - 1))
            else:
                struck.append(fault)
                kept.extend(_what_is_left(fault))
        self._waiting = kept
        self._fired.extend(struck)
        return struck

    def clear(self, where: str | None = None) -> int:
        """Take faults off the board, all or those at and below ``where``; returns how many went."""
        with self._lock:
            kept = (
                [] if where is None else [fault for fault in self._waiting if not _below(fault.where, where)]
            )
            gone = len(self._waiting) - len(kept)
            self._waiting = kept
        return gone

    def list(self) -> tuple[Fault, ...]:
        """The faults still waiting, oldest first, with the counts as they stand."""
        with self._lock:
            return tuple(self._waiting)

    def fired(self) -> tuple[Fault, ...]:
        """Every fault that struck so far, in order (once per strike): the proof that a rehearsal rehearsed."""
        with self._lock:
            return tuple(self._fired)


def fault_from_json(described: Mapping[str, Any]) -> Fault:
    """A fault from the JSON people and tests send; unknown keys become its options.

    ``{"where": "alma.fees", "kind": "status", "status": 500, "times": 3}``. A kind written with its place, such as
    "sftp.cut_at_byte", needs no ``where``. ``times`` may be null for "until cleared".

    Raises:
        FaultError: where or kind is missing, or a count is no whole number.
    """
    options = {
        key: value
        for key, value in described.items()
        if key not in {"where", "kind", "times", "after", "options"}
    }
    options.update(described.get("options") or {})
    where, kind = str(described.get("where") or ""), str(described.get("kind") or "")
    prefix, dot, rest = kind.partition(".")
    if dot and prefix in OUTSIDES:
        where, kind = where or prefix, rest
    if not where or not kind:
        raise FaultError('a fault needs "where" (such as "alma.fees") and "kind" (such as "status")')
    times = described.get("times", 1)
    return Fault(
        where,
        kind,
        None if times is None else _count("times", times),
        _count("after", described.get("after", 0)),
        options,
    )


def fault_to_json(fault: Fault) -> dict[str, Any]:
    """The same fault as JSON, options in a field of their own."""
    return {
        "where": fault.where,
        "kind": fault.kind,
        "times": fault.times,
        "after": fault.after,
        "options": dict(fault.options),
    }


def _what_is_left(fault: Fault) -> tuple[Fault, ...]:
    if fault.times is None:
        return (fault,)
    return () if fault.times == 1 else (replace(fault, times=fault.times - 1),)


def _count(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as err:
        raise FaultError(f"{name} is {value!r}; give a whole number") from err


def _below(place: str, where: str) -> bool:
    return place == where or place.startswith(f"{where}.")
