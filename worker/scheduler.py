"""Start a scheduler: ``python -m worker.scheduler``. Several may run at once; none of them leads."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from webapp.adapters.queue import RunQueue
from webapp.app import create_core
from webapp.config import ConfigError, Settings, load_settings
from webapp.embedded import EmbeddedServiceError, ensure_services
from webapp.models import db
from webapp.services.admit_due_runs import admit_due_runs, refresh_due_times
from webapp.services.check_money import check_money
from webapp.services.ring_due_runs import ring_due_runs
from webapp.services.watch_runs import watch_runs
from worker.main import LOG_FORMAT

log = logging.getLogger(__name__)

TICK_S = 1.0
RING_EVERY_TICKS = 3
WATCH_EVERY_TICKS = 30
LONGEST_WAIT_S = 10.0


def run_scheduler(settings: Settings, stop: threading.Event, *, tick_s: float = TICK_S) -> None:
    """Admit what is due, ring for what waits, and report what is late, until ``stop`` is set.

    The database may go away and come back meanwhile: nothing is admitted that is not committed.
    """
    app = create_core(settings)
    bell = RunQueue(settings.redis_url)
    with app.app_context():
        wait_s = tick_s
        is_fresh = False
        tick = 0
        while not stop.is_set():
            is_fresh = is_fresh or _survives(refresh_due_times)
            is_well = is_fresh and _survives(partial(_tick, settings, bell, tick))
            wait_s = tick_s if is_well else min(wait_s * 2, LONGEST_WAIT_S)
            tick += 1
            stop.wait(wait_s)
        for engine in db.engines.values():
            engine.dispose()
    bell.close()


def _tick(settings: Settings, bell: RunQueue, tick: int) -> None:
    admitted = admit_due_runs()
    if admitted.schedule_count:
        log.info("runs_admitted count=%s schedules=%s", len(admitted.run_ids), admitted.schedule_count)
    if admitted.run_ids or tick % RING_EVERY_TICKS == 0:
        ring_due_runs(bell, tenant_cap=settings.tenant_run_cap)
    if tick % WATCH_EVERY_TICKS == 0:
        watch_runs()
        # Takes a check only where the last one is a quarter of an hour old.
        check_money()


def _survives(act: Callable[[], None]) -> bool:
    """Whether the act went through; a database that is away is waited for."""
    try:
        act()
    except SQLAlchemyError as err:
        log.warning("tick_failed type=%s", type(err).__name__)
        return False
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code."""
    argparse.ArgumentParser(prog="python -m worker.scheduler", description=__doc__).parse_args(argv)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        held = ensure_services(os.environ)
        settings = load_settings(os.environ)
    except (ConfigError, EmbeddedServiceError) as err:
        sys.stderr.write(f"{err}\n")
        return 2
    try:
        run_scheduler(settings, stop)
    finally:
        for server in held:
            server.release()
    return 0


if __name__ == "__main__":
    sys.exit(importlib.import_module("worker.scheduler").main())
