"""The file store: a folder on one machine, object storage on many, behind the same few calls (fsspec).

A file is visible under its key only when it is whole. Keys are made by Feebridge, never by a person.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast
from uuid import uuid4

import fsspec

from webapp.adapters.errors import OutsideError, PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

LONGEST_KEY = 500
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,199}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class FileWriter:
    """Takes bytes; the file appears under its key when the ``with`` block ends well, and not at all otherwise.

    ``size`` (bytes) and ``sha256`` (hex) describe what was written so far.
    """

    def __init__(self, store: FileStore, key: str) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        self._store = store
        self._key = key
        self._part_path: Path | None = None
        self._part: BinaryIO | None = None

    @property
    def sha256(self) -> str:
        """Of all bytes written so far, in hex."""
        return self._hash.hexdigest()

    def write(self, content: bytes) -> int:
        """Append ``content``; returns its length.

        Raises:
            RetryableError: the disk is full or failing; nothing is visible under the key.
        """
        if self._part is None:
            raise ValueError(f"the writer of {self._key} is not open")
        with _worded(self._key, "written"):
            self._part.write(content)
        self._hash.update(content)
        self.size += len(content)
        return len(content)

    def __enter__(self) -> Self:
        with _worded(self._key, "written"):
            self._part_path = self._store.part_path(self._key)
            self._part = self._part_path.open("xb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _err: BaseException | None, _trace: TracebackType | None
    ) -> None:
        part, self._part = self._part, None
        path = self._part_path
        if part is None or path is None:
            return
        try:
            with _worded(self._key, "written"), part:
                if kind is None:
                    part.flush()
                    os.fsync(part.fileno())
            if kind is None:
                with _worded(self._key, "written"):
                    self._store.publish(path, self._key)
        finally:
            path.unlink(missing_ok=True)


class FileStore:
    """Files under ``url``: a folder's path, "file:///…", or any place that fsspec knows ("s3://bucket/prefix").

    Raises everywhere:
        PermanentError: the key is not one of ours, or there is no such file.
        RetryableError: the disk or the object storage is in trouble.
    """

    def __init__(self, url: str) -> None:
        filesystem, root = fsspec.core.url_to_fs(url)
        self._fs: Any = filesystem
        self._root = str(root).rstrip("/")
        protocols = filesystem.protocol if isinstance(filesystem.protocol, tuple) else (filesystem.protocol,)
        self._folder = Path(self._root) if "file" in protocols else None

    def __repr__(self) -> str:
        return f"FileStore({self._root!r})"

    def writer(self, key: str) -> FileWriter:
        """A context manager that writes one file; an older file under the key is replaced in one step."""
        self._path(key)
        return FileWriter(self, key)

    def open(self, key: str) -> BinaryIO:
        """The file's bytes as a stream, read as they are asked for; close it after use."""
        with _worded(key, "read"):
            return cast("BinaryIO", self._fs.open(self._path(key), "rb"))

    def exists(self, key: str) -> bool:
        """True if a whole file stands under the key."""
        with _worded(key, "looked up"):
            return bool(self._fs.isfile(self._path(key)))

    def size(self, key: str) -> int:
        """The file's size in bytes."""
        with _worded(key, "looked up"):
            return int(self._fs.size(self._path(key)))

    def delete(self, key: str) -> None:
        """Take the file away; if there is none, nothing happens."""
        with _worded(key, "deleted"), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(key))

    def forget_parts(self, folder_key: str) -> int:
        """Take away what killed writers left unfinished in one folder of a folder store; returns how many parts.

        A writer that is only slow loses its part too: its file never appears. Ask only for a folder of one's own.
        """
        if self._folder is None:
            return 0
        with _worded(folder_key, "cleared"):
            parts = list(Path(self._path(folder_key)).glob(".*.part"))
            for part in parts:
                part.unlink(missing_ok=True)
        return len(parts)

    def part_path(self, key: str) -> Path:
        """Where a file is gathered before it is whole: beside its final place in a folder store, else the temp folder."""
        if self._folder is None:
            return Path(tempfile.gettempdir()) / f"feebridge-{uuid4().hex}.part"
        final = Path(self._path(key))
        final.parent.mkdir(parents=True, exist_ok=True)
        return final.with_name(f".{uuid4().hex}.part")

    def publish(self, part: Path, key: str) -> None:
        """Make the gathered file visible in one step: a rename in a folder, a single put in object storage."""
        if self._folder is None:
            self._fs.put_file(str(part), self._path(key))
            return
        final = Path(self._path(key))
        part.replace(final)
        _sync_folder(final.parent)

    def _path(self, key: str) -> str:
        if len(key) > LONGEST_KEY or not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
            raise PermanentError(
                f"{key[:80]!r} cannot be the key of a stored file: parts of letters, digits, dot, dash and "
                f"underscore, joined by '/', {LONGEST_KEY} characters at most."
            )
        return f"{self._root}/{key}"


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _worded(key: str, done: str) -> Iterator[None]:
    """Turn whatever the store's library raises into our three kinds."""
    try:
        yield
    except OutsideError:
        raise
    except FileNotFoundError as err:
        raise PermanentError(
            f"The stored file {key} could not be {done}: it is not in the file store. "
            "It may have passed its retention time; run again to build it anew."
        ) from err
    except OSError as err:
        full = " The disk of the file store is full." if err.errno in _FULL else ""
        raise RetryableError(
            f"The stored file {key} could not be {done}: {err.strerror or err}.{full} "
            "No partial file is visible. It is tried again."
        ) from err
    except Exception as err:
        # Each object storage has exceptions of its own (botocore's, for one, are no OSError).
        raise RetryableError(
            f"The stored file {key} could not be {done}: the object storage answered {type(err).__name__}. "
            "No partial file is visible. It is tried again.",
            evidence={"storage": str(err)[:300]},
        ) from err
