"""One HTTP exchange with Alma: no redirects, a cap on size, and a wall clock that slow answers cannot outlast."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError

from webapp.adapters.vault import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from webapp.adapters.alma.config import AlmaConfig

_CHUNK_BYTES = 256 * 1024
_CONNECT_TIMEOUT_S = 10.0
# A process that stood still so long right before it sends does not send.
_FROZEN_AFTER_S = 3.0


class NotSentError(Exception):
    """The call surely never reached Alma. ``permanent`` when trying again cannot help (a bad certificate)."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class LostAnswerError(Exception):
    """The call may have reached Alma; its answer did not reach us."""


class TooLargeError(Exception):
    """The answer is larger than any answer to this question."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: its status, its headers by lower-case name, its decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(eq=False)
class _Line:
    """What is known of the connection while one exchange runs."""

    connections: WeakSet[HTTPConnection] = field(default_factory=WeakSet)
    connecting: bool = False
    connected: bool = False
    cut: bool = False
    before_send: Callable[[], None] | None = None

    def begin(self, before_send: Callable[[], None] | None) -> None:
        self.connecting = self.connected = self.cut = False
        self.before_send = before_send

    def cut_off(self) -> None:
        """Break the connection from another thread; the waiting read ends at once."""
        self.cut = True
        for connection in list(self.connections):
            if connection.sock is not None:
                try:
                    # The plain socket's own shutdown: the TLS wrapper's is not safe while another thread reads.
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
                except OSError:
                    continue  # it was gone already

    @property
    def surely_not_sent(self) -> bool:
        return self.connecting and not self.connected


class Transport:
    """A session with one Alma. Not for several threads at once: each worker has its own."""

    def __init__(self, config: AlmaConfig) -> None:
        self._timeout_s = config.timeout_s
        self._line = _Line()
        self._session = requests.Session()
        # Neither proxies nor a .netrc of the machine may touch a call that carries the key.
        self._session.trust_env = False
        parts = urlsplit(config.base_url)
        host = parts.hostname or ""
        address = parts.netloc
        if config.connect_ip:
            shown = f"[{config.connect_ip}]" if ":" in config.connect_ip else config.connect_ip
            address = f"{shown}:{parts.port}" if parts.port else shown
        self._root = f"{parts.scheme}://{address}{parts.path.rstrip('/')}"
        self._headers = {"Authorization": f"apikey {plain_text(config.api_key)}", "User-Agent": "Feebridge"}
        if config.connect_ip:
            self._headers["Host"] = parts.netloc
        self._adapter = _Adapter(self._line, host if config.connect_ip else "")
        self._session.mount("https://", self._adapter)
        self._session.mount("http://", self._adapter)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        *,
        accept: str,
        limit_s: float,
        max_bytes: int,
        before_send: Callable[[], None] | None = None,
    ) -> Answer:
        """The whole answer, read within ``limit_s`` of wall clock whatever the other side does.

        ``before_send`` is called when a POST's connection stands, right before the first byte; what it raises comes out.

        Raises:
            NotSentError, LostAnswerError, TooLargeError: see there.
        """
        headers = {**self._headers, "Accept": accept}
        if method == "POST":
            headers |= {"Content-Type": "application/json", "Content-Length": "0"}
            # A connection kept open may have died unseen; then nobody could tell whether the call was carried out.
            self._adapter.poolmanager.clear()
        self._line.begin(before_send)
        watchdog = threading.Timer(limit_s, self._line.cut_off)
        watchdog.daemon = True
        watchdog.start()
        try:
            with self._session.request(
                method,
                self._root + path,
                params=params,
                headers=headers,
                timeout=(min(_CONNECT_TIMEOUT_S, limit_s), min(self._timeout_s, limit_s)),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _read(response, max_bytes, time.monotonic() + limit_s)
                return Answer(response.status_code, _lower(response.headers), body)
        except (OSError, HTTPError, HTTPException) as err:  # requests' own exceptions are OSErrors
            raise self._sorted(err, limit_s) from None
        finally:
            watchdog.cancel()

    def _sorted(self, err: Exception, limit_s: float) -> NotSentError | LostAnswerError:
        """What the failure means for the call. The original is not chained: its text carries the whole address."""
        if self._line.surely_not_sent:
            permanent = "CERTIFICATE_VERIFY_FAILED" in str(err)
            return NotSentError(_connect_reason(err), permanent=permanent)
        if self._line.cut:
            return LostAnswerError(f"the answer was not complete after {limit_s:.0f} s")
        if isinstance(err, requests.Timeout):
            return LostAnswerError("no answer in time")
        return LostAnswerError(f"the connection broke off ({type(err).__name__})")


class _Adapter(HTTPAdapter):
    """Connections that tell the line about themselves and, when told, check the certificate for another name."""

    def __init__(self, line: _Line, tls_name: str) -> None:
        self._line = line
        self._tls_name = tls_name
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._tls_name:
            kwargs |= {"server_hostname": self._tls_name, "assert_hostname": self._tls_name}
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _watched_pools(self._line)


def _watched_pools(line: _Line) -> dict[str, type[HTTPConnectionPool]]:
    def note_connecting(connection: HTTPConnection) -> None:
        line.connecting = True
        line.connections.add(connection)

    def note_connected(connection: HTTPConnection) -> None:
        if line.cut:
            raise NewConnectionError(connection, "the time for this call was over before it was sent")
        if line.before_send is not None:
            began = time.monotonic()
            line.before_send()
            if line.cut or time.monotonic() - began > _FROZEN_AFTER_S:
                # Whoever was frozen just now may have been given up: another one acts in its place.
                raise NewConnectionError(connection, "too much time went by before it was sent")
        line.connected = True

    class WatchedHTTP(HTTPConnection):
        def connect(self) -> None:
            note_connecting(self)
            super().connect()
            note_connected(self)

    class WatchedHTTPS(HTTPSConnection):
        def connect(self) -> None:
            note_connecting(self)
            super().connect()
            note_connected(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = WatchedHTTP

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = WatchedHTTPS

    return {"http": PlainPool, "https": TlsPool}


def _read(response: requests.Response, max_bytes: int, deadline: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise TooLargeError(f"the answer has more than {max_bytes:,} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(chunks)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _connect_reason(err: Exception) -> str:
    text = str(err)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "the server's certificate is not valid for this address"
    if isinstance(err, requests.exceptions.SSLError):
        return "no secure connection could be agreed on"
    if isinstance(err, requests.Timeout):
        return "the server could not be reached in time"
    if "NameResolution" in text or "getaddrinfo" in text:
        return "the host name is not known"
    if "refused" in text:
        return "the server refused the connection"
    return "no connection could be made"
