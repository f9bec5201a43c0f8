"""Asking Alma: politely, within the day's budget, and again only where that is safe.

A question (GET) may be asked again after a threshold, a failing server or a lost answer. A payment or waiver (POST)
is sent again only when Alma surely never carried it out: after its per-second threshold, or when no connection
came about. In every other doubt the outcome is unknown and is settled by reading the fee, never by sending again.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn, TypeVar

from webapp.adapters.alma.budget import next_reset
from webapp.adapters.alma.config import RetryPolicy
from webapp.adapters.alma.errors import (
    AlmaFault,
    DailyLimitError,
    NotFoundError,
    RefusedError,
    ReportInterruptedError,
    read_fault,
)
from webapp.adapters.alma.transport import Answer, LostAnswerError, NotSentError, TooLargeError, Transport
from webapp.adapters.errors import PermanentError, RetryableError, UnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from webapp.adapters.alma.budget import CallBudget, Purpose
    from webapp.adapters.alma.config import AlmaConfig
    from webapp.adapters.alma.limits import RateLimiter

T = TypeVar("T")

MAX_ANSWER_BYTES = 64 * 1024 * 1024
_JITTER = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One exchange, for the run page and the audit log; without the key and without the answer.

    ``outcome`` is "ok", the kind of Alma's fault, "not_sent", "lost" or "too_large"; ``remaining_calls`` what
    Alma's header said was left of the day.
    """

    method: str
    path: str
    attempt: int
    outcome: str
    seconds: float
    status: int = 0
    size_bytes: int = 0
    alma_code: str = ""
    tracking_id: str = ""
    remaining_calls: int | None = None


class UnreadableAnswerError(ValueError):
    """Raised by a reader when a "good" answer is not what it should be: a HTML page, half an answer."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why one exchange did not give an answer. ``fault`` is None when nothing readable came back."""

    reason: str
    kind: str
    fault: AlmaFault | None = None
    retry_after_s: float | None = None

    @property
    def evidence(self) -> dict[str, str]:
        return {"reason": self.reason} | (self.fault.evidence if self.fault else {})


