"""Sign in, sign out, change one's password; sessions live in the database and can be ended there."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer

from webapp.models import Person
from webapp.models.scope import person_scope
from webapp.services import passwords
from webapp.store import people, web_sessions

IDLE_S = 30 * 60
ABSOLUTE_S = 12 * 60 * 60
# A session's last use is written at most this often.
TOUCH_EVERY_S = 60
# One person mistyping is left alone; a program guessing is not. An address may be a whole campus behind one gateway.
FREE_TRIES_OF_ACCOUNT = 5
FREE_TRIES_OF_ADDRESS = 100
LONGEST_WAIT_S = 15 * 60
INVITATION_S = 72 * 60 * 60


class WrongPasswordError(Exception):
    """No such account, or not its password; the two are never told apart."""


class TooManyTriesError(Exception):
    """Tries come too fast. ``wait_s`` says how many seconds to wait; the password was not looked at."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Too many tries; wait {wait_s} s.")
        self.wait_s = wait_s


class PasswordRefusedError(Exception):
    """The new password is not good enough; the message says why."""


class InvitationError(Exception):
    """The link to choose a password is too old, was used already, or was not made here."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, as one request sees them."""

    person_id: int
    full_name: str
    email: str
    is_consortium_admin: bool
    campuses: tuple[people.CampusAccess, ...]
    payload: dict[str, Any]


def sign_in(email: str, password: str, *, address: str, secret_key: str) -> str:
    """Check the password and open a session; returns the token for the browser's cookie.

    Raises:
        TooManyTriesError, WrongPasswordError: for an unknown account just as for a known one.
    """
    email = email.strip().lower()
    person = _check_password(email, password, address=address, secret_key=secret_key)
    if person is None or not person.is_active:
        raise WrongPasswordError
    with person_scope(person.id) as session:
        if passwords.needs_rehash(person.password_hash):
            row = people.person_by_id(session, person.id, lock=True)
            if row is not None:
                row.password_hash = passwords.hash_password(password)
        people.note_sign_in(session, person.id)
        web_sessions.end_expired(session, idle_s=IDLE_S)
        web_sessions.forget_old_tries(session)
        token = _open_session(session, person.id)
        session.commit()
    return token


def visitor_of(token: str, *, counts_as_activity: bool = True) -> Visitor | None:
    """The person behind a cookie's token with their campuses, or None when the session has ended.

    ``counts_as_activity`` is False for what a page fetches by itself: an unattended screen must go idle.
    """
    digest = token_sha256(token)
    with person_scope(None) as session:
        found = web_sessions.find_session(session, digest, idle_s=IDLE_S)
        if found is None:
            return None
        row, person = found
        if counts_as_activity:
            web_sessions.touch_session(session, digest, not_within_s=TOUCH_EVERY_S)
        session.commit()
    with person_scope(person.id) as session:
        campuses = tuple(people.campuses_of(session, person.id))
    return Visitor(
        person.id, person.full_name, person.email, person.is_consortium_admin, campuses, row.payload
    )


def keep_payload(token: str, payload: dict[str, Any]) -> None:
    """Keep what the browser's session holds (messages to show next, the form token)."""
    with person_scope(None) as session:
        web_sessions.save_payload(session, token_sha256(token), payload)
        session.commit()


def sign_out(token: str) -> None:
    """End this browser's session."""
    with person_scope(None) as session:
        web_sessions.end_session(session, token_sha256(token))
        session.commit()


def sign_out_everywhere(person_id: int) -> None:
    """End every session of a person."""
    with person_scope(person_id) as session:
        web_sessions.end_sessions_of(session, person_id)
        session.commit()


def open_sessions(person_id: int) -> int:
    """With how many browsers the person is signed in."""
    with person_scope(person_id) as session:
        return web_sessions.count_sessions(session, person_id, idle_s=IDLE_S)


