"""What can be chosen about a sandbox, and the things all its parts share while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from webapp.sandbox.book import Book
from webapp.sandbox.clock import SandboxClock
from webapp.sandbox.faults import FaultBoard
from webapp.sandbox.institution import Institution, InstitutionSpec
from webapp.sandbox.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from pathlib import Path

DEFAULT_REPORT_PATH = "/shared/CSU/Reports/Feebridge/Outstanding fees"
DEFAULT_INSTITUTIONS = (
    InstitutionSpec("01CALS_USM", "sandbox-key-san-marcos", "San Marcos", "csusm"),
    InstitutionSpec("01CALS_HUL", "sandbox-key-humboldt", "Humboldt", "humboldt"),
)


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """The choices. Thresholds are calls per institution; 25 a second is what Alma allows (2016 to 2026)."""

    institutions: tuple[InstitutionSpec, ...] = DEFAULT_INSTITUTIONS
    seed: int = 7
    patrons: int = 200
    owing_percent: float = 8.0
    today: date | None = None
    analytics_live: bool = False
    analytics_loading_answers: int = 1  # how often a report says "still loading" before its first page
    report_path: str = DEFAULT_REPORT_PATH
    calls_per_second: int = 25
    calls_per_day: int = 400_000
    memory: Path | None = None  # a folder in which changes outlive the process; None forgets them


class Drop(Protocol):
    """What the pages need to know of the SFTP drop."""

    def operations(self) -> Sequence[Any]:
        """Every operation so far, oldest first: dataclasses with at, act, path, result and more."""


class StoredLetter(Protocol):
    """What the pages need to know of one accepted mail: the envelope, the bytes, and when it came."""

    @property
    def sender(self) -> str:
        """The envelope's sender."""

    @property
    def recipients(self) -> Sequence[str]:
        """The envelope's recipients."""

    @property
    def raw(self) -> bytes:
        """The mail as it came over the line."""

    @property
    def received_at(self) -> datetime:
        """When it was accepted."""


class Mailbox(Protocol):
    """What the pages need to know of the mailbox."""

    @property
    def messages(self) -> Sequence[StoredLetter]:
        """Every mail accepted so far, oldest first."""


@dataclass(slots=True)
class World:
    """Everything that lives as long as the sandbox does. ``stopping`` ends long waits early."""

    settings: SandboxSettings
    clock: SandboxClock
    board: FaultBoard
    book: Book
    institutions: dict[str, Institution]
    drop_root: Path | None = None
    drop: Drop | None = None
    mailbox: Mailbox | None = None
    stopping: threading.Event = field(default_factory=threading.Event)


def build_world(settings: SandboxSettings) -> World:
    """A world without drop and mailbox; those are attached by the process entry."""
    clock = SandboxClock(settings.today)
    journal = None
    if settings.memory is not None:
        journal = Journal(settings.memory, seed=settings.seed, patrons=settings.patrons, today=clock.today())
        clock = SandboxClock(settings.today, journal.first_day)
    institutions = {
        spec.code: Institution(
            spec,
            clock,
            seed=settings.seed,
            patrons=settings.patrons,
            owing_percent=settings.owing_percent,
            journal=journal,
        )
        for spec in settings.institutions
    }
    return World(settings, clock, FaultBoard(), Book(clock), institutions)


def spec_from_text(text: str) -> InstitutionSpec:
    """An institution from "CODE=KEY" or "CODE=KEY=Name of the campus".

    Raises:
        ValueError: the text has no "=", or an empty code or key.
    """
    code, _, rest = text.partition("=")
    key, _, name = rest.partition("=")
    if not code or not key:
        raise ValueError(
            f'"{text}" is not an institution; write CODE=KEY or CODE=KEY=Name, such as 01CALS_USM=abc123=San Marcos'
        )
    return InstitutionSpec(code, key, name or code)
