"""Rows of settings and secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from webapp.models import Tenant, TenantSecret, TenantSetting

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession


def all_sections(session: ScopedSession) -> tuple[dict[str, dict[str, Any]], str]:
    """Every section the campus has stored, and the Alma institution it is registered with, in one question."""
    rows = session.execute(
        select(Tenant.alma_institution, TenantSetting.section, TenantSetting.value)
        .outerjoin(TenantSetting, TenantSetting.tenant_id == Tenant.id)
        .where(Tenant.id == session.tenant_id)
    ).all()
    sections = {section: value for _, section, value in rows if section is not None}
    return sections, rows[0][0] if rows else ""


def section_row(session: ScopedSession, section: str, *, lock: bool = False) -> TenantSetting | None:
    """One section's row; ``lock`` keeps others from changing it until the transaction ends."""
    query = select(TenantSetting).where(TenantSetting.section == section)
    return session.scalars(query.with_for_update() if lock else query).first()


def secret_names(session: ScopedSession) -> set[str]:
    """Which secrets are set."""
    return set(session.scalars(select(TenantSecret.name)))


def sealed_secret(session: ScopedSession, name: str) -> str | None:
    """The sealed text of one secret."""
    return session.scalars(select(TenantSecret.sealed).where(TenantSecret.name == name)).first()


def store_secret(session: ScopedSession, name: str, sealed: str, person_id: int | None) -> None:
    """Set or replace one secret."""
    values = {"sealed": sealed, "updated_by": person_id, "updated_at": func.now()}
    session.execute(
        insert(TenantSecret)
        .values(tenant_id=session.tenant_id, name=name, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "name"], set_=values)
    )
