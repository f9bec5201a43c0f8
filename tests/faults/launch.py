"""Start a worker or scheduler that knows the probe: ``python -m tests.faults.launch worker batch``."""

from __future__ import annotations

import logging
import os
import sys
import threading

from tests.faults import probe
from webapp.config import load_settings
from worker.main import LOG_FORMAT, run_worker
from worker.pipelines.posting import send
from worker.scheduler import run_scheduler

logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
settings = load_settings(os.environ)
probe.register()
# Alma's late effects are not as late here as in the world.
send.SETTLES_AFTER_S = float(os.environ.get("PROBE_SETTLES_AFTER_S", send.SETTLES_AFTER_S))
if sys.argv[1] == "worker":
    run_worker(settings, sys.argv[2])
else:
    run_scheduler(settings, threading.Event(), tick_s=0.5)
