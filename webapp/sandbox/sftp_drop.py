"""A stand-in for a campus's SFTP drop: a real SSH server over real sockets, with faults on demand.

It lives in threads of the process that starts it, takes many connections at once, keeps files below one root
(a folder per tenant), and logs every operation.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from webapp.sandbox.drop_folder import DropFolder, sha256_of
from webapp.sandbox.drop_line import LOG_CHANNEL, Doorkeeper, Line
from webapp.sandbox.drop_log import DropLog, DroppedFile, Faults, NoFaults, Operation

if TYPE_CHECKING:
    from collections.abc import Iterable

logging.getLogger(LOG_CHANNEL).setLevel(logging.CRITICAL + 1)


def new_host_key() -> paramiko.PKey:
    """A fresh Ed25519 host key."""
    return _paramiko_key(Ed25519PrivateKey.generate())


class SftpDrop:
    """An SFTP server on ``host``:``port`` (0: any free one), files below ``root``.

    ``authorized_keys`` are public key lines as in OpenSSH's file. With ``host_key_file`` the host key is kept over
    restarts, so that what was pinned stays true; else it is new each time. ``faults`` is the sandbox's board.
    """

    def __init__(
        self,
        root: Path,
        username: str,
        password: str | None = None,
        authorized_keys: Iterable[str] = (),
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        host_key_file: Path | None = None,
        host_keys: Iterable[paramiko.PKey] = (),
    ) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self.username = username
        self.password = password
        self.host = host
        self.port = port
        self._keys = frozenset(line.split()[1] for line in authorized_keys if len(line.split()) > 1)
        self._faults = faults or NoFaults()
        self._host_keys = list(host_keys) or [_kept_host_key(host_key_file)]
        self._other_key = new_host_key()
        self._log = DropLog()
        self._lines: list[Line] = []
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None

    @property
    def fingerprint(self) -> str:
        """Of the (first) host key, as ssh-keygen prints it: "SHA256:…"."""
        return self._host_keys[0].fingerprint

    @property
    def other_fingerprint(self) -> str:
        """Of the host key shown instead while the fault host_key_changed strikes."""
        return self._other_key.fingerprint

    def start(self) -> SftpDrop:
        """Listen; ``port`` is the real one from then on."""
        self._listener = socket.create_server((self.host, self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), name="sftp-drop", daemon=True
        )
        self._accepting.start()
        return self

    def stop(self) -> None:
        """Stop listening and end every line."""
        if self._listener is not None:
            # closing alone does not wake an accept() that waits
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        if self._accepting is not None:
            self._accepting.join(5)
        for line in self._lines:
            line.close()

    def add_folder(self, path: str) -> Path:
        """Make a folder, such as a tenant's inbox; returns where it really is."""
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def operations(self, *acts: str) -> list[Operation]:
        """What clients did, oldest first; all of it, or only these acts (connect, sign_in_begun, open, rename …)."""
        return self._log.operations(*acts)

    def files(self) -> list[DroppedFile]:
        """The files under their final names (not those whose path has a part that starts with a dot), by path."""
        found = []
        for path in sorted(self.root.rglob("*")):
            shown = path.relative_to(self.root)
            if path.is_file() and not any(part.startswith(".") for part in shown.parts):
                stat = path.stat()
                arrived_at = datetime.fromtimestamp(stat.st_mtime, UTC)
                folder = "" if shown.parent == Path() else shown.parent.as_posix()
                found.append(DroppedFile(folder, path.name, stat.st_size, sha256_of(path), arrived_at))
        return found

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _peer = listener.accept()
            except OSError:
                return
            self._lines = [line for line in self._lines if not line.ended]
            number = len(self._log.operations("connect")) + 1
            line = Line(number, self.root, accepted, self._faults, self._log)
            self._lines.append(line)
            line.note("connect")
            doorkeeper = Doorkeeper(line, self.username, self.password, self._keys)
            line.serve(self._host_keys, self._other_key, doorkeeper, DropFolder)


def _kept_host_key(file: Path | None) -> paramiko.PKey:
    if file is None:
        return new_host_key()
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(_openssh_text(Ed25519PrivateKey.generate()))
    return paramiko.Ed25519Key.from_private_key_file(str(file))


def _paramiko_key(key: Ed25519PrivateKey) -> paramiko.PKey:
    return paramiko.Ed25519Key.from_private_key(StringIO(_openssh_text(key)))


def _openssh_text(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
