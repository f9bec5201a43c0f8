"""RQ's worker, cut down to what a bell needs: hear a message, fork a child, watch it.

RQ by itself loses and doubles work when workers or Redis die, and calls any importable function that a message
names (rq 2.12). Here a message is forgotten as soon as it is heard, names one of a few functions handed in by us, and
carries a run id; what is to be done, and whether it was, is in PostgreSQL.
"""

from __future__ import annotations

import ctypes
import json
import logging
import mmap
import os
import random
import signal
import struct
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import redis
from rq import Queue, Worker
from rq.exceptions import NoSuchJobError, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import HorseMonitorTimeoutException
from rq.worker import WorkerStatus

log = logging.getLogger(__name__)

MESSAGE_LIMIT = 4096
WORKER_TTL_S = 45
MAINTENANCE_S = 30
MONITOR_S = 5
# The child gives its run back 20 s after it was told to stop; what is left then is stuck.
KILL_AFTER_STOP_S = 24.0
_PR_SET_PDEATHSIG = 1  # prctl(2), linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

Perform = Callable[[int], None]


class Bell(Job):
    """A message of ours. Nothing else in the message is read: no callback, no result, no other function."""

    allowed: Mapping[str, Perform] = {}
    run_id: int
    answer: Callable[[], None]

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Read the message. Raises: NoSuchJobError when it is not one of ours; it is thrown away and logged."""
        try:
            function_name, _, args, _ = json.loads(_unpack(raw_data[b"data"]))
            (self.run_id,) = map(int, args)
            self.answer = partial(self.allowed[function_name], self.run_id)
        except (KeyError, ValueError, TypeError, RecursionError, zlib.error) as err:
            log.error("message_refused id=%.80r reason=%s", self.id, type(err).__name__)  # noqa: TRY400
            self.connection.delete(self.key)
            raise NoSuchJobError(self.id) from err


class BellWorker(Worker):
    """Hears bells of one queue and answers each in a forked child that dies with this process.

    ``frozen_after_s``: a child that shows no sign of life for so long is killed; its lease has lapsed by then.
    """

    job_class = Bell
    max_connection_wait_time = 5.0

    def __init__(self, queue: str, connection: redis.Redis, *, frozen_after_s: float) -> None:
        super().__init__(
            [queue],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_S,
            maintenance_interval=MAINTENANCE_S,
            job_monitoring_interval=MONITOR_S,
            log_job_description=False,
        )
        self.signs_of_life = SignsOfLife()
        self.is_stopping = False
        self._frozen_after_s = frozen_after_s
        self._stop_asked_at = 0.0

    def allow(self, functions: Mapping[str, Perform]) -> None:
        """The only functions that a message may name; each is called in a child with the run id."""
        Bell.allowed = functions

    def execute_job(self, bell: Job, queue: Queue) -> None:
        """Answer one bell."""
        if not isinstance(bell, Bell):
            raise TypeError("not a bell")
        with suppress(redis.RedisError):
            self.connection.lrem(queue.intermediate_queue_key, 1, bell.id)
            self.connection.delete(bell.key)
            self.set_state(WorkerStatus.BUSY)
        self._fork(bell)
        status = self._watch_child()
        self._horse_pid = 0
        if status:
            log.warning("child_ended run=%s status=%s", bell.run_id, status)
        with suppress(redis.RedisError):
            self.set_state(WorkerStatus.IDLE)

    def _fork(self, bell: Bell) -> None:
        signals = {signal.SIGTERM, signal.SIGINT}
        parent_pid = os.getpid()
        self.signs_of_life.show()
        # A signal to stop must find either no child, or a child whose number we know.
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        pid = os.fork()
        if pid == 0:
            self._be_child(bell, parent_pid)
        self._horse_pid = pid
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    def _be_child(self, bell: Bell, parent_pid: int) -> None:
        status = 1
        try:
            os.setpgrp()
            die_with_parent(parent_pid)
            self._is_horse = True
            random.seed()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            bell.answer()
            status = 0
        except BaseException as err:  # noqa: BLE001 - the child must never return into the parent's loop
            log.error("child_failed run=%s type=%s", bell.run_id, type(err).__name__)  # noqa: TRY400
        finally:
            os._exit(status)

    def _watch_child(self) -> int:
        while True:
            try:
                with self.death_penalty_class(self.job_monitoring_interval, HorseMonitorTimeoutException):
                    _, status, _ = self.wait_for_horse()
            except HorseMonitorTimeoutException:
                self._look_after_child()
            else:
                return status or 0

    def _look_after_child(self) -> None:
        if self.is_stopping:
            if time.monotonic() - self._stop_asked_at > KILL_AFTER_STOP_S:
                log.warning("child_killed pid=%s reason=did_not_stop", self._horse_pid)
                self.kill_horse()
            return
        if self.signs_of_life.silent_for_s() > self._frozen_after_s:
            log.warning("child_killed pid=%s reason=frozen", self._horse_pid)
            self.kill_horse()
        with suppress(redis.RedisError):
            self.heartbeat(self.job_monitoring_interval + 60)

    def request_stop(self, signum: int, _frame: Any) -> None:
        """Stop hearing bells; a child is told to finish its step or give its run back."""
        log.info("stop_requested signal=%s", signum)
        self._shutdown_requested_date = datetime.now(UTC)
        self._stop_requested = True
        if not self.is_stopping:
            self.is_stopping = True
            self._stop_asked_at = time.monotonic()
        if not self._horse_pid:
            raise StopRequested
        with suppress(ProcessLookupError):
            os.kill(self._horse_pid, signal.SIGTERM)

    def request_force_stop(self, signum: int, frame: Any) -> None:
        """A second signal changes nothing: the child has its own limit, and so have we."""
        self.request_stop(signum, frame)

    def run_maintenance_tasks(self) -> None:
        """Forget messages that died between two lists; the reconciler rings again."""
        self.last_cleaned_at = datetime.now(UTC)  # type: ignore[assignment]
        for queue in self.queues:
            self.connection.delete(queue.intermediate_queue_key)

    def subscribe(self) -> None:
        """Take no commands over Redis: who can write there may not stop workers, and no thread must see the fork."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed to."""


class SignsOfLife:
    """A clock reading that a child keeps fresh in memory shared with its parent."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)
        self.show()

    def show(self) -> None:
        """I move."""
        struct.pack_into("d", self._shared, 0, time.monotonic())

    def silent_for_s(self) -> float:
        """Seconds since the last sign."""
        return float(time.monotonic() - struct.unpack_from("d", self._shared, 0)[0])


def die_with_parent(parent_pid: int) -> None:
    """Be killed when the parent dies, however it dies (Linux: prctl PR_SET_PDEATHSIG)."""
    if _LIBC is not None and _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent_pid:
        os._exit(1)


def _unpack(packed: bytes) -> bytes:
    if packed[:1] == b"[":
        return packed[:MESSAGE_LIMIT]
    return zlib.decompressobj().decompress(packed, MESSAGE_LIMIT)
