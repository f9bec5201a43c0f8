"""What the pages of settings read: when each section and secret was set and by whom, and the trail of changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, text

from webapp.models import AuditEvent, Person, Run, TenantSecret, TenantSetting
from webapp.models.scope import ScopedSession

SETTLED = ("succeeded", "nothing_to_send")


@dataclass(frozen=True, slots=True)
class SetBy:
    """When something was last set, and by whom ("" where it was not a person)."""

    at: datetime
    name: str


@dataclass(frozen=True, slots=True)
class StoredSection:
    """One section as it is stored."""

    value: Mapping[str, Any]
    version: int
    set_by: SetBy


@dataclass(frozen=True, slots=True)
class LastTest:
    """The newest test of a section. ``is_current``: nothing it depends on was changed since."""

    at: datetime
    actor: str
    is_well: bool
    is_current: bool


def stored_sections(session: ScopedSession) -> dict[str, StoredSection]:
    """Every section the campus has stored, by name."""
    rows = session.execute(
        select(TenantSetting, Person.full_name).outerjoin(Person, Person.id == TenantSetting.updated_by)
    )
    return {
        row.section: StoredSection(row.value, row.version, SetBy(row.updated_at, name or ""))
        for row, name in rows
    }


def secrets_held(session: ScopedSession) -> dict[str, SetBy]:
    """The names of the secrets that are set, with when and by whom; never their text."""
    rows = session.execute(
        select(TenantSecret.name, TenantSecret.updated_at, Person.full_name).outerjoin(
            Person, Person.id == TenantSecret.updated_by
        )
    )
    return {name: SetBy(at, by or "") for name, at, by in rows}


def remove_secret(session: ScopedSession, name: str) -> bool:
    """Forget a secret; False when there was none."""
    gone = session.scalars(delete(TenantSecret).where(TenantSecret.name == name).returning(TenantSecret.name))
    return gone.first() is not None


def newest_events(
    session: ScopedSession, subjects: Collection[str]
) -> dict[tuple[str, str], tuple[int, datetime, str, dict[str, Any]]]:
    """The newest event of each (subject, action): its number, time, actor and what it says."""
    newest = (
        select(func.max(AuditEvent.n))
        .where(AuditEvent.subject.in_(subjects))
        .group_by(AuditEvent.subject, AuditEvent.action)
    )
    rows = session.scalars(select(AuditEvent).where(AuditEvent.n.in_(newest)))
    return {(e.subject, e.action): (e.n, e.at, e.actor, e.after or {}) for e in rows}


def changes(
    session: ScopedSession, subjects: Collection[str], *, like: str = "", limit: int = 20
) -> list[AuditEvent]:
    """The newest changes of some subjects, or of those that begin with ``like``, newest first."""
    wanted: ColumnElement[bool] = AuditEvent.subject.in_(subjects)
    if like:
        wanted = or_(wanted, AuditEvent.subject.startswith(like, autoescape=True))
    return list(session.scalars(select(AuditEvent).where(wanted).order_by(AuditEvent.n.desc()).limit(limit)))


def list_changes(
    session: ScopedSession, *, words: str, descending: bool, limit: int | None, offset: int
) -> tuple[Sequence[AuditEvent], int]:
    """One page of everything that was ever changed, and how many there are. ``words`` is part of a name or subject."""
    query = select(AuditEvent)
    count = select(func.count()).select_from(AuditEvent)
    if words:
        query, count = query.where(_about(words)), count.where(_about(words))
    order = AuditEvent.n.desc() if descending else AuditEvent.n.asc()
    rows = session.scalars(query.order_by(order).limit(limit).offset(offset)).all()
    return rows, session.scalar(count) or 0


def every_change(session: ScopedSession, words: str) -> Iterator[AuditEvent]:
    """The same as a stream of all, newest first."""
    query = select(AuditEvent).order_by(AuditEvent.n.desc())
    if words:
        query = query.where(_about(words))
    yield from session.scalars(query.execution_options(yield_per=1000))


def runs_done(session: ScopedSession, pipeline: str) -> tuple[bool, bool]:
    """Whether a rehearsal of the pipeline has ended well, and whether a real run has."""
    ended = [
        select(Run.id).where(Run.pipeline == pipeline, Run.state.in_(SETTLED), Run.dry_run.is_(rehearsal))
        for rehearsal in (True, False)
    ]
    row = session.execute(select(exists(ended[0].subquery()), exists(ended[1].subquery()))).one()
    return bool(row[0]), bool(row[1])


def now(session: ScopedSession) -> datetime:
    """The database's clock."""
    at: datetime = session.execute(text("SELECT now()")).scalar_one()
    return at


def _about(words: str) -> ColumnElement[bool]:
    columns = (AuditEvent.actor, AuditEvent.subject, AuditEvent.action)
    return or_(*(column.icontains(words, autoescape=True) for column in columns))
