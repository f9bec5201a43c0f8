"""People, and what they may do for which campus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, func, or_, select, update

from webapp.models import Membership, Person, Tenant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class CampusAccess:
    """A campus that a person works for, and as what."""

    tenant_id: int
    slug: str
    name: str
    time_zone: str
    alma_institution: str
    role: str


@dataclass(frozen=True, slots=True)
class Member:
    """One line of a campus's list of members."""

    person_id: int
    full_name: str
    email: str
    role: str
    is_active: bool
    has_password: bool
    last_login_at: datetime | None


def person_by_email(session: Session, email: str) -> Person | None:
    """The person who signs in with this address (lower case)."""
    return session.scalar(select(Person).where(Person.email == email))


def person_by_id(session: Session, person_id: int, *, lock: bool = False) -> Person | None:
    """One person; ``lock`` keeps others from changing the row until the transaction ends."""
    statement = select(Person).where(Person.id == person_id)
    return session.scalar(statement.with_for_update() if lock else statement)


def add_person(session: Session, *, email: str, full_name: str, is_consortium_admin: bool = False) -> Person:
    """A new person who has no password yet. Raises: IntegrityError when the address is taken."""
    person = Person(
        email=email, full_name=full_name, password_hash="", is_consortium_admin=is_consortium_admin
    )
    session.add(person)
    session.flush()
    return person


def active_consortium_admins(session: Session) -> list[int]:
    """Their ids, held until the transaction ends."""
    return list(
        session.scalars(
            select(Person.id)
            .where(Person.is_consortium_admin, Person.is_active)
            .order_by(Person.id)
            .with_for_update()
        )
    )


def note_sign_in(session: Session, person_id: int) -> None:
    """Keep when the person last signed in."""
    session.execute(update(Person).where(Person.id == person_id).values(last_login_at=func.now()))


def campuses_of(session: Session, person_id: int) -> list[CampusAccess]:
    """The active campuses of the scope's person, by name."""
    rows = session.execute(
        select(
            Tenant.id, Tenant.slug, Tenant.name, Tenant.time_zone, Tenant.alma_institution, Membership.role
        )
        .join(Membership, Membership.tenant_id == Tenant.id)
        .where(Membership.person_id == person_id, Tenant.is_active)
        .order_by(Tenant.name, Tenant.id)
    )
    return [CampusAccess(*row) for row in rows]


def people_matching(text: str) -> ColumnElement[bool] | None:
    """The condition for a typed piece of a name or address."""
    if not text:
        return None
    pattern = "%" + text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
    return or_(Person.full_name.ilike(pattern), Person.email.ilike(pattern))


PEOPLE_ORDERS = {
    "name": func.lower(Person.full_name),
    "email": Person.email,
    "signed_in": Person.last_login_at,
    "active": Person.is_active,
}


def list_people(
    session: Session, *, text: str, state: str, sort: str, descending: bool, limit: int | None, offset: int
) -> tuple[Sequence[Person], int]:
    """One page of people and how many there are in all. ``state`` is "", "active" or "inactive"."""
    conditions = [c for c in (people_matching(text),) if c is not None]
    if state:
        conditions.append(Person.is_active.is_(state == "active"))
    order = PEOPLE_ORDERS[sort]
    rows = session.scalars(
        select(Person)
        .where(*conditions)
        .order_by(order.desc().nulls_last() if descending else order.asc().nulls_last(), Person.id)
        .limit(limit)
        .offset(offset)
    ).all()
    total = session.scalar(select(func.count()).select_from(Person).where(*conditions)) or 0
    return rows, total


def members(session: Session) -> list[Member]:
    """Everyone who works for the scope's campus, by name."""
    rows = session.execute(
        select(
            Person.id,
            Person.full_name,
            Person.email,
            Membership.role,
            Person.is_active,
            Person.password_hash != "",
            Person.last_login_at,
        )
        .join(Membership, Membership.person_id == Person.id)
        .order_by(func.lower(Person.full_name), Person.id)
    )
    return [Member(*row) for row in rows]


def lock_memberships(session: Session) -> dict[int, Membership]:
    """The scope's memberships by person, held until the transaction ends."""
    return {
        m.person_id: m
        for m in session.scalars(select(Membership).order_by(Membership.person_id).with_for_update())
    }
