"""The demonstration's other side, kept in the data folder: the same sandbox for every command on that folder."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from webapp.cli.context import EXIT_NOT_REACHABLE, CommandError
from webapp.sandbox.process import SandboxHandle, SandboxStartError, start_sandbox

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Ports and secrets of one data folder's demonstration."""

    portal_port: int
    alma_port: int
    sftp_port: int
    smtp_port: int
    patrons: int
    sftp_password: str
    people_password: str

    @property
    def is_running(self) -> bool:
        """Whether its sandbox answers."""
        return not _is_free(self.alma_port)

    def start(self, folder: Path) -> SandboxHandle:
        """Start its sandbox. Raises: CommandError."""
        try:
            return start_sandbox(
                data=folder / "sandbox",
                port=self.alma_port,
                sftp_port=self.sftp_port,
                smtp_port=self.smtp_port,
                patrons=self.patrons,
                sftp_password=self.sftp_password,
                analytics_live=True,
                remember=True,
            )
        except SandboxStartError as err:
            raise CommandError(f"The sandbox did not start: {err}", EXIT_NOT_REACHABLE) from err

    def settings(self) -> dict[str, str]:
        """The settings of an installation that works with this sandbox."""
        return {
            "FEEBRIDGE_BASE_URL": f"http://{HOST}:{self.portal_port}",
            "FEEBRIDGE_SECURE_COOKIES": "no",
            "FEEBRIDGE_ALLOW_PRIVATE_HOSTS": "yes",
            "FEEBRIDGE_ALMA_HOSTS": f"http://{HOST}:{self.alma_port}",
            "FEEBRIDGE_MAIL_FROM": "feebridge@consortium.example",
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(self.smtp_port),
            "SMTP_TLS": "none",
        }


def rehearsal_of(folder: Path) -> Rehearsal | None:
    """The demonstration this data folder holds, if any."""
    path = folder / "demo.json"
    return Rehearsal(**json.loads(path.read_text())) if path.exists() else None


def make_rehearsal(folder: Path, first_port: int, patrons: int) -> Rehearsal:
    """The folder's demonstration, made on first use. Ports somebody else has taken since are replaced.

    Raises: CommandError when it runs already, or when there are no free ports.
    """
    old = rehearsal_of(folder)
    if old is not None and old.is_running:
        raise CommandError(
            f"The demonstration in {folder} runs already; open http://{HOST}:{old.portal_port}, or name another folder "
            "in FEEBRIDGE_DATA.",
            EXIT_NOT_REACHABLE,
        )
    made = Rehearsal(
        *_free_ports(first_port),
        patrons=patrons,
        sftp_password=old.sftp_password if old else secrets.token_urlsafe(12),
        people_password=old.people_password if old else "demo-" + secrets.token_urlsafe(9),
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "demo.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(made), indent=2))
    return made


@contextmanager
def other_side(folder: Path) -> Iterator[None]:
    """For a command on a demonstration's folder: its sandbox runs at least as long as the block."""
    found = None if os.environ.get("DATABASE_URL") else rehearsal_of(folder)
    if found is None or found.is_running:
        yield
        return
    with found.start(folder):
        yield


def _free_ports(first: int) -> tuple[int, int, int, int]:
    found = [port for port in range(first, min(first + 200, 65_536)) if _is_free(port)][:4]
    if len(found) < 4:
        raise CommandError(
            f"No four free ports from {first} on; name others with --port.", EXIT_NOT_REACHABLE
        )
    return found[0], found[1], found[2], found[3]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
