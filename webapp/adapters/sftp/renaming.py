"""From the temporary name to the final one, without ever overwriting what is not ours to overwrite."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from webapp.adapters.errors import OutsideError, PermanentError
from webapp.adapters.sftp import client
from webapp.adapters.sftp.client import LINE_ERRORS, StatusError
from webapp.adapters.sftp.failures import refused
from webapp.adapters.sftp.place import Place, collision

if TYPE_CHECKING:
    from webapp.adapters.sftp.session import Session


def rename_into(session: Session, temporary: str, place: Place) -> None:
    """Rename the file at path ``temporary`` to its place.

    Raises:
        OutsideError: the server refused; the temporary file is still there.
        LINE_ERRORS: the line went dead; the rename may or may not have happened.

    The temporary file is never taken away from here on: that it is gone is how a settlement knows that it was renamed.
    The next attempt clears it.
    """
    try:
        if place.state == "replace":
            rename_over(session, temporary, place.path)
        else:
            _rename_to_free(session, temporary, place)
    except StatusError as err:
        if err.code == client.NO_SUCH_FILE and session.requests.size_if_shown(temporary) is None:
            raise _taken_too_early(session, place) from err
        raise _rename_refused(session, err, place.name) from err
    finally:
        session.watchdog.touch()


def rename_over(session: Session, temporary: str, final: str) -> None:
    """Replace ``final``: in one step where the server has posix-rename, else by removing it first."""
    try:
        session.requests.posix_rename(temporary, final)
    except StatusError:
        with contextlib.suppress(StatusError):
            session.requests.remove(final)
        session.requests.rename(temporary, final)


def _rename_to_free(session: Session, temporary: str, place: Place) -> None:
    """The standard rename comes first: it refuses an existing name on the server itself, at the very moment.

    posix-rename would overwrite a file that appeared since we looked. It is for servers without the standard one.
    """
    try:
        session.requests.rename(temporary, place.path)
    except StatusError:
        if session.requests.size_if_shown(place.path) is not None:
            raise collision(session, place.name) from None
        session.requests.posix_rename(temporary, place.path)


def discard(session: Session, path: str) -> None:
    """Take a file of our own away again if the server lets us; if not, the next attempt does."""
    with contextlib.suppress(StatusError, *LINE_ERRORS):
        session.requests.remove(path)


def _taken_too_early(session: Session, place: Place) -> PermanentError:
    return PermanentError(
        f"{session.target.host} took the file away as soon as it was closed, before it had its name {place.name}. "
        "Ask the receiver whether a file with '.part' at its end came in, and switch off the temporary name in the "
        "SFTP settings.",
        evidence={"file": place.name},
    )


def _rename_refused(session: Session, err: StatusError, name: str) -> OutsideError:
    if err.code in {client.UNSUPPORTED, client.PERMISSION_DENIED}:
        return PermanentError(
            f"{session.target.host} does not let files be renamed, so {name} was not delivered. "
            "Switch off the temporary name in the SFTP settings, or ask the server's administrator for the right.",
            evidence={"code": str(err.code), "server_said": err.text[:300], "file": name},
        )
    return refused(session.target, err, "rename the file to", name)
