"""A look at an SFTP server before it is trusted: its host key, then whether we get in."""

from __future__ import annotations

import stat
from contextlib import ExitStack

from webapp.adapters.sftp.client import LINE_ERRORS, NO_SUCH_FILE, StatusError
from webapp.adapters.sftp.failures import line_lost
from webapp.adapters.sftp.session import Handshake, Session, open_session, shake_hands
from webapp.adapters.sftp.target import SftpProbe, SftpTarget
from webapp.adapters.watchdog import Watchdog


def probe(target: SftpTarget) -> SftpProbe:
    """The server's fingerprint, and with a confirmed host key also whether user and folder work.

    Without ``host_keys`` only the key is read and no credentials are sent: a person compares the fingerprint first.
    Nothing is written on the server.

    Raises:
        RetryableError, PermanentError: as ``put_file``, in the same words.
    """
    if target.pins:
        with open_session(target) as session:
            directory_ok, detail = _look_at_folder(session)
            return _found(session.handshake, directory_ok=directory_ok, detail=detail)
    with (
        Watchdog(limit_s=target.transfer_limit_s, stall_s=target.timeout_s) as watchdog,
        ExitStack() as lines,
    ):
        detail = "The host key was read; signing in was not tried. Compare the fingerprint, then confirm it."
        return _found(shake_hands(target, watchdog, lines), directory_ok=False, detail=detail)


def _found(handshake: Handshake, *, directory_ok: bool, detail: str) -> SftpProbe:
    return SftpProbe(
        fingerprint=handshake.key.fingerprint,
        key_type=handshake.key.get_name(),
        banner=handshake.transport.remote_version,
        directory_ok=directory_ok,
        detail=detail,
    )


def _look_at_folder(session: Session) -> tuple[bool, str]:
    target = session.target
    folder = target.directory or "."
    try:
        mode = session.requests.stat(folder).st_mode
    except StatusError as err:
        why = "does not exist" if err.code == NO_SUCH_FILE else f"cannot be looked at ({err.text})"
        return False, f"User {target.username!r} was let in, but the folder {folder!r} {why}."
    except LINE_ERRORS as err:
        raise line_lost(target, session.watchdog, err, f"when asked for the folder {folder!r}") from err
    if mode is not None and not stat.S_ISDIR(mode):
        return False, f"User {target.username!r} was let in, but {folder!r} is a file, not a folder."
    return (
        True,
        f"User {target.username!r} was let in and the folder {folder!r} is there. Nothing was written.",
    )
