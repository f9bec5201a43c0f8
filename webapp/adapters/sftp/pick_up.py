"""Files that somebody else leaves on an SFTP server for us: seen, read whole, and put aside when they were read."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from webapp.adapters.errors import OutsideError, PermanentError, RetryableError, UnknownOutcomeError
from webapp.adapters.sftp.client import (
    LINE_ERRORS,
    NO_SUCH_FILE,
    PERMISSION_DENIED,
    UNSUPPORTED,
    StatusError,
)
from webapp.adapters.sftp.session import Session, open_session
from webapp.adapters.sftp.target import MOST_SUFFIXES, SftpTarget

READ_LIMIT_S = 3600.0


class Sink(Protocol):
    """Takes a file's bytes in order."""

    def write(self, content: bytes, /) -> object:
        """Append."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file lying at a place: its name, bytes, and when it was last written (whole seconds), where that is told."""

    name: str
    size: int
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Aside:
    """What becomes of a file that was read. ``word`` is the suffix, or the folder's name."""

    how: Literal["rename", "archive"]
    word: str

    def names(self, name: str) -> Iterator[str]:
        """Where the file may go, relative to its folder: as the campus says, then with a number, never over another."""
        for number in range(1, MOST_SUFFIXES + 1):
            mark = "" if number == 1 else f".{number}"
            yield f"{name}{mark}{self.word}" if self.how == "rename" else f"{self.word}/{name}{mark}"


def list_arrivals(target: SftpTarget, wanted: Callable[[str], bool]) -> list[Arrival]:
    """The ordinary files in the target's folder whose names are ``wanted``, oldest first. Nothing is written there.

    Raises:
        RetryableError: not reached, or the line was cut.
        PermanentError: host key not the confirmed one, sign-in refused, folder not there or not to be listed.
    """
    folder = target.directory or "the log-in folder"
    with open_session(target) as session, _worded(session, "list the files in", folder):
        entries = session.requests.listdir_attr(target.directory or ".")
    found = [
        Arrival(entry.filename, entry.st_size or 0, _moment(entry.st_mtime))
        for entry in entries
        if stat.S_ISREG(entry.st_mode or stat.S_IFREG) and wanted(entry.filename)
    ]
    return sorted(found, key=lambda one: (one.modified_at or datetime.min.replace(tzinfo=UTC), one.name))


def fetch(target: SftpTarget, arrival: Arrival, sink: Sink, *, limit_bytes: int) -> None:
    """Hand the file's bytes to ``sink``, all of them, as long as it is still the file that was listed.

    Raises:
        RetryableError: the line was cut, or the file changed while it was read: it was not complete yet.
        PermanentError: larger than ``limit_bytes``, or not to be read; else as ``list_arrivals``.
    """
    if arrival.size > limit_bytes:
        raise PermanentError(
            f"{arrival.name} on {target.host} has {arrival.size:,} bytes; more than {limit_bytes:,} are not taken in. "
            "It was left where it is. If a file of that size is right, ask whoever runs Feebridge to raise the limit."
        )
    patient = replace(target, transfer_limit_s=max(target.transfer_limit_s, READ_LIMIT_S))
    with open_session(patient) as session, _worded(session, "hand over", arrival.name):
        path = target.path(arrival.name)
        received = session.requests.download(path, arrival.size, sink.write, progress=session.watchdog.touch)
        now = session.requests.stat(path)
        if (
            received != arrival.size
            or (now.st_size or 0) != arrival.size
            or _moment(now.st_mtime) != arrival.modified_at
        ):
            raise RetryableError(
                f"{arrival.name} on {target.host} changed while it was read, so it was not complete yet. Nothing of it "
                "was kept; it is read again when it has come to rest."
            )


def put_aside(
    target: SftpTarget, arrival: Arrival, aside: Aside, *, before_effect: Callable[[], None]
) -> str:
    """Rename or move a file that was read; returns its new name, or "" when it is not there any more.

    A file of the same name that came since is another file and stays. ``before_effect`` is called right before the
    rename; what it raises stops it. No file is ever replaced.

    Raises:
        PermanentError: the server does not let us.
        RetryableError: not done, may work later.
        UnknownOutcomeError: the answer was lost; ``lies_there`` tells.
    """
    with open_session(target) as session:
        with _worded(session, "look for", arrival.name):
            if not _is_same(session, arrival):
                before_effect()
                return ""
            new_name = _free_name(session, arrival.name, aside)
        before_effect()
        session.watchdog.touch()
        try:
            session.requests.rename(target.path(arrival.name), target.path(new_name))
        except StatusError as err:
            raise _refused(target, err, f"rename to {new_name}", arrival.name) from err
        except LINE_ERRORS as err:
            raise UnknownOutcomeError(
                f"{target.host} was lost after it was asked to rename {arrival.name} to {new_name}. The file itself was "
                "read and kept; Feebridge looks on the server whether it was renamed.",
                evidence={"error": f"{type(err).__name__}: {err}"[:300]},
            ) from err
    return new_name


def lies_there(target: SftpTarget, arrival: Arrival) -> bool:
    """Whether that very file (its name, size and time) still lies in the folder. Raises: as ``list_arrivals``."""
    with open_session(target) as session, _worded(session, "look for", arrival.name):
        return _is_same(session, arrival)


def _is_same(session: Session, arrival: Arrival) -> bool:
    try:
        there = session.requests.stat(session.target.path(arrival.name))
    except StatusError as err:
        if err.code == NO_SUCH_FILE:
            return False
        raise
    return (there.st_size or 0, _moment(there.st_mtime)) == (arrival.size, arrival.modified_at)


def _free_name(session: Session, name: str, aside: Aside) -> str:
    if aside.how == "archive":
        with contextlib.suppress(StatusError):
            session.requests.mkdir(session.target.path(aside.word), 0o750)
    for candidate in aside.names(name):
        if session.requests.size_of(session.target.path(candidate)) is None:
            return candidate
    raise PermanentError(
        f"{session.target.place} holds {MOST_SUFFIXES} files put aside under the name {name} already. It was left where "
        "it is; have the old ones cleared away."
    )


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


@contextlib.contextmanager
def _worded(session: Session, act: str, name: str) -> Iterator[None]:
    target = session.target
    try:
        yield
    except StatusError as err:
        raise _refused(target, err, act, name) from err
    except LINE_ERRORS as err:
        why = f": {session.watchdog.expired}" if session.watchdog.expired else ""
        raise RetryableError(
            f"{target.host} was lost when it was asked to {act} {name}{why}. Nothing was changed there; it is tried "
            "again.",
            evidence={"error": f"{type(err).__name__}: {err}"[:300]},
        ) from err


def _refused(target: SftpTarget, err: StatusError, act: str, name: str) -> OutsideError:
    evidence = {"code": str(err.code), "server_said": err.text[:300], "file": name}
    where = f"{target.place} refused to {act} {name}"
    if err.code == NO_SUCH_FILE:
        return PermanentError(
            f"{where}: there is no such file or folder. Correct the folder in the settings.",
            evidence=evidence,
        )
    if err.code in {PERMISSION_DENIED, UNSUPPORTED}:
        return PermanentError(
            f"{where}: user {target.username!r} may not do that there. Ask the server's administrator for the right.",
            evidence=evidence,
        )
    return RetryableError(f"{where} ({err.text or 'no words'}). It is tried again.", evidence=evidence)
