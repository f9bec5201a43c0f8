"""Where on the server a file may go: what already has the name, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from webapp.adapters.errors import PermanentError
from webapp.adapters.sftp.client import PERMISSION_DENIED, StatusError
from webapp.adapters.sftp.target import candidate_names

if TYPE_CHECKING:
    from webapp.adapters.sftp.parcel import Parcel
    from webapp.adapters.sftp.session import Session

READ_BACK_LIMIT_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A final name: free, to be replaced, or holding our file already."""

    name: str
    path: str
    state: Literal["free", "replace", "delivered"]
    note: str = ""


def choose_place(session: Session, parcel: Parcel) -> Place:
    """The first name that the collision policy lets us use.

    An emptied file (0 bytes) counts as consumed: some receivers empty a file instead of deleting it.

    Raises:
        PermanentError: an unconsumed file of other content has the name.
    """
    for name in candidate_names(session.target, parcel.name):
        place = _judge(session, parcel, name)
        if place is not None:
            return place
    raise collision(session, parcel.name)


def collision(session: Session, name: str) -> PermanentError:
    """The name is taken by a file that is not ours to overwrite."""
    return PermanentError(
        f"{session.target.place} still holds a file {name} of other content, so nothing was overwritten. "
        "Most likely the last file was not fetched yet: ask the receiver. When it is gone, send this file again; or "
        "choose file names that differ each day.",
        evidence={"file": name},
    )


def _judge(session: Session, parcel: Parcel, name: str) -> Place | None:
    target = session.target
    path = target.path(name)
    try:
        there = session.requests.size_of(path)
    except StatusError as err:
        if err.code != PERMISSION_DENIED:
            raise
        return Place(name, path, "free", "The server does not let us look which files are there.")
    finally:
        session.watchdog.touch()
    if there is None:
        return Place(name, path, "free")
    if there == parcel.size and remote_sha256(session, path, there) == parcel.sha256:
        return Place(name, path, "delivered", f"{name} was already there with the same content.")
    note = _why_replaceable(session, parcel, name, there)
    return Place(name, path, "replace", note) if note else None


def _why_replaceable(session: Session, parcel: Parcel, name: str, there: int) -> str:
    target = session.target
    if there == 0:
        return f"An emptied file {name} was replaced."
    if not target.use_temporary_name and _is_our_beginning(session, parcel, target.path(name), there):
        return f"The part of {name} left by an earlier attempt was replaced."
    return ""


def _is_our_beginning(session: Session, parcel: Parcel, path: str, there: int) -> bool:
    if there >= parcel.size:
        return False
    return remote_sha256(session, path, there) == parcel.sha256_of_beginning(there)


def remote_sha256(session: Session, path: str, size: int) -> str | None:
    """The sha256 (hex) of a file on the server, or None if it is over 50 MB or may not be read."""
    if size > READ_BACK_LIMIT_BYTES:
        return None
    try:
        return session.requests.sha256_of(path, progress=session.watchdog.touch)
    except StatusError:
        return None
