"""What stops a step from outside: a lost lease, a time-out, a worker that must shut down, a person.

None of them is an ``Exception``: a step that catches ``Exception`` must not swallow them.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Within 30 s of being asked to stop a worker has finished its step, or given its lease back.
STOP_ABANDON_S = 20.0
# A main thread stuck in foreign code cannot be interrupted; the process ends instead, and the lease lapses.
STUCK_AFTER_S = 6.0
TICK_S = 0.25
EXIT_STUCK = 70


class InterruptedStepError(BaseException):
    """The step must stop now."""


class LeaseLostError(InterruptedStepError):
    """Another worker has the run, or may have it soon; nothing more may be written or sent."""


class StepTimeoutError(InterruptedStepError):
    """The step took longer than it may."""


class StopWorkerError(InterruptedStepError):
    """The worker was told to shut down; the run goes back into the queue and resumes at this step."""


class CancelledError(InterruptedStepError):
    """A person cancelled the run."""


class Interrupts:
    """Deadlines of one worker process, watched by a thread that talks to nobody.

    ``holder`` names the process in leases and events. With ``listen`` the main thread can be interrupted in the
    middle of a step by signal; without it (in tests, in a command) only between steps and in ``progress``.
    """

    def __init__(self, holder: str, on_tick: Callable[[], None] | None = None) -> None:
        self.holder = holder
        self.stop_requested = threading.Event()
        self._on_tick = on_tick
        self._stop_at: float | None = None
        self._lease_ends_at: float | None = None
        self._step_ends_at: float | None = None
        self._has_raised = False
        self._due_since: float | None = None
        self._in_step = False
        self._ended = threading.Event()

    def listen(self) -> None:
        """Take SIGTERM as the wish to stop, and start watching. Only in a process that does nothing else."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(signal.SIGUSR1, self._on_wake)
        # The parent holds signals back around its fork; what came meanwhile is heard now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGUSR1})
        threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()

    def request_stop(self) -> None:
        """Finish the step if that is soon, else give the run back."""
        if not self.stop_requested.is_set():
            self._stop_at = time.monotonic() + STOP_ABANDON_S
            self.stop_requested.set()

    def lease_runs_until(self, monotonic_s: float | None) -> None:
        """The lease is surely ours until then (this machine's monotonic clock, counted from before it was asked for)."""
        self._lease_ends_at = monotonic_s

    def raise_if_asked_to_stop(self) -> None:
        """Raise what is due, at a place where the step can be left without harm."""
        if self._in_step:
            due = self._find_due(stop_now=True)
            if due is not None:
                raise due

    @contextmanager
    def step(self, timeout_s: float) -> Iterator[None]:
        """While the block lasts, whatever falls due is raised in it."""
        self._has_raised = False
        self._due_since = None
        self._step_ends_at = time.monotonic() + timeout_s
        self._in_step = True
        try:
            yield
        finally:
            self._in_step = False
            self._step_ends_at = None
            self._due_since = None

    def _find_due(self, *, stop_now: bool) -> InterruptedStepError | None:
        now_s = time.monotonic()
        if self._lease_ends_at is not None and now_s > self._lease_ends_at:
            return LeaseLostError("the lease ran out before it could be renewed")
        if self._step_ends_at is not None and now_s > self._step_ends_at:
            return StepTimeoutError("the step took too long")
        if self._stop_at is not None and (stop_now or now_s > self._stop_at):
            return StopWorkerError("the worker was told to stop")
        return None

    def _watch(self) -> None:
        main = threading.main_thread().ident
        while not self._ended.wait(TICK_S):
            if self._on_tick is not None:
                self._on_tick()
            if not self._in_step or main is None:
                continue
            if self._find_due(stop_now=False) is None:
                continue
            if self._due_since is None:
                self._due_since = time.monotonic()
            elif time.monotonic() - self._due_since > STUCK_AFTER_S:
                os._exit(EXIT_STUCK)
            signal.pthread_kill(main, signal.SIGUSR1)

    def _on_sigterm(self, _signum: int, _frame: FrameType | None) -> None:
        self.request_stop()

    def _on_wake(self, _signum: int, _frame: FrameType | None) -> None:
        if not self._in_step or self._has_raised:
            return
        due = self._find_due(stop_now=False)
        if due is not None:
            self._has_raised = True
            raise due
