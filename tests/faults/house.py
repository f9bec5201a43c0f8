"""A whole installation to be broken on purpose: servers of its own, workers and schedulers that a supervisor restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from flask import Flask

from webapp.app import create_core
from webapp.config import load_settings
from webapp.embedded import EmbeddedPostgres, EmbeddedRedis
from webapp.migrate import migrate
from webapp.models import Tenant, db
from webapp.models.scope import person_scope

DATABASE = "faults"
SUPERVISE_S = 0.1


class House:
    """Starts, watches, kills. ``environ`` is what its processes get."""

    def __init__(self, folder: Path, *, lease_s: int, more_environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder)
        self.redis = EmbeddedRedis(folder)
        self.postgres.hold()
        self.redis.hold()
        with psycopg.connect(self.postgres.superuser_url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER feebridge_owner")
        urls = self.postgres.urls(DATABASE)
        migrate(urls["DATABASE_OWNER_URL"])
        (folder / "probe").mkdir(mode=0o700)
        self.environ = {
            **urls,
            "REDIS_URL": self.redis.url,
            "FEEBRIDGE_FILES_URL": f"file://{folder / 'files'}",
            "FEEBRIDGE_SECRET_KEY": "only-for-tests-0123456789-0123456789",
            "FEEBRIDGE_VAULT_KEYS": "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "FEEBRIDGE_LEASE_S": str(lease_s),
            "PROBE_FOLDER": str(folder / "probe"),
            "PYTHONPATH": os.pathsep.join(sys.path),
            **more_environ,
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {}
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def keep(self, name: str, *command: str, **environ: str) -> None:
        """Run ``python -m`` with these words under this name, and start it again whenever it ends."""
        with self._lock:
            self._commands[name] = command, environ
            self.processes[name] = self._start(name, command, environ)

    def dismiss(self, name: str, number: int = signal.SIGKILL) -> subprocess.Popen[bytes]:
        """Send a process a signal and do not start it again."""
        with self._lock:
            self._commands.pop(name)
            process = self.processes.pop(name)
        process.send_signal(number)
        return process

    def kill(self, name: str, victim: str) -> bool:
        """``kill -9`` of a process, its children, or both; whether there was anybody to kill."""
        with suppress(psutil.Error, KeyError):
            parent = psutil.Process(self.processes[name].pid)
            children = parent.children() if victim != "parent" else []
            for child in children:
                child.kill()
            if victim != "child":
                parent.kill()
            return bool(children) or victim != "child"
        return False

    def flush_redis(self) -> None:
        """Lose every message."""
        with suppress(redis.RedisError), redis.Redis(unix_socket_path=str(self.redis.socket)) as client:
            client.flushall()

    def restart_redis(self) -> None:
        """Stop it, and start it empty."""
        with suppress(redis.RedisError), redis.Redis(unix_socket_path=str(self.redis.socket)) as client:
            client.shutdown(nosave=True)
        self.redis.hold()

    def restart_postgres(self) -> None:
        """Immediate shutdown (every connection is cut, the log is replayed), and start."""
        pid = int((self.postgres.pgdata / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        postmaster = psutil.Process(pid)
        postmaster.send_signal(signal.SIGQUIT)
        with suppress(psutil.Error):
            wait_until(lambda: postmaster.status() == psutil.STATUS_ZOMBIE or not postmaster.is_running(), 20)
        self.postgres.hold()

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask or change anything, as the judge of all campuses."""
        with psycopg.connect(self.postgres.superuser_url(DATABASE), autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Stop everything."""
        self._closing.set()
        self._supervisor.join()
        for process in self.processes.values():
            for child in _children_of(process.pid):
                child.kill()
            process.kill()
            process.wait()
        self.redis.release()
        self.postgres.release()

    def _start(self, name: str, command: tuple[str, ...], environ: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                env=self.environ | environ,
                stdout=log,
                stderr=log,
            )

    def _supervise(self) -> None:
        while not self._closing.wait(SUPERVISE_S):
            with self._lock:
                for name, (command, environ) in self._commands.items():
                    if self.processes[name].poll() is not None:
                        self.processes[name] = self._start(name, command, environ)


@contextmanager
def house(
    *, lease_s: int, tenant_count: int, more_environ: Mapping[str, str] | None = None
) -> Iterator[tuple[House, Flask]]:
    """An installation with so many campuses, and an open application context on it."""
    with tempfile.TemporaryDirectory(prefix="fb-", ignore_cleanup_errors=True) as folder:
        built = House(Path(folder), lease_s=lease_s, more_environ=more_environ or {})
        os.environ["PROBE_FOLDER"] = built.environ["PROBE_FOLDER"]
        core = create_core(load_settings(built.environ))
        try:
            with core.app_context():
                with person_scope(None) as session:
                    session.add_all(
                        Tenant(slug=f"campus{n}", name=f"Campus {n}") for n in range(tenant_count)
                    )
                    session.commit()
                yield built, core
                for engine in db.engines.values():
                    engine.dispose()
        finally:
            built.close()


def wait_until(holds: Callable[[], bool], limit_s: float, what: str = "it") -> float:
    """Return after how many seconds it holds; fail when the time is over."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < limit_s, f"{what} did not come to hold within {limit_s} s"
        time.sleep(0.1)
    return time.monotonic() - began


def _children_of(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []
