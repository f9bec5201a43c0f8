"""Take a campus in, and let it rest or wake again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import available_timezones

from sqlalchemy.exc import IntegrityError

from webapp.domain.identifiers import IdentifierError, check_slug
from webapp.models import Membership, Person, Tenant
from webapp.models.scope import ScopedSession, person_scope, tenant_scope
from webapp.services.audit import Actor, record
from webapp.services.campus_settings import store_values
from webapp.services.members import MembersRefusedError, clean_person
from webapp.store import people, tenants

LONGEST_NAME = 80


class OnboardRefusedError(Exception):
    """The campus was not taken in. ``faults`` maps a field to a sentence."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = dict(faults)


def onboard_tenant(
    *,
    slug: str,
    name: str,
    alma_institution: str,
    time_zone: str,
    admin_email: str,
    admin_name: str,
    actor: Actor,
) -> tuple[Tenant, Person]:
    """A new campus with its first admin, who gets a password by invitation unless they have an account already.

    The campus stays inactive until all of it is written, so that a broken attempt can simply be sent again.

    Raises: OnboardRefusedError.
    """
    campus = _campus(slug, name, alma_institution, time_zone)
    faults = _faults(campus)
    try:
        admin_email, admin_name = clean_person(admin_email, admin_name)
    except MembersRefusedError as err:
        faults |= {
            f"admin_{'name' if field == 'full_name' else field}": text for field, text in err.faults.items()
        }
    if faults:
        raise OnboardRefusedError(faults)
    tenant_id = _registered(campus)
    with tenant_scope(tenant_id) as session:
        admin = people.person_by_email(session, admin_email) or people.add_person(
            session, email=admin_email, full_name=admin_name
        )
        session.add(Membership(person_id=admin.id, role="admin"))
        tenant = _opened(session, campus, actor, {"admin": admin_email})
        session.commit()
    return tenant, admin


def register_tenant(*, slug: str, name: str, alma_institution: str, time_zone: str, actor: Actor) -> Tenant:
    """A new campus for which nobody works yet: the operator's way, who adds its people afterwards.

    Raises: OnboardRefusedError.
    """
    campus = _campus(slug, name, alma_institution, time_zone)
    if faults := _faults(campus):
        raise OnboardRefusedError(faults)
    with tenant_scope(_registered(campus)) as session:
        tenant = _opened(session, campus, actor, {})
        session.commit()
    return tenant


def set_tenant_active(slug: str, *, active: bool, actor: Actor) -> Tenant:
    """Let a campus rest (no pages, no new runs; nothing is deleted) or wake it. Raises: LookupError."""
    with person_scope(None) as session:
        tenant = tenants.tenant_by_slug(session, slug)
    if tenant is None:
        raise LookupError(slug)
    with tenant_scope(tenant.id) as session:
        tenant = session.get_one(Tenant, tenant.id, with_for_update=True)
        if tenant.is_active != active:
            tenant.is_active = active
            action = "campus.activated" if active else "campus.deactivated"
            record(session, actor=actor, action=action, subject=f"campus {slug}", after={"active": active})
        session.commit()
    return tenant


@dataclass(frozen=True, slots=True)
class _Campus:
    slug: str
    name: str
    alma_institution: str
    time_zone: str


def _campus(slug: str, name: str, alma_institution: str, time_zone: str) -> _Campus:
    return _Campus(slug.strip(), " ".join(name.split()), alma_institution.strip().upper(), time_zone)


def _opened(session: ScopedSession, campus: _Campus, actor: Actor, after: dict[str, str]) -> Tenant:
    """The registered campus, active and in its own audit log, in the caller's transaction."""
    tenant = session.get_one(Tenant, session.tenant_id)
    tenant.is_active = True
    facts = {
        "name": campus.name, "alma_institution": campus.alma_institution, "time_zone": campus.time_zone,
    }  # fmt: skip
    record(
        session, actor=actor, action="campus.onboarded", subject=f"campus {campus.slug}", after=facts | after
    )
    # Nobody has to type again what the campus is registered with.
    store_values(session, "alma", {"institution_code": campus.alma_institution}, actor=actor)
    return tenant


def _faults(campus: _Campus) -> dict[str, str]:
    faults: dict[str, str] = {}
    try:
        check_slug(campus.slug)
    except IdentifierError as err:
        text = str(err)
        faults["slug"] = text[0].upper() + text[1:] + "."
    if not campus.name or len(campus.name) > LONGEST_NAME or not campus.name.isprintable():
        faults["name"] = f"Type the campus's name, at most {LONGEST_NAME} characters."
    if len(campus.alma_institution) > 40 or not campus.alma_institution.replace("_", "").isalnum():
        faults["alma_institution"] = "Type Alma's institution code, such as 01CALS_USM."
    if campus.time_zone not in available_timezones():
        faults["time_zone"] = "Choose a time zone by its name, such as America/Los_Angeles."
    return faults


def _registered(campus: _Campus) -> int:
    """The id of the campus, inactive; one that an earlier attempt left unfinished is taken up again."""
    with person_scope(None) as session:
        tenant = tenants.tenant_by_slug(session, campus.slug, lock=True)
        if tenant is not None and (tenant.is_active or _has_members(tenant.id)):
            raise OnboardRefusedError(
                {"slug": f"“{campus.slug}” is the short name of {tenant.name} already."}
            )
        other = tenants.tenant_by_institution(session, campus.alma_institution)
        if other is not None and other.slug != campus.slug:
            raise OnboardRefusedError(
                {
                    "alma_institution": f"{campus.alma_institution} belongs to {other.name} already; a campus has one."
                }
            )
        tenant = tenant or Tenant(slug=campus.slug, is_active=False)
        tenant.name, tenant.alma_institution = campus.name, campus.alma_institution
        tenant.time_zone = campus.time_zone
        return _added(session, tenant)


def _added(session: ScopedSession, tenant: Tenant) -> int:
    session.add(tenant)
    try:
        session.commit()
    except IntegrityError as err:
        raise OnboardRefusedError({"slug": f"“{tenant.slug}” was taken just now."}) from err
    return tenant.id


def _has_members(tenant_id: int) -> bool:
    with tenant_scope(tenant_id) as session:
        return bool(people.members(session))
