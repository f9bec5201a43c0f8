"""What stops a step from outside, in a process of its own as in a worker's child."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from worker import interrupts
from worker.interrupts import (
    InterruptedStepError,
    Interrupts,
    LeaseLostError,
    StepTimeoutError,
    StopWorkerError,
)

PREAMBLE = """
import os, signal, threading, time
from worker import interrupts
from worker.interrupts import *
interrupts.STOP_ABANDON_S, interrupts.STUCK_AFTER_S = 0.5, 0.5
watch = Interrupts("test")
watch.listen()
def careless():
    try:
        time.sleep(20)
    except Exception:
        print("swallowed")
"""


def in_a_child(code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=15, check=False
    )


def test_no_step_can_swallow_an_interruption_by_catching_exception():
    assert not issubclass(InterruptedStepError, Exception)


def test_a_step_past_its_time_is_interrupted_in_the_middle():
    done = in_a_child("""
try:
    with watch.step(0.3):
        careless()
except StepTimeoutError:
    print("timed out")
""")
    assert done.stdout == "timed out\n"


def test_a_lost_lease_interrupts_at_once():
    done = in_a_child("""
threading.Timer(0.3, lambda: watch.lease_runs_until(0.0)).start()
try:
    with watch.step(30):
        careless()
except LeaseLostError:
    print("lost")
""")
    assert done.stdout == "lost\n"


def test_a_worker_told_to_stop_lets_a_short_step_finish_and_abandons_a_long_one():
    done = in_a_child("""
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
with watch.step(30):
    time.sleep(0.4)
print("finished", watch.stop_requested.is_set())
try:
    with watch.step(30):
        careless()
except StopWorkerError:
    print("abandoned")
""")
    assert done.stdout == "finished True\nabandoned\n"


def test_a_step_that_cannot_be_interrupted_ends_the_process():
    done = in_a_child("""
with watch.step(0.3):
    while True:
        try:
            time.sleep(20)
        except BaseException:
            pass
""")
    assert done.returncode == interrupts.EXIT_STUCK


def test_bookkeeping_between_steps_is_not_interrupted():
    done = in_a_child("""
watch.lease_runs_until(0.0)
time.sleep(0.8)
print("went on")
""")
    assert done.stdout == "went on\n"


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        (lambda watch: watch.request_stop(), StopWorkerError),
        (lambda watch: watch.lease_runs_until(time.monotonic() - 1), LeaseLostError),
        (lambda _: None, StepTimeoutError),
    ],
)
def test_a_step_that_asks_is_told_what_is_due(arrange, expected):
    watch = Interrupts("test")
    arrange(watch)
    with pytest.raises(expected), watch.step(-1 if expected is StepTimeoutError else 30):
        watch.raise_if_asked_to_stop()
