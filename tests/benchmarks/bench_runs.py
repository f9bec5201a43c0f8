"""What durable runs cost over a bare queue: admission of thousands at once, and runs carried out in a second."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from tests.benchmarks.ratio import Ratio
from webapp.adapters.queue import PERFORM_RUN, RunQueue
from webapp.app import create_core
from webapp.config import Settings, load_settings
from webapp.embedded import EmbeddedPostgres, EmbeddedRedis
from webapp.migrate import migrate
from webapp.models import db
from webapp.services.admit_due_runs import admit_due_runs
from webapp.services.ring_due_runs import ring_due_runs
from worker.main import run_worker
from worker.pipelines import PIPELINES
from worker.steps import Finish, Pipeline, Step

DATABASE = "bench"
TENANTS = 5000
RUNS = 400
ROUNDS = 3
TARGET_ADMISSION = 3.0
TARGET_THROUGHPUT = 0.7
LONGEST_S = 120.0


@dataclass(frozen=True)
class Bench:
    """Servers of the benchmark's own."""

    environ: dict[str, str]
    settings: Settings
    superuser: psycopg.Connection[Any]
    redis: redis.Redis


def admission() -> Ratio:
    """5,000 campuses due in the same minute become runs, and workers are rung for, against as many bare messages."""
    with _bench() as bench:
        _add_tenants(bench, TENANTS)
        ours_s, bare_s = [], []
        for _ in range(ROUNDS):
            _make_all_due(bench)
            ours_s.append(_timed(lambda: _admit(bench)))
            bench.redis.flushall()
            queue = Queue("bare", connection=bench.redis, serializer=JSONSerializer)
            bare_s.append(_timed(lambda queue=queue: _enqueue(queue, PERFORM_RUN, TENANTS)))
            bench.redis.flushall()
        return Ratio(
            "admission of 5,000 campuses due at once",
            statistics.median(ours_s),
            statistics.median(bare_s),
            TARGET_ADMISSION,
            note="occurrence, run and event committed, workers rung; bare: RQ enqueue_many",
        )


def throughput() -> Ratio:
    """Runs that do nothing, carried out by one worker, against the same number of bare RQ jobs that do nothing."""
    with _bench() as bench:
        _add_tenants(bench, 50)
        ours_s, bare_s = [], []
        for _ in range(ROUNDS):
            ours_s.append(_with_worker(bench, "ours", lambda: _carry_out_runs(bench)))
            bench.redis.flushall()
            bare_s.append(_with_worker(bench, "bare", lambda: _carry_out_bare_jobs(bench)))
            bench.redis.flushall()
        return Ratio(
            f"carrying out {RUNS} runs, one worker",
            statistics.median(ours_s),
            statistics.median(bare_s),
            TARGET_THROUGHPUT,
            note="lease, step, events and state committed for each; bare: RQ worker, no-op jobs",
            at_least=True,
        )


def do_nothing(_number: int) -> None:
    """The bare worker's job."""


@contextmanager
def _bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="fb-", ignore_cleanup_errors=True) as folder:
        postgres, server = EmbeddedPostgres(Path(folder)), EmbeddedRedis(Path(folder))
        postgres.hold()
        server.hold()
        with psycopg.connect(postgres.superuser_url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER feebridge_owner")
        urls = postgres.urls(DATABASE)
        migrate(urls["DATABASE_OWNER_URL"])
        environ = {
            **urls,
            "REDIS_URL": server.url,
            "FEEBRIDGE_FILES_URL": f"file://{folder}/files",
            "FEEBRIDGE_SECRET_KEY": "only-for-benchmarks-0123456789-0123456789",
            "FEEBRIDGE_VAULT_KEYS": "bench:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        settings = load_settings(environ)
        with (
            psycopg.connect(postgres.superuser_url(DATABASE), autocommit=True) as superuser,
            redis.Redis(unix_socket_path=str(server.socket)) as client,
            create_core(settings).app_context(),
        ):
            yield Bench(environ, settings, superuser, client)
            for engine in db.engines.values():
                engine.dispose()
        server.release()
        postgres.release()


def _add_tenants(bench: Bench, count: int) -> None:
    bench.superuser.execute(
        "INSERT INTO tenant (slug, name) SELECT 'c' || n, 'Campus ' || n FROM generate_series(1, %s) n",
        (count,),
    )
    bench.superuser.execute(
        "INSERT INTO schedule (tenant_id, pipeline, rule) "
        """SELECT id, 'noop', '{"kind": "every_hours", "at": "00:00", "every_hours": 1, "zone": "UTC"}' FROM tenant"""
    )
    bench.superuser.execute("ANALYZE")


def _make_all_due(bench: Bench) -> None:
    bench.superuser.execute("TRUNCATE run, run_event, run_step, occurrence CASCADE")
    bench.superuser.execute(
        "UPDATE schedule SET next_due_at = date_trunc('hour', now()), cursor_at = now() - interval '1 hour'"
    )
    bench.superuser.execute("VACUUM ANALYZE schedule")


def _admit(bench: Bench) -> None:
    bell = RunQueue(bench.settings.redis_url)
    admitted = admit_due_runs()
    assert len(admitted.run_ids) == TENANTS
    assert ring_due_runs(bell, tenant_cap=bench.settings.tenant_run_cap) > 0
    bell.close()


def _enqueue(queue: Queue, function_name: str, count: int) -> None:
    jobs = [Queue.prepare_data(function_name, (n,), result_ttl=0) for n in range(count)]
    assert len(queue.enqueue_many(jobs)) == count


def _with_worker(bench: Bench, kind: str, measure: Callable[[], float]) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.bench_runs", kind]
    with subprocess.Popen(
        command, env=bench.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as worker:
        try:
            _wait_until(lambda: bool(bench.redis.keys("rq:worker:*")))
            return measure()
        finally:
            worker.terminate()


def _carry_out_runs(bench: Bench) -> float:
    bench.superuser.execute("TRUNCATE run, run_event, run_step, occurrence CASCADE")
    bench.superuser.execute(
        """
        INSERT INTO run (tenant_id, pipeline, trigger, scheduled_at)
        SELECT 1 + n %% 50, 'noop', 'schedule', now() FROM generate_series(1, %s) n
        """,
        (RUNS,),
    )
    bell = RunQueue(bench.settings.redis_url)
    began = time.monotonic()
    ring_due_runs(bell, tenant_cap=bench.settings.tenant_run_cap)
    done = "SELECT count(*) FROM run WHERE state = 'succeeded'"
    _wait_until(lambda: bench.superuser.execute(done).fetchone() == (RUNS,))
    bell.close()
    return time.monotonic() - began


def _carry_out_bare_jobs(bench: Bench) -> float:
    began = time.monotonic()
    _enqueue(Queue("jobs", connection=bench.redis, serializer=JSONSerializer), f"{__name__}.do_nothing", RUNS)
    _wait_until(lambda: not bench.redis.keys("rq:job:*"))
    return time.monotonic() - began


def _timed(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark's worker did not get done")
        time.sleep(0.02)


def _work(kind: str) -> None:
    if kind == "ours":
        PIPELINES.add(
            Pipeline("noop", "Nothing", (Step("nothing", "Nothing", lambda _: Finish("succeeded")),))
        )
        run_worker(load_settings(os.environ), "batch")
    else:
        connection = redis.Redis.from_url(os.environ["REDIS_URL"])
        Worker(["jobs"], connection=connection, serializer=JSONSerializer).work(logging_level="ERROR")


if __name__ == "__main__":
    _work(sys.argv[1])
