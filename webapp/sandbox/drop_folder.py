"""The files of an SFTP drop, with everything that can go wrong in one switchable by a fault.

Faults asked for at "sftp.write" when a file is opened for writing: cut_at_byte {byte, how: reset|eof},
black_hole {byte}, disk_full {byte, status}, slow_write {seconds}, permission_denied,
corrupt, short_write {byte}.
At "sftp.close": taken_at_once, close_answer_lost. At "sftp.read": no_read. At "sftp.stat": no_stat.
At "sftp.rename": rename_answer_lost {done: true|false, taken: true|false}, no_rename, no_posix_rename,
slow_rename {seconds, done: true|false} (waits after the rename, or before it), taken_at_once, rival_file.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, BinaryIO

import paramiko
from paramiko.sftp import SFTP_FAILURE, SFTP_OK, SFTP_OP_UNSUPPORTED, SFTP_PERMISSION_DENIED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from webapp.sandbox.drop_line import Line
    from webapp.sandbox.drop_log import FaultLike


def sha256_of(path: Path) -> str:
    """The hex sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class DropHandle(paramiko.SFTPHandle):
    """An open file; a fault can strike at any byte of it."""

    def __init__(self, line: Line, path: Path, stream: BinaryIO, fault: FaultLike | None) -> None:
        super().__init__()
        self._line = line
        self._path = path
        self._stream = stream
        self._fault = fault
        self._written = 0

    def close(self) -> None:
        """Close the file; a receiver that takes files away at once does it now."""
        if self._stream.closed:
            return
        self._stream.close()
        if not self._written or not self._path.exists():
            return
        shown = self._line.shown(self._path)
        self._line.note("close", shown, size=self._path.stat().st_size, sha256=sha256_of(self._path))
        if self._line.cut_off:
            return
        if self._line.take("close", "taken_at_once"):
            self._line.consume(self._path)
        if self._line.take("close", "close_answer_lost"):
            self._line.cut()

    def stat(self) -> paramiko.SFTPAttributes | int:
        """Size and times of the open file."""
        return paramiko.SFTPAttributes.from_stat(os.fstat(self._stream.fileno()))

    def read(self, offset: int, length: int) -> bytes | int:
        """At most ``length`` bytes from ``offset``."""
        self._stream.seek(offset)
        return self._stream.read(length)

    def write(self, offset: int, data: bytes) -> int:  # type: ignore[override]
        """Write, unless this file's fault strikes at one of these bytes."""
        if self._line.cut_off or self._line.ended:
            return SFTP_FAILURE
        kept, strike = self._struck(offset, data)
        self._stream.seek(offset)
        self._stream.write(kept)
        self._stream.flush()
        self._written += len(kept)
        if len(kept) < len(data):
            self._line.note("write", self._line.shown(self._path), "struck", size=offset + len(kept))
        return strike() if strike else SFTP_OK

    def _struck(self, offset: int, data: bytes) -> tuple[bytes, Callable[[], int] | None]:
        """What reaches the disk, and what the fault does after it."""
        fault = self._fault
        if fault is None:
            return data, None
        if fault.kind == "slow_write":
            time.sleep(float(fault.options.get("seconds", 0.2)))
            return data, None
        at = int(fault.options.get("byte", 0))
        if offset + len(data) <= at:
            return data, None
        if fault.kind == "corrupt":
            return bytes(byte ^ 1 for byte in data), None
        return data[: max(0, at - offset)], lambda: self._strike(fault)

    def _strike(self, fault: FaultLike) -> int:
        if fault.kind == "short_write":
            return SFTP_OK
        if fault.kind == "cut_at_byte":
            self._line.cut(how=str(fault.options.get("how", "reset")))
        if fault.kind == "black_hole":
            self._line.stall()
        return int(fault.options.get("status", SFTP_FAILURE))


