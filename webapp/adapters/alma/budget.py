"""Alma counts calls per institution and day; batch work stops early so that payments still get through.

Every good answer carries ``X-Exl-Api-Remaining``, the calls left today
(https://developers.exlibrisgroup.com/blog/new-header-in-api-response-x-exl-api-remaining/).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from redis.exceptions import RedisError

from webapp.adapters.alma.errors import DailyLimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

Purpose = Literal["batch", "payment"]

# A remembered low number would block for ever, because blocked work never sees a newer one: it is forgotten at
# midnight, when Alma's count begins anew, and after an hour at the latest.
_REMEMBERED_S = 3600
_ASK_REDIS_AGAIN_S = 5.0


class CallBudget:
    """The calls an institution has left today, as Alma itself last said.

    Shared through Redis when one is given; without Redis, or while it is away, this process knows what it saw.
    """

    def __init__(
        self,
        institution: str,
        reserve_calls: int,
        *,
        redis: Redis | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._institution = institution
        self._reserve_calls = reserve_calls
        self._redis = redis
        self._now = now
        self._seen: tuple[int, float] | None = None
        self._ask_redis_at = 0.0

    def note(self, remaining_calls: int) -> None:
        """Remember what Alma's last answer said."""
        lasts_s = max(1, min(_REMEMBERED_S, int((next_reset(self._now()) - self._now()).total_seconds())))
        self._seen = (remaining_calls, time.monotonic() + lasts_s)
        if self._redis is not None and time.monotonic() >= self._ask_redis_at:
            try:
                self._redis.set(self._key, remaining_calls, ex=lasts_s)
            except RedisError:
                self._leave_redis_alone()

    def remaining(self) -> int | None:
        """Calls left today, or None when nobody was told lately."""
        if self._redis is not None and time.monotonic() >= self._ask_redis_at:
            try:
                kept = self._redis.get(self._key)
            except RedisError:
                self._leave_redis_alone()
            else:
                if isinstance(kept, str | bytes):
                    return int(kept)
        if self._seen is not None and time.monotonic() < self._seen[1]:
            return self._seen[0]
        return None

    def check(self, purpose: Purpose) -> None:
        """Refuse the call when too few are left: batch work keeps off the reserve, payments may use it.

        Raises:
            DailyLimitError: too few calls are left today.
        """
        remaining = self.remaining()
        least = 1 if purpose == "payment" else self._reserve_calls + 1
        if remaining is None or remaining >= least:
            return
        reset_at = next_reset(self._now())
        raise DailyLimitError(
            f"The Alma of {self._institution} has {remaining:,} calls left today and {self._reserve_calls:,} of them are "
            f"kept for payments, so no more were made. Alma counts anew at {reset_at:%Y-%m-%d %H:%M} GMT; run this "
            "again after that, or lower the reserve in the settings.",
            reset_at=reset_at,
            evidence={"remaining_calls": str(remaining), "reserve_calls": str(self._reserve_calls)},
        )

    def _leave_redis_alone(self) -> None:
        """Not every call to Alma may wait for a Redis that is away; what this process saw still counts."""
        self._ask_redis_at = time.monotonic() + _ASK_REDIS_AGAIN_S

    @property
    def _key(self) -> str:
        return f"alma:remaining:{self._institution}"


def next_reset(now: datetime) -> datetime:
    """When Alma's daily count begins anew: the next midnight, taken as GMT."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
