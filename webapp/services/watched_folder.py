"""The folder on the installation's own disk in which a campus's files may be laid down.

The operator names the root (``FEEBRIDGE_INBOUND_ROOT``); a campus's folder in it has its short name. Nothing a campus
types is ever part of a path. Links and special files are not followed: only ordinary files are seen.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from webapp.adapters.errors import PermanentError, RetryableError
from webapp.adapters.sftp.pick_up import Arrival, Aside, Sink

PLACE = "watched folder"
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """One campus's folder."""

    root: str
    slug: str

    @property
    def place(self) -> str:
        """In words, for rows and pages; the machine's own paths are nobody's business."""
        return f"{PLACE} {self.slug}"

    def look(self, wanted: Callable[[str], bool]) -> list[Arrival]:
        """The ordinary files whose names are wanted, oldest first. Raises: PermanentError, RetryableError."""
        with self._opened() as folder, _worded(self.place):
            found = [
                arrival
                for entry in os.scandir(folder)
                if wanted(entry.name) and (arrival := _arrival(folder, entry.name)) is not None
            ]
        return sorted(found, key=lambda one: (one.modified_at or datetime.min.replace(tzinfo=UTC), one.name))

    def fetch(self, arrival: Arrival, sink: Sink) -> None:
        """Hand the file's bytes over, as long as it is still the file that was seen.

        Raises: RetryableError when it changed meanwhile; PermanentError when it is no ordinary file any more.
        """
        with self._opened() as folder, _worded(self.place):
            with os.fdopen(_open_plain(folder, arrival.name), "rb") as source:
                while chunk := source.read(_CHUNK):
                    sink.write(chunk)
            if _arrival(folder, arrival.name) != arrival:
                raise RetryableError(
                    f"{arrival.name} in the {self.place} changed while it was read, so it was not complete yet. Nothing "
                    "of it was kept; it is read again when it has come to rest."
                )

    def put_aside(self, arrival: Arrival, aside: Aside, *, before_effect: Callable[[], None]) -> str:
        """As ``pick_up.put_aside``: the new name, or "" when that very file is not there any more."""
        with self._opened() as folder, _worded(self.place):
            before_effect()
            if _arrival(folder, arrival.name) != arrival:
                return ""
            if aside.how == "archive":
                with contextlib.suppress(FileExistsError):
                    os.mkdir(aside.word, 0o750, dir_fd=folder)
            for new_name in aside.names(arrival.name):
                # A hard link refuses a name that is taken; a rename would silently replace what has it.
                with contextlib.suppress(FileExistsError):
                    os.link(
                        arrival.name, new_name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False
                    )
                    os.unlink(arrival.name, dir_fd=folder)
                    return new_name
        raise PermanentError(
            f"{arrival.name} in the {self.place} was read, but every name to put it aside under is taken. Have old "
            "files cleared away."
        )

    def lies_there(self, arrival: Arrival) -> bool:
        """Whether that very file still lies in the folder."""
        with self._opened() as folder, _worded(self.place):
            return _arrival(folder, arrival.name) == arrival

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """The folder itself, so that nothing swapped under its path meanwhile counts."""
        if not self.root:
            raise PermanentError(
                "This installation watches no folder. Choose another place in the settings, or ask whoever runs "
                "Feebridge to set FEEBRIDGE_INBOUND_ROOT."
            )
        try:
            folder = os.open(Path(self.root) / self.slug, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as err:
            raise PermanentError(
                f"The {self.place} could not be opened: {err.strerror}. Ask whoever runs Feebridge to make a folder "
                f"named {self.slug} in the watched place, and to let Feebridge read and write in it."
            ) from err
        try:
            yield folder
        finally:
            os.close(folder)


def _arrival(folder: int, name: str) -> Arrival | None:
    """What is there under the name, if it is an ordinary file."""
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    return Arrival(name, facts.st_size, datetime.fromtimestamp(int(facts.st_mtime), UTC))


def _open_plain(folder: int, name: str) -> int:
    """Open an ordinary file for reading. Raises: PermanentError when it is a link, a pipe or a device."""
    # Without O_NONBLOCK a pipe put in the file's place would hold the worker until somebody writes into it.
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise PermanentError(f"{name} in the watched folder is no ordinary file and was not read.")
    return handle


@contextlib.contextmanager
def _worded(place: str) -> Iterator[None]:
    try:
        yield
    except PermissionError as err:
        raise PermanentError(
            f"Feebridge may not do that in the {place}: {err.strerror}. Ask whoever runs Feebridge for the right to read "
            "and write there. What was read is kept."
        ) from err
    except OSError as err:
        raise RetryableError(f"The {place} could not be used: {err.strerror}. It is tried again.") from err
