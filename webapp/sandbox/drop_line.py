"""One line (connection) into an SFTP drop: who signs in, and how the line itself can fail."""

from __future__ import annotations

import hmac
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

if TYPE_CHECKING:
    from pathlib import Path

    from webapp.sandbox.drop_log import DropLog, FaultLike, Faults

LOG_CHANNEL = "feebridge.sandbox.sftp"
TAKEN = ".taken"
WRITE_FAULTS = (
    "cut_at_byte",
    "black_hole",
    "disk_full",
    "slow_write",
    "permission_denied",
    "corrupt",
    "short_write",
)


class StallingSocket(socket.socket):
    """A socket that can go silent: the line stays open, nothing is read and nothing is sent any more."""

    stalled = False

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As a socket's; times out for ever once stalled."""
        self._hold()
        return super().recv(size, flags)

    def send(self, content: bytes, flags: int = 0) -> int:  # type: ignore[override]
        """As a socket's; times out for ever once stalled."""
        self._hold()
        return super().send(content, flags)

    def _hold(self) -> None:
        if self.stalled:
            time.sleep(self.gettimeout() or 0.1)
            raise TimeoutError


class Doorkeeper(paramiko.ServerInterface):
    """Lets in one user by password or by key, and notes every attempt."""

    def __init__(self, line: Line, username: str, password: str | None, keys: frozenset[str]) -> None:
        self._line = line
        self._username = username
        self._password = password
        self._keys = keys

    def get_banner(self) -> tuple[None, None]:
        """Asked for when a client begins to sign in: the first byte of authentication."""
        self._line.note("sign_in_begun")
        return (None, None)

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        """What this drop takes."""
        ways = [way for way, open_ in (("password", self._password), ("publickey", self._keys)) if open_]
        return ",".join(ways)

    def check_auth_password(self, username: str, password: str) -> int:
        """Compare in constant time."""
        right = hmac.compare_digest(password.encode(), (self._password or "").encode())
        return self._answer("password", username, admitted=bool(self._password) and right)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """A key is known or not; paramiko verifies the signature after it."""
        return self._answer("key", username, admitted=key.get_base64() in self._keys)

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        """Sessions only: no forwarding."""
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def _answer(self, way: str, username: str, *, admitted: bool) -> int:
        admitted = admitted and username == self._username and not self._line.take("auth", "refuse_auth")
        self._line.note(f"sign_in_by_{way}", username, "ok" if admitted else "refused")
        return AUTH_SUCCESSFUL if admitted else AUTH_FAILED


class Line:
    """One client's connection: its number in the log, its faults, and ways to make it fail."""

    def __init__(
        self, number: int, root: Path, accepted: socket.socket, faults: Faults, log: DropLog
    ) -> None:
        self.number = number
        self.root = root
        self.cut_off = False
        self._faults = faults
        self._log = log
        self._held: FaultLike | None = None
        self._socket = StallingSocket(
            accepted.family, accepted.type, accepted.proto, fileno=accepted.detach()
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport: paramiko.Transport | None = None

    def serve(
        self,
        host_keys: list[paramiko.PKey],
        other_key: paramiko.PKey,
        doorkeeper: Doorkeeper,
        folder: type[paramiko.SFTPServerInterface],
    ) -> None:
        """Begin to speak SSH; the line then lives in threads of its own, ``folder`` answering what it asks."""
        if self._goes_dark_at_once():
            return
        transport = paramiko.Transport(self._socket)
        transport.set_log_channel(LOG_CHANNEL)
        self._transport = transport
        for key in [other_key] if self.take("connect", "host_key_changed") else host_keys:
            transport.add_server_key(key)
        # paramiko's server side takes the files' class and its arguments after the subsystem's own
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, folder, self)
        transport.start_server(event=threading.Event(), server=doorkeeper)

    def _goes_dark_at_once(self) -> bool:
        fault = self.take("connect", "black_hole")
        if fault is not None and "byte" in fault.options:
            self._held = fault
            return False
        return fault is not None

    def write_fault(self) -> FaultLike | None:
        """The fault for the file being opened for writing."""
        held, self._held = self._held, None
        return held or self.take("write", *WRITE_FAULTS)

    def take(self, moment: str, *kinds: str) -> FaultLike | None:
        """Ask the board what goes wrong at this moment."""
        return self._faults.take(f"sftp.{moment}", *kinds)

    def note(
        self,
        act: str,
        path: str = "",
        result: str = "ok",
        *,
        size: int | None = None,
        sha256: str | None = None,
    ) -> None:
        """Write into the drop's log."""
        self._log.add(self.number, act, path, result, size=size, sha256=sha256)

    def shown(self, path: Path) -> str:
        """A path as clients write it."""
        return path.relative_to(self.root).as_posix()

    def consume(self, path: Path) -> None:
        """What a receiver's poller does: take the file away, here into a folder of its own."""
        self.note("taken", self.shown(path), size=path.stat().st_size)
        taken = self.root / TAKEN
        taken.mkdir(exist_ok=True)
        path.replace(taken / f"{time.monotonic_ns()}-{path.name}")

    def cut(self, *, how: str = "reset") -> None:
        """Drop the line now: "reset" (RST), or "eof" (an orderly end in the middle of things)."""
        self.cut_off = True
        self.note("cut", result=how)
        if how == "reset":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def stall(self) -> None:
        """Fall silent without closing."""
        self.cut_off = True
        self.note("stalled")
        self._socket.stalled = True

    def outlives(self, seconds: float) -> bool:
        """Wait so long, or until the client is gone; whether it is still there."""
        until_s = time.monotonic() + seconds
        while not self.ended and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(0.05, left_s))
        return not self.ended

    def close(self) -> None:
        """End the line from this side."""
        if self._transport is not None:
            self._transport.close()
        self._socket.close()

    @property
    def ended(self) -> bool:
        """True once nobody is on the line."""
        return self._socket.fileno() < 0
