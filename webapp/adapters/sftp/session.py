"""One signed-in SFTP session: address checked, host key known, then and only then credentials."""

from __future__ import annotations

import contextlib
import logging
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paramiko

from webapp.adapters.egress import CheckedAddress, check_host
from webapp.adapters.errors import PermanentError, RetryableError
from webapp.adapters.sftp.client import LINE_ERRORS, SftpRequests
from webapp.adapters.sftp.failures import line_lost
from webapp.adapters.sftp.keys import family_of, load_private_key
from webapp.adapters.vault import plain_text
from webapp.adapters.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from webapp.adapters.sftp.target import SftpTarget

# paramiko logs stack traces of every cut line; what matters is in the errors raised here.
_PARAMIKO_LOG = "feebridge.paramiko"
logging.getLogger(_PARAMIKO_LOG).setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Handshake:
    """A line whose host key is known and checked, before any sign-in."""

    transport: paramiko.Transport
    key: paramiko.PKey


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in line: the requests, and the watchdog to touch."""

    target: SftpTarget
    handshake: Handshake
    requests: SftpRequests
    watchdog: Watchdog


@contextlib.contextmanager
def open_session(target: SftpTarget) -> Iterator[Session]:
    """A signed-in session, closed at the end and cut by a watchdog when it stalls or takes too long.

    Raises:
        RetryableError: no connection, or the line went dead.
        PermanentError: host not allowed, host key not the confirmed one, sign-in refused, no SFTP there.
    """
    if not target.pins:
        raise PermanentError(
            f"No host key is confirmed for {target.host}, so nothing was sent. "
            "Test the connection in the SFTP settings, compare the fingerprint with the one from the server's "
            "administrator, and confirm it."
        )
    with (
        Watchdog(limit_s=target.transfer_limit_s, stall_s=target.timeout_s) as watchdog,
        ExitStack() as lines,
    ):
        handshake = shake_hands(target, watchdog, lines)
        try:
            _sign_in(target, handshake.transport, watchdog)
            requests = _open_sftp(target, handshake.transport)
        except LINE_ERRORS as err:
            raise line_lost(target, watchdog, err, "while signing in") from err
        watchdog.touch()
        yield Session(target, handshake, requests, watchdog)


def shake_hands(target: SftpTarget, watchdog: Watchdog, lines: ExitStack) -> Handshake:
    """A line to the checked address, with the server's proven host key; no credentials are sent.

    A server may hold several keys and prefer one that is not pinned: it is then asked for its other kinds, each on a
    line of its own. Without pins the first key is taken as seen (``probe`` shows it to a person).

    Raises:
        RetryableError: refused, not reachable, no answer.
        PermanentError: none of the server's keys is pinned.
    """
    address = check_host(
        target.host, target.port, allow_private=target.allow_private, allowed_ports=target.allowed_ports
    )
    seen: list[paramiko.PKey] = []
    left_out: list[str] = []
    while len(seen) < 3:
        try:
            transport = _connect(target, address, watchdog, lines, left_out)
            key = transport.get_remote_server_key()
        except paramiko.ssh_exception.IncompatiblePeer as err:
            if seen:
                break
            raise PermanentError(
                f"{target.host} offers only methods that are no longer safe ({err}). "
                "Ask its administrator for a current SSH server; nothing was sent.",
            ) from err
        except LINE_ERRORS as err:
            raise line_lost(target, watchdog, err, "before its host key was known") from err
        watchdog.touch()
        if not target.pins or key.fingerprint in target.pins:
            return Handshake(transport, key)
        seen.append(key)
        left_out.extend(family_of(key.get_name()))
        transport.close()
    raise _wrong_host_key(target, seen)


def _wrong_host_key(target: SftpTarget, seen: list[paramiko.PKey]) -> PermanentError:
    pinned = ", ".join(sorted(target.pins))
    shown = ", ".join(f"{key.fingerprint} ({key.get_name()})" for key in seen)
    return PermanentError(
        f"{target.host} is not the server it was: its host key is {shown}; confirmed was {pinned}. "
        "No user name, password, key or file was sent. Ask the server's administrator whether the key was changed; "
        "if it was, confirm the new fingerprint in the SFTP settings.",
        evidence={"pinned": pinned, "seen": shown},
    )


def _connect(
    target: SftpTarget,
    address: CheckedAddress,
    watchdog: Watchdog,
    lines: ExitStack,
    left_out: list[str],
) -> paramiko.Transport:
    try:
        line = socket.create_connection((address.ip, address.port), timeout=target.timeout_s)
    except OSError as err:
        raise RetryableError(
            f"{target.host} port {target.port} could not be reached: {err.strerror or err}. "
            "Nothing was sent; it is tried again. If it stays so, ask whether the server runs and lets this portal in.",
            evidence={"address": address.ip},
        ) from err
    lines.callback(line.close)
    # without it each request and answer waits some 40 ms for the other side's delayed acknowledgement
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(line, disabled_algorithms={"keys": left_out})
    lines.callback(transport.close)
    watchdog.guard(transport.close)
    transport.set_log_channel(_PARAMIKO_LOG)
    transport.banner_timeout = target.timeout_s
    transport.handshake_timeout = target.timeout_s
    transport.auth_timeout = target.timeout_s
    transport.channel_timeout = target.timeout_s
    transport.start_client(timeout=target.timeout_s)
    return transport


def _sign_in(target: SftpTarget, transport: paramiko.Transport, watchdog: Watchdog) -> None:
    refusals: list[str] = []
    try:
        if target.private_key:
            key = load_private_key(target.private_key, target.passphrase)
            _offer(refusals, "key", lambda: transport.auth_publickey(target.username, key))
        if target.password and not transport.is_authenticated():
            password = plain_text(target.password)
            _offer(refusals, "password", lambda: transport.auth_password(target.username, password))
    except paramiko.AuthenticationException as err:
        # not a refusal: paramiko says it so when no answer came
        raise line_lost(target, watchdog, err, "while signing in") from err
    if not transport.is_authenticated():
        if refusals and not transport.is_active():
            refusals.append("then it closed the line")
        tried = "; ".join(refusals) or "neither a password nor a key is set"
        raise PermanentError(
            f"{target.host} did not let user {target.username!r} in: {tried}. No file was sent. "
            "Check user name and password or key in the SFTP settings.",
        )


def _offer(refusals: list[str], what: str, attempt: Callable[[], list[str]]) -> None:
    """Try one way in, and note a refusal; the server may want a second one after it."""
    try:
        wanted = attempt()
    except paramiko.BadAuthenticationType as err:
        refusals.append(f"it takes no {what} (it takes: {', '.join(err.allowed_types) or 'nothing'})")
    except paramiko.AuthenticationException as err:
        if "timeout" in str(err) or "EOF" in str(err):
            raise
        refusals.append(f"the {what} was refused")
    else:
        if wanted:
            refusals.append(f"after the {what} it wants more ({', '.join(wanted)})")


def _open_sftp(target: SftpTarget, transport: paramiko.Transport) -> SftpRequests:
    channel = transport.open_session(timeout=target.timeout_s)
    channel.settimeout(target.timeout_s)
    try:
        channel.invoke_subsystem("sftp")
    except paramiko.SSHException as err:
        if not transport.is_active():
            raise
        raise PermanentError(
            f"{target.host} let user {target.username!r} in but gives no SFTP. "
            "Ask its administrator to switch SFTP on for this user."
        ) from err
    return SftpRequests(channel)
