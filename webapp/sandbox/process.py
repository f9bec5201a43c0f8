"""Starts the sandbox as a child process, for the demo and for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

STOP_WITHIN_S = 10


class SandboxStartError(RuntimeError):
    """The sandbox did not come up; the message carries what it said last."""


@dataclass(frozen=True, slots=True)
class SandboxHandle:
    """A running sandbox: where its servers listen and the institutions' keys, as in its ready line.

    ``http`` is the address without a path; ``sftp`` and ``smtp`` are empty when only Alma was started.
    """

    http: str
    sftp: dict[str, Any]
    smtp: dict[str, Any]
    institutions: list[dict[str, str]]
    report_path: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        """End the sandbox and wait until it is gone; calling it twice does no harm."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_WITHIN_S)
        if self.process.stdout:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        """The handle itself; leaving the block stops the sandbox."""
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_sandbox(
    *,
    data: Path | None = None,
    port: int = 0,
    sftp_port: int = 0,
    smtp_port: int = 0,
    seed: int = 7,
    patrons: int = 200,
    owing: float = 8.0,
    institutions: Sequence[str] = (),
    today: date | None = None,
    analytics_live: bool = False,
    loading_answers: int = 1,
    calls_per_second: int = 25,
    calls_per_day: int = 400_000,
    sftp_password: str = "",
    authorized_keys: Sequence[str] = (),
    drop_folders: Sequence[str] = (),
    only_alma: bool = False,
    remember: bool = False,
    ready_within_s: float = 60,
) -> SandboxHandle:
    """Start ``python -m webapp.sandbox`` and wait for its ready line; options as on its command line.

    ``institutions`` are texts "CODE=KEY" or "CODE=KEY=Name". The child ends when the thread that started it ends
    (the kernel watches the thread, not the process), so start it from a thread that lives long enough.

    Raises:
        SandboxStartError: it ended or stayed silent instead of becoming ready.
    """
    arguments = {
        "--data": data,
        "--port": port,
        "--sftp-port": sftp_port,
        "--smtp-port": smtp_port,
        "--seed": seed,
        "--patrons": patrons,
        "--owing": owing,
        "--today": today,
        "--loading-answers": loading_answers,
        "--calls-per-second": calls_per_second,
        "--calls-per-day": calls_per_day,
        "--sftp-password": sftp_password,
        "--die-with": os.getpid(),
    }
    command = [sys.executable, "-m", "webapp.sandbox"]
    for option, value in arguments.items():
        if value not in {None, ""}:
            command += [option, str(value)]
    command += [part for text in institutions for part in ("--institution", text)]
    command += [part for line in authorized_keys for part in ("--authorized-key", line)]
    command += [part for name in drop_folders for part in ("--drop-folder", name)]
    command += ["--analytics-live"] if analytics_live else []
    command += ["--only-alma"] if only_alma else []
    command += ["--remember"] if remember else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return _wait_until_ready(process, ready_within_s)


def _wait_until_ready(process: subprocess.Popen[str], ready_within_s: float) -> SandboxHandle:
    watchdog = threading.Timer(ready_within_s, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        watchdog.cancel()
    if not line.startswith("{"):
        process.kill()
        process.communicate(timeout=STOP_WITHIN_S)
        raise SandboxStartError(
            f"the sandbox did not start (exit {process.returncode}): {line.strip() or 'no word from it'}"
        )
    ready = json.loads(line)
    return SandboxHandle(
        http=ready["http"],
        sftp=ready.get("sftp", {}),
        smtp=ready.get("smtp", {}),
        institutions=ready["institutions"],
        report_path=ready["report_path"],
        process=process,
    )
