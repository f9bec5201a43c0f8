"""Who works for a campus and as what; who can sign in at all. Every change is in the campus's audit log."""

from __future__ import annotations

from collections.abc import Mapping

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.exc import IntegrityError

from webapp.models import Membership, Person
from webapp.models.scope import ScopedSession, every_tenant_scope, person_scope, tenant_scope
from webapp.models.tenant import ROLES
from webapp.services import passwords, sign_in
from webapp.services.audit import Actor, record
from webapp.store import consortium, people
from webapp.store.people import Member

LONGEST_NAME = 120


class MembersRefusedError(Exception):
    """The change was not made. ``faults`` maps a field (or "") to a sentence."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = dict(faults)


def list_members(tenant_id: int) -> list[Member]:
    """Everyone who works for the campus, by name."""
    with tenant_scope(tenant_id) as session:
        return people.members(session)


def add_member(
    tenant_id: int, *, email: str, full_name: str, role: str, actor: Actor, may_exist: bool = False
) -> Person:
    """Let a person work for the campus; someone new has no password until they use an invitation.

    ``may_exist`` is for the consortium only. A campus cannot take in an account made elsewhere by its address alone:
    whoever made it may have chosen its password.

    Raises: MembersRefusedError.
    """
    email, full_name = clean_person(email, full_name)
    _check_role(role)
    with tenant_scope(tenant_id) as session:
        person = people.person_by_email(session, email)
        memberships = people.lock_memberships(session)
        if person and person.id in memberships:
            raise MembersRefusedError({"email": f"{email} is a member already; change the role in the list."})
        if person and not may_exist:
            raise MembersRefusedError(
                {"email": f"{email} has an account already. Ask the consortium to add it to this campus."}
            )
        person = person or _new_person(session, email, full_name)
        session.add(Membership(person_id=person.id, role=role))
        record(session, actor=actor, action="member.added", subject=_subject(person), after={"role": role})
        session.commit()
    return person


def change_role(tenant_id: int, person_id: int, role: str, *, actor: Actor) -> None:
    """Give a member another role, from their next click on.

    Raises: MembersRefusedError, LookupError when they are no member here.
    """
    _check_role(role)
    with tenant_scope(tenant_id) as session:
        membership, person = _locked_member(session, person_id)
        if membership.role == role:
            return
        before = membership.role
        membership.role = role
        _keep_an_admin(session)
        record(
            session,
            actor=actor,
            action="member.role_changed",
            subject=_subject(person),
            before={"role": before},
            after={"role": role},
        )
        session.commit()


def remove_member(tenant_id: int, person_id: int, *, actor: Actor) -> None:
    """Take a member's rights at the campus away; their account stays.

    Raises: MembersRefusedError, LookupError when they are no member here.
    """
    with tenant_scope(tenant_id) as session:
        membership, person = _locked_member(session, person_id)
        before = membership.role
        session.delete(membership)
        _keep_an_admin(session)
        record(
            session, actor=actor, action="member.removed", subject=_subject(person), before={"role": before}
        )
        session.commit()


def campus_invitation(tenant_id: int, person_id: int, *, actor: Actor, secret_key: str) -> str:
    """The token of a link with which a new member chooses a password; only this campus's own new people get one.

    Raises: MembersRefusedError, LookupError when they are no member here.
    """
    with tenant_scope(tenant_id) as session:
        _, person = _locked_member(session, person_id)
        with every_tenant_scope() as every:
            places = {tenant for tenant, _role in consortium.roles_of(every, [person_id]).get(person_id, [])}
        if person.password_hash or places != {tenant_id} or person.is_consortium_admin:
            raise MembersRefusedError(
                {
                    "": f"{person.full_name} has a password or works elsewhere too. Ask the consortium for a new link."
                }
            )
        record(session, actor=actor, action="member.invited", subject=_subject(person))
        session.commit()
    return sign_in.invitation(person, secret_key=secret_key)


def consortium_invitation(person_id: int, *, actor: Actor, secret_key: str) -> tuple[Person, str]:
    """A link's token for anyone, also one who forgot their password; noted at each of their campuses.

    Raises: LookupError.
    """
    with person_scope(person_id) as session:
        person = people.person_by_id(session, person_id)
        if person is None:
            raise LookupError(person_id)
    _record_everywhere(person, actor=actor, action="person.invited", after=None)
    return person, sign_in.invitation(person, secret_key=secret_key)


def set_active(person_id: int, *, active: bool, actor: Actor) -> Person:
    """Let a person sign in, or keep them out at once, everywhere.

    Raises: MembersRefusedError for the last consortium admin and for oneself, LookupError.
    """
    with person_scope(person_id) as session:
        person = people.person_by_id(session, person_id, lock=True)
        if person is None:
            raise LookupError(person_id)
        if not active and person_id == actor.person_id:
            raise MembersRefusedError({"": "You cannot deactivate yourself. Another consortium admin can."})
        if not active and people.active_consortium_admins(session) == [person_id]:
            raise MembersRefusedError({"": "This is the last consortium admin who can sign in."})
        person.is_active = active
        session.commit()
    if not active:
        sign_in.sign_out_everywhere(person_id)
    _record_everywhere(
        person,
        actor=actor,
        action="person.activated" if active else "person.deactivated",
        after={"active": active},
    )
    return person


def add_person(
    email: str, full_name: str, *, password: str | None = None, is_consortium_admin: bool = False
) -> Person:
    """An account without a campus: the operator's way to make the first consortium admin.

    Raises: MembersRefusedError when the address is taken or the password is not good enough.
    """
    email, full_name = clean_person(email, full_name)
    if password is not None and (
        fault := passwords.password_fault(password, email=email, full_name=full_name)
    ):
        raise MembersRefusedError({"password": fault})
    with person_scope(None) as session:
        if people.person_by_email(session, email):
            raise MembersRefusedError({"email": f"{email} has an account already."})
        person = _new_person(session, email, full_name)
        person.is_consortium_admin = is_consortium_admin
        if password is not None:
            person.password_hash = passwords.hash_password(password)
        session.commit()
    return person


def clean_person(email: str, full_name: str) -> tuple[str, str]:
    """The address as accounts are kept under (lower case) and the name. Raises: MembersRefusedError."""
    faults: dict[str, str] = {}
    cleaned = email.strip()
    try:
        cleaned = validate_email(cleaned, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        faults["email"] = "This is not a mail address; type one such as name@campus.edu."
    name = " ".join(full_name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        faults["full_name"] = f"Type the person's name, at most {LONGEST_NAME} characters."
    if faults:
        raise MembersRefusedError(faults)
    return cleaned, name


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise MembersRefusedError({"role": f"Choose one of: {', '.join(ROLES)}."})


def _new_person(session: ScopedSession, email: str, full_name: str) -> Person:
    try:
        return people.add_person(session, email=email, full_name=full_name)
    except IntegrityError as err:
        raise MembersRefusedError({"email": f"{email} was given an account just now. Try again."}) from err


def _locked_member(session: ScopedSession, person_id: int) -> tuple[Membership, Person]:
    membership = people.lock_memberships(session).get(person_id)
    person = people.person_by_id(session, person_id)
    if membership is None or person is None:
        raise LookupError(person_id)
    return membership, person


def _keep_an_admin(session: ScopedSession) -> None:
    session.flush()
    if not any(member.role == "admin" and member.is_active for member in people.members(session)):
        raise MembersRefusedError({"role": "A campus needs an admin. Make someone else an admin first."})


def _record_everywhere(person: Person, *, actor: Actor, action: str, after: dict[str, object] | None) -> None:
    with every_tenant_scope() as every:
        places = consortium.roles_of(every, [person.id]).get(person.id, [])
    for tenant_id, _role in places:
        with tenant_scope(tenant_id) as session:
            record(session, actor=actor, action=action, subject=_subject(person), after=after)
            session.commit()


def _subject(person: Person) -> str:
    return f"person {person.id} ({person.email})"
