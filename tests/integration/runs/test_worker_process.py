"""Real worker and scheduler processes: they hear bells, refuse strange messages, and stop in time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from tests.integration.runs.conftest import run_of
from webapp.services.submit_run import submit_run


def wait_until(holds: Callable[[], bool], limit_s: float = 15.0) -> None:
    """Return when it holds; fail when the time is over."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(0.05)


@pytest.fixture
def start(environ) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start processes on the test's services; they are killed at the end."""
    started: list[subprocess.Popen] = []

    def start_one(*arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**environ, "PATH": "", "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


def test_a_worker_hears_the_bell_and_carries_out_the_run(two_tenants, start):
    start("-m", "worker.main", "--queue", "interactive")
    run_id = submit_run(two_tenants[0], "no_such_pipeline")
    wait_until(lambda: run_of(two_tenants[0], run_id).state == "failed")
    assert "no pipeline" in run_of(two_tenants[0], run_id).story


def test_a_scheduler_rings_for_a_run_whose_bell_was_lost(two_tenants, start, services):
    run_id = submit_run(two_tenants[0], "no_such_pipeline")
    with redis.Redis(unix_socket_path=str(services.redis.socket)) as client:
        client.flushall()
    start("-m", "worker.main", "--queue", "interactive")
    start("-m", "worker.scheduler")
    wait_until(lambda: run_of(two_tenants[0], run_id).state == "failed")


def test_a_message_that_names_another_function_is_refused_and_logged(two_tenants, start, services, tmp_path):
    worker = start("-m", "worker.main", "--queue", "interactive")
    canary = tmp_path / "canary"
    with redis.Redis(unix_socket_path=str(services.redis.socket)) as client:
        Queue("interactive", connection=client, serializer=JSONSerializer).enqueue(
            "os.system", f"touch {canary}"
        )
        Queue("interactive", connection=client).enqueue("os.system", f"touch {canary}")
        run_id = submit_run(two_tenants[0], "no_such_pipeline")
        wait_until(lambda: run_of(two_tenants[0], run_id).state == "failed")
        wait_until(lambda: not client.keys("rq:job:*"))
    worker.send_signal(signal.SIGTERM)
    output, _ = worker.communicate(timeout=10)
    assert output.count("message_refused") == 2
    assert worker.returncode == 0
    assert not canary.exists()