class DropFolder(paramiko.SFTPServerInterface):
    """The drop's folder tree as one line sees it; nothing outside the root can be reached."""

    def __init__(self, server: paramiko.ServerInterface, line: Line) -> None:
        super().__init__(server)
        self._line = line
        self._root = line.root

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:  # noqa: ARG002
        """Open for reading or writing."""
        real = self._real(path)
        writing = bool(flags & (os.O_WRONLY | os.O_RDWR))
        fault: FaultLike | None = None
        if writing:
            fault = self._line.write_fault()
            if fault is not None and fault.kind == "permission_denied":
                self._line.note("open", path, "permission denied")
                return SFTP_PERMISSION_DENIED
        elif self._line.take("read", "no_read"):
            self._line.note("open", path, "permission denied")
            return SFTP_PERMISSION_DENIED
        try:
            number = os.open(real, flags, 0o600)
        except OSError as err:
            self._line.note("open", path, os.strerror(err.errno or 0))
            return paramiko.SFTPServer.convert_errno(err.errno or 0)
        self._line.note("open" if writing else "read", path)
        stream = os.fdopen(number, "wb" if writing else "rb")
        return DropHandle(self._line, real, stream, fault)

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        """The folder's entries."""
        try:
            return [
                paramiko.SFTPAttributes.from_stat(entry.stat(), entry.name)
                for entry in os.scandir(self._real(path))
            ]
        except OSError as err:
            return paramiko.SFTPServer.convert_errno(err.errno or 0)

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        """Size, times and kind."""
        if self._line.take("stat", "no_stat"):
            return SFTP_PERMISSION_DENIED
        try:
            return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
        except OSError as err:
            return paramiko.SFTPServer.convert_errno(err.errno or 0)

    lstat = stat

    def remove(self, path: str) -> int:
        """Delete a file."""
        return self._doing("remove", path, lambda: self._real(path).unlink())

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:  # noqa: ARG002
        """Make a folder."""
        return self._doing("mkdir", path, lambda: self._real(path).mkdir())

    def rename(self, oldpath: str, newpath: str) -> int:
        """The standard rename: refuses a name that exists, as OpenSSH does."""
        return self._renaming("rename", oldpath, newpath, overwrite=False)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        """OpenSSH's extension: overwrites."""
        return self._renaming("posix_rename", oldpath, newpath, overwrite=True)

    def _renaming(self, act: str, oldpath: str, newpath: str, *, overwrite: bool) -> int:
        old, new = self._real(oldpath), self._real(newpath)
        forbidden = ("no_rename", "no_posix_rename") if overwrite else ("no_rename",)
        if self._line.take("rename", *forbidden):
            self._line.note(act, newpath, "unsupported")
            return SFTP_OP_UNSUPPORTED
        if self._line.take("rename", "rival_file"):
            new.write_bytes(b"somebody else's file\n")
        lost = self._line.take("rename", "rename_answer_lost")
        if lost is not None and not lost.options.get("done", True):
            self._line.cut()
            return SFTP_FAILURE
        if not overwrite and new.exists():
            self._line.note(act, newpath, "exists")
            return SFTP_FAILURE
        slow = self._line.take("rename", "slow_rename")
        pause_s = 0.0 if slow is None else float(slow.options.get("seconds", 1))
        if slow is not None and not slow.options.get("done", True) and not self._line.outlives(pause_s):
            return SFTP_FAILURE
        answer = self._doing(act, newpath, lambda: old.replace(new), describe=new)
        if slow is not None and slow.options.get("done", True):
            self._line.outlives(pause_s)
        taken = self._line.take("rename", "taken_at_once") or (lost is not None and lost.options.get("taken"))
        if answer == SFTP_OK and taken:
            self._line.consume(new)
        if lost is not None:
            self._line.cut()
        return answer

    def _doing(self, act: str, path: str, do: Callable[[], object], *, describe: Path | None = None) -> int:
        try:
            do()
        except OSError as err:
            self._line.note(act, path, os.strerror(err.errno or 0))
            return paramiko.SFTPServer.convert_errno(err.errno or 0)
        if describe is not None:
            self._line.note(act, path, size=describe.stat().st_size, sha256=sha256_of(describe))
        else:
            self._line.note(act, path)
        return SFTP_OK

    def _real(self, path: str) -> Path:
        """The path under the root; ".." stops at it."""
        return self._root / self.canonicalize(path).lstrip("/")
