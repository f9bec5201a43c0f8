"""What the client must know about one institution's Alma, checked once when it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from webapp.adapters.errors import PermanentError

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class AlmaConfig:
    """One institution's Alma: where it is, the key that opens it, and how hard it may be asked.

    ``base_url`` is the regional host, such as ``https://api-na.hosted.exlibrisgroup.com``; plain ``http`` is taken
    for this machine only, because the key travels in a header. ``connect_ip`` is the address that the egress guard
    checked: with it the name is not resolved a second time. The key is in no message, address or repr.

    Raises:
        PermanentError: an address or key that cannot be meant; the key itself is not repeated.
    """

    base_url: str
    api_key: str = field(repr=False)
    institution_code: str
    timeout_s: float = 30.0
    calls_per_second: float = 8.0
    reserve_calls: int = 5000
    connect_ip: str = ""

    def __post_init__(self) -> None:
        _check_base_url(self.base_url)
        if not _KEY.fullmatch(self.api_key):
            raise PermanentError(
                "The Alma API key is empty or has blanks or characters that no key has. Paste it again in the settings."
            )
        if not self.institution_code.strip():
            raise PermanentError("The Alma institution code (such as 01CALS_USM) is missing in the settings.")
        if self.timeout_s <= 0 or self.calls_per_second <= 0 or self.reserve_calls < 0:
            raise PermanentError(
                "Alma's time-out and calls per second must be above 0, and the reserve of calls 0 or more."
            )


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long one question is asked again.

    ``busy_pause_s`` is the range of the pause after Alma's per-second threshold; ``server_pause_s`` the first
    pause after a failing server, doubled each time; ``total_s`` the wall clock for all tries of one question;
    ``loading_s`` and ``loading_pause_s`` how long and how often a report that is still loading is asked for.
    """

    tries: int = 5
    busy_pause_s: tuple[float, float] = (0.5, 3.0)
    server_pause_s: float = 1.0
    total_s: float = 180.0
    loading_s: float = 300.0
    loading_pause_s: float = 3.0


def _check_base_url(base_url: str) -> None:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PermanentError(
            f"{base_url[:100]!r} is not Alma's address; it looks like https://api-na.hosted.exlibrisgroup.com"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PermanentError("Alma's address must be the bare host, without a user, a password or a query.")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise PermanentError(
            "Alma's address must begin with https:// because the key travels with every call."
        )


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