def change_own_password(person_id: int, *, old: str, new: str, address: str, secret_key: str) -> str:
    """Change the password, end all sessions, and open a fresh one; returns its token.

    Raises:
        TooManyTriesError, WrongPasswordError: about the old password.
        PasswordRefusedError: about the new one.
    """
    with person_scope(person_id) as session:
        email = session.get_one(Person, person_id).email
    if _check_password(email, old, address=address, secret_key=secret_key) is None:
        raise WrongPasswordError
    return _set_password(person_id, new)


def invitation(person: Person, *, secret_key: str) -> str:
    """A token with which the person chooses a password: good for 72 hours, and only until they have."""
    return _serializer(secret_key).dumps([person.id, _stamp(person)])


def invited_person(token: str, *, secret_key: str) -> Person:
    """Whose invitation this is. Raises: InvitationError."""
    try:
        person_id, stamp = _serializer(secret_key).loads(token, max_age=INVITATION_S)
    except (BadSignature, ValueError, TypeError) as err:
        raise InvitationError from err
    with person_scope(None) as session:
        person = people.person_by_id(session, person_id)
    if person is None or not person.is_active or not secrets.compare_digest(stamp, _stamp(person)):
        raise InvitationError
    return person


def accept_invitation(token: str, password: str, *, secret_key: str) -> str:
    """Set the invited person's password and sign them in; returns the session's token.

    Raises: InvitationError, PasswordRefusedError.
    """
    person = invited_person(token, secret_key=secret_key)
    return _set_password(person.id, password, only_if_stamp=_stamp(person))


def token_sha256(token: str) -> str:
    """What the database keeps of a cookie."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check_password(email: str, password: str, *, address: str, secret_key: str) -> Person | None:
    """The person, if the password is theirs; counted against account and address together, and address alone."""
    pair = _throttle_key(secret_key, "account", email, address)
    whole_address = _throttle_key(secret_key, "address", address)
    with person_scope(None) as session:
        for key, free in ((pair, FREE_TRIES_OF_ACCOUNT), (whole_address, FREE_TRIES_OF_ADDRESS)):
            if wait_s := web_sessions.count_try(session, key, free=free, longest_s=LONGEST_WAIT_S):
                raise TooManyTriesError(wait_s)
        person = people.person_by_email(session, email)
        session.commit()
    if not passwords.is_right(person.password_hash if person else "", password[: passwords.LONGEST]):
        return None
    with person_scope(None) as session:
        web_sessions.forget_tries(session, pair)
        web_sessions.take_back_try(session, whole_address)
        session.commit()
    return person


def _set_password(person_id: int, password: str, *, only_if_stamp: str | None = None) -> str:
    with person_scope(person_id) as session:
        person = people.person_by_id(session, person_id, lock=True)
        if person is None or (only_if_stamp is not None and _stamp(person) != only_if_stamp):
            raise InvitationError
        if fault := passwords.password_fault(password, email=person.email, full_name=person.full_name):
            raise PasswordRefusedError(fault)
        person.password_hash = passwords.hash_password(password)
        web_sessions.end_sessions_of(session, person_id)
        people.note_sign_in(session, person_id)
        token = _open_session(session, person_id)
        session.commit()
    return token


def _open_session(session: Any, person_id: int) -> str:
    token = secrets.token_urlsafe(32)
    web_sessions.add_session(
        session, token_sha256=token_sha256(token), person_id=person_id, payload={}, lifetime_s=ABSOLUTE_S
    )
    return token


def _throttle_key(secret_key: str, *parts: str) -> str:
    # The table must not become a list of who has an account, nor of addresses.
    return hashlib.sha256("\x00".join((secret_key, *parts)).encode()).hexdigest()


def _serializer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="feebridge-invitation")


def _stamp(person: Person) -> str:
    """Changes with the password, so that a link works once."""
    return hashlib.sha256(f"{person.id}:{person.email}:{person.password_hash}".encode()).hexdigest()[:20]
