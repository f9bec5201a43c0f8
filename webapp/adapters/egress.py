"""One guard for every host that a campus types in: where may Feebridge connect to at all.

A name is resolved once, every answer is judged, and the caller connects to the address that was judged, so a name
that changes its answer between the look and the connection gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from webapp.adapters.errors import PermanentError, RetryableError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], list[str]]

RESOLVE_LIMIT_S = 10.0
LONGEST_HOST = 253

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LAST_LABEL_IS_A_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")

# Addresses under which clouds hand out credentials to whoever asks from inside. Some lie outside the private
# ranges (Azure's wire server), so they are named. Sources: the clouds' own metadata service pages (AWS EC2
# "Instance metadata", Azure "What is IP address 168.63.129.16", Alibaba ECS "Instance metadata", Oracle OCI).
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
# IPv6 ranges that carry an IPv4 address inside: a private one could hide there.
# RFC 6052, RFC 8215 (NAT64), RFC 4291 section 2.5.5 (compatible and mapped), RFC 3056 (6to4), RFC 4380 (Teredo).
_WRAPPING = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0/96", "2002::/16", "2001::/32")
)
_SIXTOFOUR_RELAY = ipaddress.ip_network("192.88.99.0/24")


@dataclass(frozen=True, slots=True)
class CheckedAddress:
    """A host that may be connected to. Connect to ``ip``; ``host`` is for certificates and messages."""

    host: str
    ip: str
    port: int


def check_host(
    host: str,
    port: int,
    *,
    allow_private: bool,
    allowed_ports: Collection[int] | None,
    resolve: Resolver | None = None,
) -> CheckedAddress:
    """The address to connect to for ``host``, judged.

    ``allow_private`` is the operator's setting: it lets private and loopback addresses through, never metadata,
    link-local, multicast, unspecified or wrapped ones. ``allowed_ports`` None means any port.

    Raises:
        PermanentError: the host, its form, an address behind it, or the port is not allowed.
        RetryableError: the name could not be looked up just now.
    """
    name = _clean(host)
    _check_port(name, port, allowed_ports)
    literal = _literal(name)
    if literal is not None:
        addresses = [literal]
    else:
        _check_name(name)
        addresses = [_parse(text) for text in (resolve or resolve_within)(name, port)]
    for address in addresses:
        _check_address(name, address, allow_private=allow_private)
    if not addresses:
        raise PermanentError(f"The name {name!r} has no address. Check the host in the settings.")
    return CheckedAddress(host=name, ip=str(addresses[0]), port=port)


def resolve_within(name: str, port: int, *, limit_s: float = RESOLVE_LIMIT_S) -> list[str]:
    """The addresses of ``name`` as texts, given up after ``limit_s`` seconds: getaddrinfo has no time-out of its own.

    Raises:
        PermanentError: there is no such name.
        RetryableError: no answer in time, or the name servers are in trouble.
    """
    answers: list[str] = []
    failures: list[OSError] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except OSError as err:
            failures.append(err)
        else:
            answers.extend(str(entry[4][0]) for entry in found)

    asking = threading.Thread(target=ask, name="resolve-host", daemon=True)
    asking.start()
    asking.join(limit_s)
    if failures and isinstance(failures[0], socket.gaierror) and failures[0].errno == socket.EAI_NONAME:
        raise PermanentError(f"There is no host named {name!r}. Check the host in the settings.")
    if failures or asking.is_alive():
        why = failures[0].strerror if failures else f"no answer within {limit_s:g} s"
        raise RetryableError(f"The name {name!r} could not be looked up ({why}). It is tried again.")
    return answers


def _clean(host: str) -> str:
    name = host.removeprefix("[").removesuffix("]").removesuffix(".").lower()
    if not name or len(name) > LONGEST_HOST or not name.isascii() or not name.isprintable() or " " in name:
        raise PermanentError(
            f"{host[:80]!r} is not a host name. Give a plain name such as sftp.example.edu, in ASCII letters."
        )
    return name


def _check_port(name: str, port: int, allowed_ports: Collection[int] | None) -> None:
    if not 1 <= port <= 65535 or (allowed_ports is not None and port not in allowed_ports):
        allowed = "1 to 65535" if allowed_ports is None else ", ".join(map(str, sorted(allowed_ports)))
        raise PermanentError(f"Port {port} of {name} is not allowed. Allowed here: {allowed}.")


def _literal(name: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _parse(text: str) -> IpAddress:
    return ipaddress.ip_address(text.partition("%")[0])


def _check_name(name: str) -> None:
    """Refuse what is no plain name: "0x7f.1", "2130706433" and "0177.0.0.1" are addresses to some resolvers."""
    if _LAST_LABEL_IS_A_NUMBER.search(name):
        raise PermanentError(
            f"{name!r} is an unusual way to write an address. Give a name, or four decimal numbers with dots."
        )
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise PermanentError(
            f"{name!r} is not a host name. Give a plain name such as sftp.example.edu, without a scheme or path."
        )


def _check_address(name: str, address: IpAddress, *, allow_private: bool) -> None:
    why = _never_allowed(address)
    if not why and not allow_private and not _is_public(address):
        why = "a private, local or reserved address"
    if why:
        raise PermanentError(
            f"{name} leads to {address}, {why}. Feebridge does not connect there. "
            "If this host is meant, ask the operator of this portal.",
            evidence={"host": name, "address": str(address)},
        )


def _is_public(address: IpAddress) -> bool:
    """Python counts the withdrawn site-local fec0::/10 (RFC 3879) and some reserved ranges as global."""
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not address.is_reserved and not site_local


def _never_allowed(address: IpAddress) -> str:
    judged = (
        (address in _METADATA, "a cloud's metadata service"),
        (address.is_unspecified, "the unspecified address"),
        (address.is_multicast, "a multicast address"),
        (address.is_link_local, "a link-local address"),
        (
            not address.is_loopback and any(address in wrapping for wrapping in _WRAPPING),
            "an IPv4 address wrapped in IPv6",
        ),
        (address in _SIXTOFOUR_RELAY, "a relay address"),
    )
    return next((words for hit, words in judged if hit), "")
