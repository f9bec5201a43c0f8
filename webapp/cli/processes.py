"""Start Feebridge's processes as children that end when their parent does, and end them in order."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
# A process that ends sooner than this after its start is not restarted at once.
QUICK_END_S = 5.0
STOP_LIMIT_S = 30.0


@dataclass(slots=True)
class Child:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps a handful of processes running until told to stop; each writes to a log file of its own."""

    environ: Mapping[str, str]
    log_folder: Path
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, *command: str) -> None:
        """Start ``python <command>`` under ``name``."""
        self.log_folder.mkdir(parents=True, exist_ok=True)
        child = Child(name, (sys.executable, *command), self.log_folder / f"{name}.log")
        self.children.append(child)
        self._spawn(child)

    def watch_once(self) -> list[str]:
        """Restart what has ended; returns a sentence for each."""
        notes = []
        for child in self.children:
            if child.process is not None and (code := child.process.poll()) is not None:
                if time.monotonic() - child.started_at < QUICK_END_S:
                    time.sleep(1.0)
                notes.append(f"{child.name} ended with {code} and was started again; see {child.log}.")
                self._spawn(child)
        return notes

    def stop(self) -> None:
        """Ask each to stop, newest first, and wait; a process that does not within 30 s is killed."""
        for child in reversed(self.children):
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + STOP_LIMIT_S
        for child in reversed(self.children):
            if child.process is None:
                continue
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - time.monotonic()))
            if child.process.poll() is None:
                child.process.kill()
                child.process.wait()
        self.children.clear()

    def _spawn(self, child: Child) -> None:
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                env=dict(self.environ),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - one prctl call, no locks
            )
        child.started_at = time.monotonic()


def end_with_parent() -> None:
    """Ask the kernel to end this process when its parent does (Linux); elsewhere this does nothing."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class StopRequestedError(BaseException):
    """SIGINT or SIGTERM arrived."""


def stop_on_signals() -> None:
    """Turn SIGINT and SIGTERM into StopRequestedError in the main thread."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise StopRequestedError

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def replace_process(environ: Mapping[str, str], *command: str) -> None:
    """Become ``python <command>``: signals reach it directly, as a process manager expects."""
    os.execve(sys.executable, [sys.executable, *command], dict(environ))  # noqa: S606 - our own modules by name
