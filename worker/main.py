"""Start a worker: ``python -m worker.main --queue batch``."""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence

import redis
from rq.exceptions import StopRequested

from webapp.adapters.queue import PERFORM_RUN
from webapp.app import create_core
from webapp.config import ConfigError, Settings, load_settings
from webapp.domain.run_states import QUEUES
from webapp.embedded import EmbeddedServiceError, ensure_services
from webapp.models import db
from worker.bell import BellWorker, SignsOfLife
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due
from worker.pipelines import PIPELINES

log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s %(message)s"
RESTART_FIRST_S = 0.5
RESTART_LONGEST_S = 5.0
# What a child needs is imported before the fork, once.
PRELOAD = ("psycopg", "sqlalchemy.dialects.postgresql.psycopg", "webapp.models")


def run_worker(settings: Settings, queue: str, *, burst: bool = False) -> None:
    """Work for one queue until told to stop (SIGTERM, SIGINT); with ``burst``, until nothing is due.

    One queue per process: RQ can lose a message between several. Redis may go away and come back meanwhile.
    """
    if burst:
        perform_run(settings, queue, None, 0)
        return
    PIPELINES.load_all()
    for module_name in PRELOAD:
        importlib.import_module(module_name)
    gc.collect()
    gc.freeze()
    wait_s = RESTART_FIRST_S
    try:
        while not _listen(settings, queue):
            log.warning("worker_listens_again queue=%s wait_s=%s", queue, wait_s)
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, RESTART_LONGEST_S)
    except StopRequested:
        pass
    log.info("worker_stopped queue=%s", queue)


def _listen(settings: Settings, queue: str) -> bool:
    """Hear bells until told to stop (True) or until Redis is lost (False)."""
    connection = redis.Redis.from_url(settings.redis_url)
    try:
        worker = BellWorker(queue, connection, frozen_after_s=settings.lease_s)
        signs = worker.signs_of_life
        worker.allow({PERFORM_RUN: lambda run_id: perform_run(settings, queue, signs, run_id)})
        log.info("worker_listens queue=%s", queue)
        worker.work(logging_level="WARNING")
    except redis.RedisError as err:
        log.warning("redis_lost queue=%s reason=%s", queue, type(err).__name__)
        return False
    finally:
        connection.close()
    return worker.is_stopping


def perform_run(settings: Settings, queue: str, signs: SignsOfLife | None, run_id: int) -> None:
    """Answer a bell: carry out whatever is due in the queue, fairest first; ``run_id`` is only who rang."""
    interrupts = Interrupts(holder_name(), on_tick=signs.show if signs else None)
    interrupts.listen()
    log.debug("bell_heard run=%s", run_id)
    app = create_core(settings)
    with app.app_context():
        carry_out_due(settings, queue, interrupts)
        for engine in db.engines.values():
            engine.dispose()
    interrupts.end()


def holder_name() -> str:
    """This process, as leases and events name it."""
    return f"worker {socket.gethostname()}/{os.getpid()}"


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m worker.main", description="Carry out runs of one queue.")
    parser.add_argument("--queue", choices=QUEUES, default="batch")
    parser.add_argument("--burst", action="store_true", help="end when nothing is due")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    try:
        held = ensure_services(os.environ)
        settings = load_settings(os.environ)
    except (ConfigError, EmbeddedServiceError) as err:
        sys.stderr.write(f"{err}\n")
        return 2
    try:
        run_worker(settings, options.queue, burst=options.burst)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for server in held:
            server.release()
    return 0


if __name__ == "__main__":
    # The module that runs must be the one that others import, not a second copy of it.
    sys.exit(importlib.import_module("worker.main").main())
