"""What a failure means for a run."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DataError, OperationalError

from webapp.adapters.errors import PermanentError, RetryableError, UnknownOutcomeError
from worker.failures import DATABASE_WAIT_S, RETRIES, RETRY_LONGEST_S, TryAgain, judge
from worker.interrupts import StepTimeoutError
from worker.steps import RunError, Step

STEP = Step("push", "Push the file", lambda _: None)


def test_a_retryable_failure_waits_longer_each_time_up_to_a_limit():
    waits = [judge(RetryableError("Busy."), STEP, attempt).delay_s for attempt in range(1, RETRIES)]
    assert waits == sorted(waits)
    assert waits[0] == 15
    assert waits[-1] == RETRY_LONGEST_S
    assert isinstance(judge(RetryableError("Busy."), STEP, RETRIES), RunError)


def test_a_server_that_names_its_wait_is_believed():
    assert judge(RetryableError("Busy.", retry_after_s=3000), STEP, 1).delay_s == 3000


@pytest.mark.parametrize(
    ("err", "kind"), [(PermanentError("No."), "permanent"), (UnknownOutcomeError("Who knows."), "unknown")]
)
def test_what_will_not_work_again_fails_with_its_own_words(err, kind):
    error = judge(err, STEP, 1)
    assert (error.kind, error.message, error.step) == (kind, err.message, "push")


def test_a_step_that_takes_too_long_is_tried_again_and_names_itself():
    verdict = judge(StepTimeoutError("x"), STEP, 1)
    assert isinstance(verdict, TryAgain)
    assert "Push the file" in verdict.error.message


def test_a_database_that_is_away_is_waited_for_shortly():
    verdict = judge(OperationalError("SELECT 1", {}, Exception()), STEP, 5)
    assert isinstance(verdict, TryAgain)
    assert verdict.delay_s == DATABASE_WAIT_S


def test_a_statement_that_postgresql_refuses_is_a_bug_of_ours():
    assert judge(DataError("SELECT 1", {}, Exception()), STEP, 1).kind == "internal"
