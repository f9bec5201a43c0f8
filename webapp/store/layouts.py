"""The file layouts a campus may choose: ready-made ones, and the newest version of each of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, cast, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from webapp.domain.layouts import BUILT_IN
from webapp.models import BursarRow, LayoutVersion, SharedLayout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from webapp.models.scope import ScopedSession


def own_layouts(session: ScopedSession) -> list[LayoutVersion]:
    """The newest version of each of the campus's own layouts, by name."""
    newest = select(LayoutVersion.name, func.max(LayoutVersion.version)).group_by(LayoutVersion.name)
    return list(
        session.scalars(
            select(LayoutVersion)
            .where(tuple_(LayoutVersion.name, LayoutVersion.version).in_(newest))
            .order_by(LayoutVersion.name)
        )
    )


def layout_names(session: ScopedSession) -> list[str]:
    """Every name that the setting ``files.layout`` may have."""
    goes_out = LayoutVersion.body["direction"].astext.is_distinct_from("in")
    own = session.scalars(select(LayoutVersion.name).where(goes_out).distinct().order_by(LayoutVersion.name))
    return [*BUILT_IN, *(name for name in own if name not in BUILT_IN)]


def layout_versions(session: ScopedSession, name: str) -> list[LayoutVersion]:
    """All versions of one of the campus's own layouts, newest first."""
    return list(
        session.scalars(
            select(LayoutVersion).where(LayoutVersion.name == name).order_by(LayoutVersion.version.desc())
        )
    )


def layout_version(session: ScopedSession, name: str, version: int) -> LayoutVersion | None:
    """One version of one of the campus's own layouts."""
    return session.scalars(
        select(LayoutVersion).where(LayoutVersion.name == name, LayoutVersion.version == version)
    ).one_or_none()


def version_in_effect(session: ScopedSession, name: str, on: date) -> LayoutVersion | None:
    """The version of the campus's own layout that is in effect on a day: the one with the latest effective day.

    A version without such a day is in effect from the day it was saved.
    """
    since = func.coalesce(LayoutVersion.effective_on, cast(LayoutVersion.created_at, Date))
    query = select(LayoutVersion).where(LayoutVersion.name == name)
    query = query.where(or_(LayoutVersion.effective_on.is_(None), LayoutVersion.effective_on <= on))
    return session.scalars(query.order_by(since.desc(), LayoutVersion.version.desc()).limit(1)).first()


def shared_in_effect(session: ScopedSession, owner_id: int, name: str, on: date) -> SharedLayout | None:
    """The version that a campus offers under this name and that is in effect on a day."""
    since = func.coalesce(SharedLayout.effective_on, cast(SharedLayout.shared_at, Date))
    query = select(SharedLayout).where(
        SharedLayout.owner_id == owner_id,
        SharedLayout.name == name,
        SharedLayout.withdrawn_at.is_(None),
        or_(SharedLayout.effective_on.is_(None), SharedLayout.effective_on <= on),
    )
    return session.scalars(query.order_by(since.desc(), SharedLayout.version.desc()).limit(1)).first()


def shared_version(session: ScopedSession, owner_id: int, name: str, version: int) -> SharedLayout | None:
    """One version of a campus's shared layout, also when it was withdrawn since."""
    query = select(SharedLayout).where(
        SharedLayout.owner_id == owner_id, SharedLayout.name == name, SharedLayout.version == version
    )
    return session.scalars(query).first()


def shared_by_others(session: ScopedSession) -> list[SharedLayout]:
    """The newest version of each layout that a campus offers, this campus's own among them."""
    newest = (
        select(SharedLayout.owner_id, SharedLayout.name, func.max(SharedLayout.version))
        .where(SharedLayout.withdrawn_at.is_(None))
        .group_by(SharedLayout.owner_id, SharedLayout.name)
    )
    query = select(SharedLayout).where(
        tuple_(SharedLayout.owner_id, SharedLayout.name, SharedLayout.version).in_(newest)
    )
    return list(session.scalars(query.order_by(SharedLayout.owner_name, SharedLayout.name)))


def offer(session: ScopedSession, owner_name: str, layout: LayoutVersion) -> None:
    """Offer one version of an own layout to every campus, again if it was withdrawn."""
    made = insert(SharedLayout).values(
        owner_id=session.tenant_id,
        owner_name=owner_name,
        name=layout.name,
        version=layout.version,
        body=layout.body,
        golden=layout.golden,
        note=layout.note,
        effective_on=layout.effective_on,
    )
    session.execute(
        made.on_conflict_do_update(
            index_elements=["owner_id", "name", "version"], set_={"withdrawn_at": None}
        )
    )


def withdraw(session: ScopedSession, name: str) -> int:
    """Offer a layout no longer; returns how many versions that were. Who follows it keeps the copy taken then."""
    gone = session.execute(
        update(SharedLayout)
        .where(
            SharedLayout.owner_id == session.tenant_id,
            SharedLayout.name == name,
            SharedLayout.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=func.now())
        .returning(SharedLayout.id)
    )
    return len(gone.all())


def newest_bodies(session: ScopedSession, limit: int) -> list[dict[str, Any]]:
    """The newest rows of charges that came in, as they were staged, oldest of them first."""
    newest = select(BursarRow.run_id).order_by(BursarRow.run_id.desc()).limit(1).scalar_subquery()
    query = select(BursarRow.body).where(BursarRow.run_id == newest).order_by(BursarRow.n).limit(limit)
    return list(session.scalars(query))


def add_version(
    session: ScopedSession,
    name: str,
    version: int,
    body: Mapping[str, Any],
    person_id: int | None,
    **more: Any,
) -> bool:
    """Add a version; False when it exists already, because somebody else saved meanwhile.

    ``more`` are ``note``, ``effective_on``, ``golden``, ``follows_owner_id`` and ``follows_name``.
    """
    row = session.execute(
        insert(LayoutVersion)
        .values(
            tenant_id=session.tenant_id,
            name=name,
            version=version,
            body=dict(body),
            created_by=person_id,
            created_at=func.now(),
            **more,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "name", "version"])
        .returning(LayoutVersion.id)
    )
    return row.first() is not None
