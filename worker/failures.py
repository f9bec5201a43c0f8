"""What a failure means for the run: try again later, or fail with words that a librarian can act on."""

from __future__ import annotations

import logging
import secrets
import traceback
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from webapp.adapters.errors import PermanentError, RetryableError, UnknownOutcomeError
from worker.interrupts import StepTimeoutError
from worker.steps import RunError, Step

log = logging.getLogger(__name__)

RETRY_FIRST_S = 15.0
RETRY_LONGEST_S = 900.0
RETRIES = 8
DATABASE_WAIT_S = 3.0
TAKEOVERS = 5


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Put the run back in the queue for ``delay_s`` seconds; ``error`` says why if no try is left."""

    delay_s: float
    error: RunError


def judge(err: BaseException, step: Step, attempt: int) -> RunError | TryAgain:
    """What becomes of a run whose step raised ``err`` at its ``attempt``-th try (the first is 1)."""
    if isinstance(err, RetryableError):
        error = RunError("retryable", err.message, step.name, err.evidence)
        return _again(error, attempt, at_least_s=err.retry_after_s or 0.0)
    if isinstance(err, PermanentError):
        return RunError("permanent", err.message, step.name, err.evidence)
    if isinstance(err, UnknownOutcomeError):
        return RunError("unknown", err.message, step.name, err.evidence)
    if isinstance(err, StepTimeoutError):
        words = f"The step “{step.title}” took longer than {step.timeout_s:.0f} s and was stopped. Nothing was lost."
        return _again(RunError("timeout", words, step.name), attempt)
    if is_database_outage(err):
        words = f"The database could not be reached during the step “{step.title}”. Nothing was lost."
        again = _again(RunError("database", words, step.name), attempt)
        return TryAgain(DATABASE_WAIT_S, again.error) if isinstance(again, TryAgain) else again
    return internal_error(err, step.name)


def taken_over_too_often(step: Step) -> RunError:
    """The error of a run whose worker died at the same step time and again."""
    return RunError(
        "interrupted",
        f"The step “{step.title}” was cut short {TAKEOVERS} times because its worker stopped without a word; it was "
        "not tried again. What earlier steps did is kept. Look at the worker's memory and logs, then run again.",
        step.name,
    )


def internal_error(err: BaseException, step_name: str = "") -> RunError:
    """The error of a bug. The log gets the place of it, never its message: that may hold a name or an amount."""
    error_id = secrets.token_hex(4)
    frames = " < ".join(
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}"
        for frame in reversed(traceback.extract_tb(err.__traceback__))
    )
    log.error("internal_error id=%s step=%s type=%s at=%s", error_id, step_name, type(err).__name__, frames)
    return RunError(
        "internal",
        f"Something went wrong inside Feebridge (error {error_id}). What was already done is kept; run again, and if "
        "it fails once more, give this number to the people who look after Feebridge.",
        step_name,
        error_id=error_id,
    )


def is_database_outage(err: BaseException) -> bool:
    """Whether PostgreSQL was away, restarted, or cut the connection, rather than refused a statement."""
    if not isinstance(err, DBAPIError):
        return False
    # 25P03: the session was left idle in a transaction; 57P: the server was shut down (PostgreSQL, appendix A).
    state = getattr(err.orig, "sqlstate", None) or ""
    return (
        err.connection_invalidated
        or isinstance(err, OperationalError | InterfaceError)
        or state.startswith(("25P03", "57P"))
    )


def _again(error: RunError, attempt: int, *, at_least_s: float = 0.0) -> RunError | TryAgain:
    if attempt >= RETRIES:
        words = f"{error.message} It was tried {attempt} times; run again when the cause is gone."
        return RunError(error.kind, words, error.step, error.evidence)
    delay_s = min(RETRY_FIRST_S * 2 ** (attempt - 1), RETRY_LONGEST_S)
    return TryAgain(max(delay_s, at_least_s), error)
