"""Alma counts calls per institution and second; every process asks here before it calls.

Alma's limit is 25 calls a second for the whole institution, other programs included
(https://developers.exlibrisgroup.com/alma/apis/, section threshold), so the default stays well below.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

from redis.exceptions import RedisError

from webapp.adapters.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

logger = logging.getLogger(__name__)

# One bucket per institution. Tokens may go below zero: that is the queue of those already told when to start.
# The time is the Redis server's own, so that clocks of different machines cannot disagree.
_TAKE = """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
local rate, burst, longest, taken = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(burst, (tonumber(bucket[1]) or burst) + math.max(0, at - (tonumber(bucket[2]) or at)) * rate)
local wait = math.max(0, (taken - tokens) / rate)
if longest >= 0 and wait > longest then return tostring(-wait) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - taken), 'at', tostring(at))
redis.call('PEXPIRE', KEYS[1], math.ceil((wait + burst / rate + 10) * 1000))
return tostring(wait)
"""
_ASK_REDIS_AGAIN_S = 5.0


class RateLimiter(Protocol):
    """Who may call when."""

    def wait(self, institution: str) -> None:
        """Return when one call may be made.

        Raises:
            RetryableError: the queue is longer than the limiter's ``longest_wait_s``.
        """

    def hold_off(self, institution: str, pause_s: float) -> None:
        """Let nobody call this institution for a while: Alma has just said that it was too much."""


class LocalRateLimiter:
    """A token bucket inside one process: for tests, single commands, and as the fall-back without Redis."""

    def __init__(
        self,
        calls_per_second: float,
        *,
        longest_wait_s: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = calls_per_second
        self._burst = max(1.0, calls_per_second)
        self._longest_wait_s = longest_wait_s
        self._clock = clock
        self._sleep = sleep
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, institution: str) -> None:
        """See ``RateLimiter``."""
        tokens = self._tokens(institution)
        wait_s = max(0.0, (1 - tokens) / self._rate)
        if wait_s > self._longest_wait_s:
            raise _too_long(institution, wait_s)
        self._buckets[institution] = (tokens - 1, self._clock())
        if wait_s:
            self._sleep(wait_s)

    def hold_off(self, institution: str, pause_s: float) -> None:
        """See ``RateLimiter``."""
        self._buckets[institution] = (self._tokens(institution) - pause_s * self._rate, self._clock())

    def _tokens(self, institution: str) -> float:
        now = self._clock()
        tokens, at = self._buckets.get(institution, (self._burst, now))
        return min(self._burst, tokens + (now - at) * self._rate)


class RedisRateLimiter:
    """A token bucket in Redis, one per institution, shared by every process.

    While Redis is away each process keeps to a quarter of the rate by itself; ``note`` then says so and is ""
    again when Redis answers.
    """

    def __init__(
        self,
        redis: Redis,
        calls_per_second: float,
        *,
        longest_wait_s: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.note = ""
        self._rate = calls_per_second
        self._longest_wait_s = longest_wait_s
        self._sleep = sleep
        self._take = redis.register_script(_TAKE)
        self._alone = LocalRateLimiter(
            max(1.0, calls_per_second / 4), longest_wait_s=longest_wait_s, sleep=sleep
        )
        self._ask_again_at = 0.0

    def wait(self, institution: str) -> None:
        """See ``RateLimiter``."""
        wait_s = self._reserve(institution, 1.0, self._longest_wait_s)
        if wait_s is None:
            self._alone.wait(institution)
        elif wait_s < 0:
            raise _too_long(institution, -wait_s)
        elif wait_s > 0:
            self._sleep(wait_s)

    def hold_off(self, institution: str, pause_s: float) -> None:
        """See ``RateLimiter``."""
        if self._reserve(institution, pause_s * self._rate, -1.0) is None:
            self._alone.hold_off(institution, pause_s)

    def _reserve(self, institution: str, calls: float, longest_wait_s: float) -> float | None:
        """Seconds until the reserved calls may start, below zero for "too long"; None while Redis is away."""
        if time.monotonic() < self._ask_again_at:
            return None
        burst = max(1.0, self._rate)
        try:
            answer = self._take(
                keys=[f"alma:rate:{institution}"], args=[self._rate, burst, longest_wait_s, calls]
            )
        except RedisError as err:
            self._ask_again_at = time.monotonic() + _ASK_REDIS_AGAIN_S
            if not self.note:
                self.note = "Redis did not answer, so Alma is called at a quarter of the usual rate."
                logger.warning("alma_rate_limit_without_redis", extra={"error": type(err).__name__})
            return None
        self.note = ""
        return float(answer)


def _too_long(institution: str, wait_s: float) -> RetryableError:
    return RetryableError(
        f"So many calls to the Alma of {institution} are waiting that the next one could start in {wait_s:.0f} s only. "
        "Nothing was asked or changed; it is tried again later.",
        retry_after_s=wait_s,
    )
