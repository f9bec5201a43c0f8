"""Campuses, the people who work for them, and what each campus has set."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, NumberedTenantRow, TenantRow

ROLES = ("viewer", "approver", "editor", "admin")


class Tenant(Base):
    """A campus. The registry itself is no secret; everything a campus owns is in tenant tables."""

    __tablename__ = "tenant"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    alma_institution: Mapped[str] = mapped_column(server_default="")
    time_zone: Mapped[str] = mapped_column(server_default="America/Los_Angeles")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    # The claim query serves the tenant that has waited longest.
    last_served_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Person(Base):
    """Someone who can log in. Consortium admins see health as counts; campus rights come from memberships."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    password_hash: Mapped[str]
    is_consortium_admin: Mapped[bool] = mapped_column(server_default="false")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_login_at: Mapped[datetime | None]


class Membership(TenantRow, Base):
    """What one person may do for one campus."""

    __tablename__ = "membership"
    __table_args__ = (
        CheckConstraint(f"role in {ROLES}", name="role"),
        Index("ix_membership_person", "person_id"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class WebSession(Base):
    """A browser's session, kept here so that it can be ended here. Only a hash of the cookie is stored."""

    __tablename__ = "web_session"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)


class LoginThrottle(Base):
    """Failed log-ins by account and by address; slows guessing without locking anyone out for good."""

    __tablename__ = "login_throttle"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(server_default="0")
    blocked_until: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TenantSetting(TenantRow, Base):
    """One section of a campus's settings as JSON, checked field by field before it is stored."""

    __tablename__ = "tenant_setting"

    section: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(server_default="1")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class TenantSecret(TenantRow, Base):
    """A sealed key or password; never shown again after it is typed."""

    __tablename__ = "tenant_secret"

    name: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class AuditEvent(TenantRow, Base):
    """One change, chained to the one before it by hash; the application may add rows and nothing else."""

    __tablename__ = "audit_event"

    n: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[int | None]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    previous_hash: Mapped[str]
    hash: Mapped[str]


class LayoutVersion(NumberedTenantRow, Base):
    """One version of a campus's file layout; versions are never changed, only followed by newer ones."""

    __tablename__ = "layout_version"
    __table_args__ = (UniqueConstraint("tenant_id", "name", "version"),)

    name: Mapped[str]
    version: Mapped[int]
    body: Mapped[dict[str, Any]]
    # Campus-local day from which runs use it; empty: at once.
    effective_on: Mapped[date | None]
    note: Mapped[str] = mapped_column(server_default="")
    # Rows and the files they must give: a version that no longer gives them is not saved.
    golden: Mapped[dict[str, Any] | None]
    # Another campus's shared layout that this one follows, newest version in effect.
    follows_owner_id: Mapped[int | None]
    follows_name: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
