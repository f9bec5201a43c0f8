"""What became of a delivery whose answer was lost: look, never send."""

from __future__ import annotations

from typing import Literal

from webapp.adapters.errors import UnknownOutcomeError
from webapp.adapters.sftp.client import LINE_ERRORS, StatusError
from webapp.adapters.sftp.failures import line_lost, refused
from webapp.adapters.sftp.session import Session, open_session
from webapp.adapters.sftp.target import SftpTarget, candidate_names, check_name, temporary_name

Settled = Literal["delivered", "not_delivered"]


def settle_put(target: SftpTarget, *, name: str, token: str, size: int) -> Settled:
    """Whether the file was delivered, judged by what is on the server; nothing is sent or changed.

    Ask only about a delivery whose ``before_effect`` was reached: the temporary file was whole then, so if it is
    gone, it was renamed, even when the receiver has taken the final file since. With a control file, a file
    without it is "not_delivered": putting it again finds the file and sends only what is missing.

    Raises:
        UnknownOutcomeError: without a temporary name, and no file there: fetched, or never made. A person must ask.
        RetryableError, PermanentError: as ``put_file``.
    """
    check_name(name, token)
    with open_session(target) as session:
        try:
            return _look(session, name, token, size)
        except StatusError as err:
            raise refused(target, err, "look for", name) from err
        except LINE_ERRORS as err:
            raise line_lost(target, session.watchdog, err, f"when it was asked for {name}") from err


def _look(session: Session, name: str, token: str, size: int) -> Settled:
    target = session.target
    if target.use_temporary_name:
        if session.requests.size_of(target.path(temporary_name(name, token))) is not None:
            return "not_delivered"
        return "delivered" if _control_file_is_well(session, name, size) else "not_delivered"
    sizes = _sizes(session, name)
    if not sizes:
        raise UnknownOutcomeError(
            f"{target.place} holds no file {name}. It was sent under its final name, so either the receiver has "
            "fetched it or it never came to be. Ask the receiver, then mark it as delivered or send it again.",
            evidence={"file": name},
        )
    return (
        "delivered"
        if size in sizes.values() and _control_file_is_well(session, name, size)
        else "not_delivered"
    )


def _control_file_is_well(session: Session, name: str, size: int) -> bool:
    """True unless our file lies there without the control file that was asked for."""
    suffix = session.target.trigger_suffix
    if not suffix:
        return True
    waiting = [final for final, there in _sizes(session, name).items() if there == size]
    return not waiting or any(
        session.requests.size_of(session.target.path(f"{final}{suffix}")) is not None for final in waiting
    )


def _sizes(session: Session, name: str) -> dict[str, int]:
    """The files there under the names this one can have got, with their sizes in bytes."""
    found: dict[str, int] = {}
    for candidate in candidate_names(session.target, name):
        there = session.requests.size_of(session.target.path(candidate))
        if there is None:
            break
        found[candidate] = there
    return found
