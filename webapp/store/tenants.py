"""The registry of campuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from webapp.models import Tenant

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def tenant_by_slug(session: Session, slug: str, *, lock: bool = False) -> Tenant | None:
    """The campus with this short name."""
    statement = select(Tenant).where(Tenant.slug == slug)
    return session.scalar(statement.with_for_update() if lock else statement)


def tenant_by_institution(session: Session, alma_institution: str) -> Tenant | None:
    """The campus with this Alma institution code."""
    return session.scalar(select(Tenant).where(Tenant.alma_institution == alma_institution))


def tenants_by_id(session: Session) -> dict[int, Tenant]:
    """Every campus."""
    return {tenant.id: tenant for tenant in session.scalars(select(Tenant))}