class AlmaCalls:
    """Every call to one institution's Alma goes through here."""

    def __init__(
        self,
        config: AlmaConfig,
        limiter: RateLimiter,
        budget: CallBudget,
        on_call: Callable[[CallRecord], None] | None = None,
        *,
        retry: RetryPolicy | None = None,
        purpose: Purpose = "batch",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self.retry = retry or RetryPolicy()
        self.sleep = sleep
        self._limiter = limiter
        self._budget = budget
        self._on_call = on_call
        self._purpose: Purpose = purpose
        self._transport = Transport(config)

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def get(
        self,
        path: str,
        read: Callable[[Answer], T],
        *,
        what: str,
        params: Mapping[str, str] | None = None,
        accept: str = "application/json",
        repeatable: bool = True,
    ) -> T:
        """What ``read`` makes of the answer. ``what`` says in errors what was being done ("reading the fees of …").

        ``repeatable=False`` is for the pages of a report: Alma keeps the place by itself, so a page whose answer
        was lost is never given again and asking once more would silently skip it.

        Raises:
            NotFoundError, PermanentError, RetryableError, ReportInterruptedError: after all allowed tries.
        """
        deadline = time.monotonic() + self.retry.total_s
        attempt = 0
        while True:
            attempt += 1
            got = self._once("GET", path, params or {}, accept, self._purpose, attempt, deadline)
            if isinstance(got, Answer):
                try:
                    return read(got)
                except UnreadableAnswerError as err:
                    got = _Failed(str(err), "unreadable")
            self._give_up_if_final(got, what)
            if not repeatable and got.kind not in {"busy", "not_sent"}:
                raise ReportInterruptedError(
                    f"Alma broke off while {what}: {got.reason}. The page cannot be asked for twice, so the report "
                    "has to be read again from its beginning. Nothing was changed.",
                    evidence=got.evidence,
                )
            self._pause(got, what, attempt, deadline)

    def post(
        self,
        path: str,
        read: Callable[[Answer], T],
        *,
        what: str,
        params: Mapping[str, str] | None = None,
        before_send: Callable[[], None] | None = None,
    ) -> T:
        """The answer to a call that changes something.

        ``before_send`` is called right before each try's first byte, when its turn has come and the connection stands.

        Raises:
            PermanentError: Alma refused; nothing was changed.
            RetryableError: Alma surely did nothing, and all tries are used up.
            UnknownOutcomeError: it may or may not have been carried out; read the fee by its id.
        """
        deadline = time.monotonic() + self.retry.total_s
        attempt = 0
        while True:
            attempt += 1
            got = self._once(
                "POST", path, params or {}, "application/json", "payment", attempt, deadline, before_send
            )
            if isinstance(got, Answer):
                try:
                    return read(got)
                except UnreadableAnswerError as err:
                    got = _Failed(str(err), "unreadable")
            if got.kind not in {"busy", "not_sent"} and not (got.fault and got.fault.processed_nothing):
                raise UnknownOutcomeError(
                    f"It is not known whether Alma carried out {what}: {got.reason}. It was not sent again. Read the "
                    "fee in Alma and look for the transaction before anything else is done.",
                    evidence=got.evidence,
                )
            self._give_up_if_final(got, what)
            self._pause(got, what, attempt, deadline)

    def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        accept: str,
        purpose: Purpose,
        attempt: int,
        deadline: float,
        before_send: Callable[[], None] | None = None,
    ) -> Answer | _Failed:
        self._budget.check(purpose)
        self._limiter.wait(self.config.institution_code)
        # A try that waited for its turn past the deadline still gets a moment: it may not end before it began.
        limit_s = max(1.0, min(self.config.timeout_s * 2, deadline - time.monotonic()))
        began = time.monotonic()
        try:
            answer = self._transport.exchange(
                method,
                path,
                params,
                accept=accept,
                limit_s=limit_s,
                max_bytes=MAX_ANSWER_BYTES,
                before_send=before_send,
            )
        except NotSentError as err:
            failed = _Failed(str(err), "not_sent_for_good" if err.permanent else "not_sent")
        except LostAnswerError as err:
            failed = _Failed(str(err), "lost")
        except TooLargeError as err:
            failed = _Failed(str(err), "too_large")
        else:
            return self._judge(method, path, answer, attempt, began)
        self._tell(CallRecord(method, path, attempt, failed.kind, time.monotonic() - began))
        return failed

    def _judge(self, method: str, path: str, answer: Answer, attempt: int, began: float) -> Answer | _Failed:
        fault = read_fault(answer.status, answer.body, redact=self.config.api_key)
        remaining = _count(answer.headers.get("x-exl-api-remaining", ""))
        if remaining is not None:
            self._budget.note(remaining)
        self._tell(
            CallRecord(
                method,
                path,
                attempt,
                fault.kind if fault else "ok",
                time.monotonic() - began,
                status=answer.status,
                size_bytes=len(answer.body),
                alma_code=fault.code if fault else "",
                tracking_id=fault.tracking_id if fault else "",
                remaining_calls=remaining,
            )
        )
        if fault is None:
            return answer
        waits_s = _count(answer.headers.get("retry-after", ""))
        return _Failed(str(fault), fault.kind, fault, None if waits_s is None else float(waits_s))

    def _tell(self, record: CallRecord) -> None:
        if self._on_call is not None:
            self._on_call(record)

    def _give_up_if_final(self, failed: _Failed, what: str) -> None:
        """Raise for what no second try can mend."""
        if failed.kind in {"busy", "server", "lost", "not_sent", "unreadable"}:
            return
        _raise_final(failed, what, self.config)

    def _pause(self, failed: _Failed, what: str, attempt: int, deadline: float) -> None:
        """Wait before the next try.

        Raises:
            RetryableError: the tries or the time are used up.
        """
        if failed.kind == "busy":
            pause_s = _JITTER.uniform(*self.retry.busy_pause_s)
        else:
            pause_s = self.retry.server_pause_s * 2 ** (attempt - 1) * _JITTER.uniform(0.5, 1.0)
        pause_s = max(pause_s, failed.retry_after_s or 0.0)
        if attempt >= self.retry.tries or time.monotonic() + pause_s >= deadline:
            raise RetryableError(
                f"Alma did not answer while {what}, after {attempt} tries: {failed.reason}. Nothing was changed; it is "
                "tried again later.",
                evidence=failed.evidence,
                retry_after_s=failed.retry_after_s,
            )
        if failed.kind == "busy":
            self._limiter.hold_off(self.config.institution_code, pause_s)
        self.sleep(pause_s)


def _raise_final(failed: _Failed, what: str, config: AlmaConfig) -> NoReturn:
    if failed.kind == "not_found":
        raise NotFoundError(f"Alma found nothing while {what}: {failed.reason}.", evidence=failed.evidence)
    if failed.kind == "daily":
        reset_at = next_reset(datetime.now(UTC))
        raise DailyLimitError(
            f"The Alma of {config.institution_code} has used up its calls for today, which happened while {what}. Alma "
            f"counts anew at {reset_at:%Y-%m-%d %H:%M} GMT; run this again after that. Nothing was changed. "
            f"({failed.reason})",
            reset_at=reset_at,
            evidence=failed.evidence,
        )
    if failed.kind == "key":
        raise PermanentError(
            f"Alma refused the key of {config.institution_code} while {what}: {failed.reason}. Check in the Developer "
            "Network that the key is of this environment and region and has the Users, Analytics and Configuration "
            "areas. Nothing was changed.",
            evidence=failed.evidence,
        )
    if failed.fault is not None and 300 <= failed.fault.status < 400:
        raise PermanentError(
            f"The host in the settings answered with a redirect while {what}. It is not followed, because the key would "
            "go along; set Alma's own address.",
            evidence=failed.evidence,
        )
    kind = RefusedError if failed.kind == "refused" else PermanentError
    raise kind(f"Alma refused {what}: {failed.reason}. Nothing was changed.", evidence=failed.evidence)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
