"""What the pages about patrons on hold read: the register by key, and one patron's whole story."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from webapp.models import File, HoldChange, HoldRegister, Person, Run, TemporaryRelease

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from webapp.models.scope import ScopedSession

COUNTED_UP_TO = 10_000
EXPORT_BATCH = 2_000
HISTORY_LINES = 200
# Which of a run's files holds a line of each action.
_KIND_OF_ACTION = {"A": "added", "U": "added", "R": "released", "S": "snapshot"}


@dataclass(frozen=True, slots=True)
class RegisterFilter:
    """Which holds a list shows: those of EMPLIDs that begin with ``prefix``, under one ``hold_code``; "" means any."""

    prefix: str = ""
    hold_code: str = ""


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """One page by EMPLID and hold code. ``after`` is the key to go on from, None at the end.

    ``count`` stops at ``COUNTED_UP_TO``.
    """

    rows: Sequence[HoldRegister]
    after: tuple[str, str] | None
    count: int


@dataclass(frozen=True, slots=True)
class ToldLine:
    """One line that a run decided about the patron: when it ran, whether it was told, and in which file."""

    change: HoldChange
    run: Run
    file: File | None


@dataclass(frozen=True, slots=True)
class ReleaseLine:
    """One temporary release, and who granted it."""

    release: TemporaryRelease
    granted_by: str


@dataclass(frozen=True, slots=True)
class PatronStory:
    """Everything known about one patron, newest first. ``placing`` is the told line behind each hold in force."""

    holds: Sequence[HoldRegister]
    told: Sequence[ToldLine]
    waiting: Sequence[ToldLine]
    releases: Sequence[ReleaseLine]

    @property
    def is_known(self) -> bool:
        """Whether PeopleSoft was ever told anything about this EMPLID, or is about to be."""
        return bool(self.holds or self.told or self.waiting or self.releases)

    def placing(self, hold: HoldRegister) -> ToldLine | None:
        """The line that told the hold's present amount."""
        return next(
            (
                line
                for line in self.told
                if line.change.hold_code == hold.hold_code and line.change.run_id == hold.run_id
            ),
            None,
        )


def register_page(
    session: ScopedSession, wanted: RegisterFilter, *, after: tuple[str, str] | None, limit: int
) -> RegisterPage:
    """One page of holds in force."""
    query = _in_register(wanted)
    if after is not None:
        query = query.where(tuple_(HoldRegister.emplid, HoldRegister.hold_code) > after)
    rows = session.scalars(query.limit(limit + 1)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    counted = _in_register(wanted).with_only_columns(HoldRegister.emplid).order_by(None).limit(COUNTED_UP_TO)
    count = session.scalar(select(func.count()).select_from(counted.subquery())) or 0
    return RegisterPage(rows[:limit], (last.emplid, last.hold_code) if last else None, count)


def stream_register(session: ScopedSession, wanted: RegisterFilter) -> Iterator[HoldRegister]:
    """Every hold in force that fits, by EMPLID and hold code; memory does not grow with their number."""
    yield from session.scalars(_in_register(wanted).execution_options(yield_per=EXPORT_BATCH))


def released_page(session: ScopedSession, prefix: str, *, limit: int) -> list[HoldChange]:
    """The newest releases told about EMPLIDs that begin with ``prefix`` and have no hold under that code now."""
    still = exists().where(
        HoldRegister.emplid == HoldChange.emplid, HoldRegister.hold_code == HoldChange.hold_code
    )
    query = (
        select(HoldChange)
        .where(HoldChange.action == "R", HoldChange.confirmed_at.is_not(None), ~still)
        .order_by(HoldChange.id.desc())
        .limit(limit)
    )
    return list(session.scalars(query.where(*_begins(HoldChange.emplid, prefix)) if prefix else query))


def is_known(session: ScopedSession, emplid: str) -> bool:
    """Whether there is anything to show about exactly this EMPLID."""
    found = select(
        or_(
            exists().where(HoldRegister.emplid == emplid),
            exists().where(HoldChange.emplid == emplid),
            exists().where(TemporaryRelease.emplid == emplid),
        )
    )
    return bool(session.scalar(found))


def patron_story(session: ScopedSession, emplid: str) -> PatronStory:
    """Everything about one patron, in three reads."""
    holds = session.scalars(
        select(HoldRegister).where(HoldRegister.emplid == emplid).order_by(HoldRegister.hold_code)
    ).all()
    lines = _lines(session, emplid)
    releases = session.execute(
        select(TemporaryRelease, Person.full_name)
        .outerjoin(Person, Person.id == TemporaryRelease.created_by)
        .where(TemporaryRelease.emplid == emplid)
        .order_by(TemporaryRelease.id.desc())
    )
    return PatronStory(
        holds,
        [line for line in lines if line.change.confirmed_at],
        [line for line in lines if not line.change.confirmed_at and _is_on_its_way(line.run)],
        [ReleaseLine(release, name or "") for release, name in releases],
    )


def now(session: ScopedSession) -> datetime:
    """The database's clock."""
    at: datetime = session.execute(select(func.now())).scalar_one()
    return at


def _lines(session: ScopedSession, emplid: str) -> list[ToldLine]:
    rows = session.execute(
        select(HoldChange, Run, File)
        .join(Run, and_(Run.tenant_id == HoldChange.tenant_id, Run.id == HoldChange.run_id))
        .outerjoin(
            File,
            and_(
                File.tenant_id == HoldChange.tenant_id,
                File.run_id == HoldChange.run_id,
                File.hold_code.in_(("", HoldChange.hold_code)),
                File.kind.in_(("added", "released", "snapshot")),
            ),
        )
        .where(HoldChange.emplid == emplid)
        .order_by(HoldChange.id.desc(), File.id)
        .limit(HISTORY_LINES * 3)
    )
    found: dict[int, ToldLine] = {}
    for change, run, file in rows:
        fits = file is not None and file.kind in {_KIND_OF_ACTION[change.action], "snapshot"}
        known = found.get(change.id)
        if known is None or (known.file is None and fits):
            found[change.id] = ToldLine(change, run, file if fits else None)
    return list(found.values())[:HISTORY_LINES]


def _is_on_its_way(run: Run) -> bool:
    return not run.dry_run and run.finished_at is None


def _in_register(wanted: RegisterFilter) -> Select[HoldRegister]:
    query = select(HoldRegister).order_by(HoldRegister.emplid, HoldRegister.hold_code)
    if wanted.prefix:
        query = query.where(*_begins(HoldRegister.emplid, wanted.prefix))
    if wanted.hold_code:
        query = query.where(HoldRegister.hold_code == wanted.hold_code)
    return query


def _begins(column: InstrumentedAttribute[str], prefix: str) -> list[ColumnElement[bool]]:
    """Begins with: judged letter by letter, and narrowed to a stretch of the index where the last one is a digit."""
    conditions = [column.startswith(prefix, autoescape=True), column >= prefix]
    kept = prefix.rstrip("9")
    if kept and kept[-1] in "012345678":
        conditions.append(column < kept[:-1] + chr(ord(kept[-1]) + 1))
    return conditions
