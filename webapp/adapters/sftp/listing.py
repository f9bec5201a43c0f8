"""What lies in a campus's SFTP folder: a look that writes nothing."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import UTC, datetime

from webapp.adapters.errors import PermanentError
from webapp.adapters.sftp.client import LINE_ERRORS, StatusError
from webapp.adapters.sftp.failures import line_lost
from webapp.adapters.sftp.session import open_session
from webapp.adapters.sftp.target import SftpTarget


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """One file: its name, bytes, and when it was last written, where the server says so."""

    name: str
    size: int
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class FolderListing:
    """How many files are in the folder, and the newest of them first, at most as many as were asked for."""

    count: int
    newest: tuple[FolderEntry, ...]


def list_folder(target: SftpTarget, *, most: int = 10) -> FolderListing:
    """The files in the target's folder, folders and hidden files left out.

    Raises:
        RetryableError, PermanentError: as ``put_file``; also when the server does not let us list.
    """
    with open_session(target) as session:
        folder = target.directory or "."
        try:
            attributes = session.requests.listdir_attr(folder)
        except StatusError as err:
            raise PermanentError(
                f"{target.place} does not let us list its files ({err.text}). That is no hindrance: files can still "
                "be delivered, but a file waiting under the same name is noticed only when it is sent."
            ) from err
        except LINE_ERRORS as err:
            raise line_lost(target, session.watchdog, err, f"when asked what is in {folder!r}") from err
    files = [
        FolderEntry(
            entry.filename,
            entry.st_size or 0,
            datetime.fromtimestamp(entry.st_mtime, UTC) if entry.st_mtime else None,
        )
        for entry in attributes
        if not stat.S_ISDIR(entry.st_mode or 0) and not entry.filename.startswith(".")
    ]
    files.sort(key=lambda entry: entry.modified_at.timestamp() if entry.modified_at else 0.0, reverse=True)
    return FolderListing(len(files), tuple(files[:most]))
