"""Rows of temporary releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select, text

from webapp.models import HoldRegister, TemporaryRelease

if TYPE_CHECKING:
    from datetime import date

    from webapp.models.scope import ScopedSession

_LOCK = 7_235_121


def lock_patron(session: ScopedSession, emplid: str) -> None:
    """Keep others from granting the same patron a release until the transaction ends."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(:space, hashtext(:tenant_id || ' ' || :emplid))"),
        {"space": _LOCK, "tenant_id": str(session.tenant_id), "emplid": emplid},
    )


def has_hold(session: ScopedSession, emplid: str) -> bool:
    """Whether PeopleSoft was last told of a hold for this patron."""
    return bool(session.scalar(select(exists().where(HoldRegister.emplid == emplid))))


def running(session: ScopedSession, emplid: str, today: date) -> TemporaryRelease | None:
    """The release in force on a day."""
    return session.scalars(
        select(TemporaryRelease)
        .where(
            TemporaryRelease.emplid == emplid,
            TemporaryRelease.ended_at.is_(None),
            TemporaryRelease.until_on >= today,
        )
        .order_by(TemporaryRelease.until_on.desc())
        .limit(1)
    ).first()


def add(
    session: ScopedSession, *, emplid: str, until_on: date, reason: str, person_id: int | None
) -> TemporaryRelease:
    """Write a release down."""
    release = TemporaryRelease(emplid=emplid, until_on=until_on, reason=reason, created_by=person_id)
    session.add(release)
    session.flush()
    return release


def end(session: ScopedSession, emplid: str, release_id: int) -> TemporaryRelease | None:
    """End one release of this patron now; None when there is no such one, or it ended before."""
    release = session.scalars(
        select(TemporaryRelease)
        .where(
            TemporaryRelease.id == release_id,
            TemporaryRelease.emplid == emplid,
            TemporaryRelease.ended_at.is_(None),
        )
        .with_for_update()
    ).first()
    if release is not None:
        release.ended_at = func.now()
        session.flush()
    return release
