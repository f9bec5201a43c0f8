"""What an SFTP drop saw: the judge of every delivery in rehearsals and tests."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class FaultLike(Protocol):
    """One thing that goes wrong: what, and its details."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def options(self) -> Mapping[str, Any]: ...  # noqa: D102


class Faults(Protocol):
    """Where a stand-in server asks what goes wrong next (the sandbox's fault board)."""

    def take(self, where: str, *kinds: str) -> FaultLike | None:
        """The fault of one of these kinds that strikes at ``where`` now, or None."""


class NoFaults:
    """A server on which nothing goes wrong."""

    def take(self, where: str, *kinds: str) -> FaultLike | None:  # noqa: ARG002
        """Always None."""
        return None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a client did on line number ``line``, at ``at`` (UTC). ``result`` is "ok" or what was answered."""

    at: datetime
    line: int
    act: str
    path: str = ""
    result: str = "ok"
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file lying in the drop under its final name."""

    folder: str
    name: str
    size: int
    sha256: str
    arrived_at: datetime


class DropLog:
    """Every operation in order; safe to use from many threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operations: list[Operation] = []

    def add(
        self,
        line: int,
        act: str,
        path: str = "",
        result: str = "ok",
        *,
        size: int | None = None,
        sha256: str | None = None,
    ) -> None:
        """Note one operation now."""
        operation = Operation(datetime.now(UTC), line, act, path, result, size, sha256)
        with self._lock:
            self._operations.append(operation)

    def operations(self, *acts: str) -> list[Operation]:
        """All operations, or those of these kinds, oldest first."""
        with self._lock:
            return [operation for operation in self._operations if not acts or operation.act in acts]
