"""A campus's Alma client, from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from redis import Redis

from webapp.adapters.alma.budget import CallBudget
from webapp.adapters.alma.client import AlmaClient
from webapp.adapters.alma.config import AlmaConfig, RetryPolicy
from webapp.adapters.alma.limits import RedisRateLimiter
from webapp.adapters.egress import check_host
from webapp.adapters.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.adapters.alma.budget import Purpose
    from webapp.adapters.alma.calls import CallRecord
    from webapp.config import Settings
    from webapp.domain.campus_settings import CampusSettings


# Somebody looks at a page and waits: two tries, then they are told.
PERSON_WAITS = RetryPolicy(tries=2, total_s=20.0, loading_s=15.0, loading_pause_s=2.0)


def open_alma(
    settings: Settings,
    campus: CampusSettings,
    api_key: str | None,
    *,
    person_waits: bool = False,
    purpose: Purpose = "batch",
    on_call: Callable[[CallRecord], None] | None = None,
) -> AlmaClient:
    """A client that shares the institution's rate and daily budget with every other process; close it after use.

    With ``person_waits`` it gives up soon instead of trying for minutes. With the purpose "payment" it may use the
    calls that are kept in reserve. ``on_call`` is told of every exchange.

    Raises: PermanentError naming the setting that is missing or not allowed.
    """
    if not api_key:
        raise PermanentError("No Alma API key is set. Type it into the settings of the campus, page Alma.")
    alma, registered = campus["alma"], campus.alma_institution
    if registered and alma["institution_code"] != registered:
        # Rate and budget are shared by this code: with another campus's, its calls would be counted and stopped.
        raise PermanentError(
            f"The settings name the Alma institution {alma['institution_code']!r}, but this campus is registered with "
            f"{registered}. Nothing was asked of Alma. Correct the institution code on the settings page Alma."
        )
    base_url = str(alma["base_url"]).rstrip("/")
    if base_url not in settings.alma_hosts:
        raise PermanentError(
            f"{base_url} is not an Alma address this portal may send a key to. It may be one of "
            f"{', '.join(settings.alma_hosts)}."
        )
    parts = urlsplit(base_url)
    address = check_host(
        parts.hostname or "",
        parts.port or (443 if parts.scheme == "https" else 80),
        allow_private=settings.allow_private_hosts,
        allowed_ports=None,
    )
    config = AlmaConfig(
        base_url=base_url,
        api_key=api_key,
        institution_code=alma["institution_code"],
        calls_per_second=alma["calls_per_second"],
        reserve_calls=alma["reserve_calls"],
        connect_ip=address.ip,
        timeout_s=15.0 if person_waits else 30.0,
    )
    redis = Redis.from_url(settings.redis_url)
    budget = CallBudget(config.institution_code, config.reserve_calls, redis=redis)
    limiter = RedisRateLimiter(redis, config.calls_per_second)
    return AlmaClient(
        config, limiter, budget, on_call, retry=PERSON_WAITS if person_waits else None, purpose=purpose
    )
