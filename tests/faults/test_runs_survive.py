"""Processes die, freeze and lose their servers: afterwards one run per occurrence and each effect once.

``FEEBRIDGE_FAULT_ROUNDS`` makes it longer (default 1; ``make faults`` sets 20).
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time as clock

import psutil
import pytest

from tests.faults import probe
from tests.faults.house import House, house, wait_until
from webapp.domain.schedule import ScheduleRule
from webapp.services.audit import SYSTEM
from webapp.services.save_schedule import save_schedule
from webapp.services.submit_run import submit_run

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("FEEBRIDGE_FAULT_ROUNDS", "1"))
SEED = int(os.environ.get("FEEBRIDGE_FAULT_SEED", "7"))
LEASE_S = 3
WORKER = ("tests.faults.launch", "worker", "batch")
SCHEDULER = ("tests.faults.launch", "scheduler")
TENANTS = 12
ZOMBIE_POINTS = ("building", "with its run locked", "before the intent is marked")
OPEN = "SELECT count(*) FROM run WHERE finished_at IS NULL"
TAKEOVERS = """
    SELECT extract(epoch FROM min(later.at) - struck.at)::float8 FROM run_event struck
    JOIN run_event later ON later.run_id = struck.run_id AND later.id > struck.id AND later.to_state <> ''
    WHERE struck.to_state IN ('running', 'delivering') AND later.note LIKE 'Taken over%%' GROUP BY struck.id, struck.at
"""


@pytest.fixture(scope="module")
def home() -> Iterator[House]:
    """Two workers and two schedulers with a short lease, so that many takeovers fit into little time."""
    with house(lease_s=LEASE_S, tenant_count=TENANTS) as (built, _):
        for n in (1, 2):
            built.keep(f"worker{n}", *WORKER)
            built.keep(f"scheduler{n}", *SCHEDULER)
        yield built


def everything_ended_well(home: House, run_count: int) -> None:
    """The invariants after every fault."""
    states = dict(home.sql("SELECT state, count(*) FROM run GROUP BY state"))
    errors = "SELECT id, state, error, attempt FROM run WHERE state <> 'succeeded'"
    assert states == {"succeeded": run_count}, home.sql(errors)
    told = Counter(probe.received())
    assert set(told.values()) == {1}, "an effect was doubled"
    assert len(told) == run_count * len(probe.EFFECTS), "an effect was lost"
    assert home.sql("SELECT count(*) FROM effect WHERE state <> 'confirmed'") == [(0,)]
    assert home.sql("SELECT count(*) FROM run WHERE lease_until IS NOT NULL OR story = ''") == [(0,)]
    doubled = "SELECT occurrence_id FROM run GROUP BY occurrence_id HAVING occurrence_id IS NOT NULL AND count(*) > 1"
    assert home.sql(doubled) == []


def start_over(home: House) -> None:
    """Forget earlier runs and the other side's log."""
    home.sql("TRUNCATE run, run_event, run_step, effect, approval, occurrence, schedule CASCADE")
    for mark in (home.folder / "probe").iterdir():
        mark.unlink()
    os.environ["PROBE_FOLDER"] = str(home.folder / "probe")


def longest_takeover_s(home: House) -> float:
    """From the last sign of the former worker to its successor's claim."""
    return max((seconds for (seconds,) in home.sql(TAKEOVERS)), default=0.0)


def test_a_death_at_any_marked_point_neither_loses_nor_doubles(home):
    start_over(home)
    cases = [(point, victim) for point in probe.POINTS for victim in probe.VICTIMS]
    random.Random(SEED).shuffle(cases)
    cases = cases[: 8 * ROUNDS]
    for n, (point, victim) in enumerate(cases):
        options = {"point": point, "victim": victim}
        submit_run(1 + n % TENANTS, "probe", trigger="schedule", options=options)
    took_s = wait_until(lambda: home.sql(OPEN) == [(0,)], 30 + 12 * len(cases), "every run's end")
    everything_ended_well(home, len(cases))
    struck = len(list((home.folder / "probe").glob("struck-*")))
    assert struck == len(cases)
    print(
        f"\n{len(cases)} deaths at marked points: 0 lost, 0 doubled, done in {took_s:.0f} s "
        f"(lease {LEASE_S} s, longest takeover {longest_takeover_s(home):.1f} s)"
    )


def test_a_death_right_before_or_after_any_commit_neither_loses_nor_doubles(home):
    start_over(home)
    dooms = [f"doom-{when}-{n}" for n in range(1, 20) for when in ("before", "after")]
    random.Random(SEED).shuffle(dooms)
    dooms = dooms[: 6 * ROUNDS]
    for doom in dooms:
        (home.folder / "probe" / doom).touch()
    run_count = max(len(dooms), TENANTS)
    for n in range(run_count):
        submit_run(1 + n % TENANTS, "probe", trigger="schedule")
    took_s = wait_until(lambda: home.sql(OPEN) == [(0,)], 30 + 12 * len(dooms), "every run's end")
    everything_ended_well(home, run_count)
    deaths = len(list((home.folder / "probe").glob("died-*")))
    assert deaths > 0
    print(
        f"\n{deaths} deaths around commits over {run_count} runs: 0 lost, 0 doubled, done in {took_s:.0f} s"
    )


def test_a_frozen_worker_that_wakes_up_writes_nothing_and_sends_nothing(home):
    start_over(home)
    for n, point in enumerate(ZOMBIE_POINTS):
        submit_run(1 + n, "probe", trigger="schedule", options={"point": point, "victim": "frozen both"})
        home.keep(f"spare{n}", *WORKER)
    run_count = len(ZOMBIE_POINTS)
    wait_until(lambda: home.sql(OPEN) == [(0,)], 60, "the takeover of frozen workers' runs")
    before = home.sql("SELECT count(*) FROM run_event")
    wake_the_frozen(home)
    time.sleep(2)
    assert home.sql("SELECT count(*) FROM run_event") == before
    everything_ended_well(home, run_count)
    for n in range(run_count):
        home.dismiss(f"spare{n}").wait()
    print(f"\n{run_count} frozen workers woke up after their run was taken over: 0 writes, 0 effects")


def wake_the_frozen(home: House) -> None:
    """Let stopped processes go on, children first: they must find out by themselves that they are late."""
    stopped = []
    for process in list(home.processes.values()):
        parent = psutil.Process(process.pid)
        stopped += [p for p in (*parent.children(), parent) if p.status() == psutil.STATUS_STOPPED]
    assert stopped
    for process in stopped:
        process.send_signal(signal.SIGCONT)
        time.sleep(0.3)


def test_chaos_neither_loses_nor_doubles_an_occurrence(home):
    start_over(home)
    duration_s = 12 * ROUNDS
    counts: Counter[str] = Counter()
    run_count = 0
    with killing(home, counts):
        began = time.monotonic()
        strikes = [(3.0, home.flush_redis), (5.0, home.restart_postgres), (8.0, home.restart_redis)]
        next_at_s = {act: at_s for at_s, act in strikes}
        while (passed_s := time.monotonic() - began) < duration_s:
            for _ in range(3):
                make_one_due(run_count, home)
                run_count += 1
            for every_s, act in strikes:
                if passed_s > next_at_s[act]:
                    act()
                    counts[act.__name__] += 1
                    next_at_s[act] = passed_s + 2 * every_s
            time.sleep(0.4)
    took_s = wait_until(lambda: all_done(home, run_count), 60 + duration_s, "every run's end")
    everything_ended_well(home, run_count)
    figures = ", ".join(f"{count} × {what}" for what, count in counts.items())
    print(
        f"\nchaos for {duration_s} s: {figures}; {run_count} runs, 0 lost, 0 doubled; "
        f"all done {took_s:.0f} s after it ended (longest takeover {longest_takeover_s(home):.1f} s)"
    )


@contextmanager
def killing(home: House, counts: Counter[str]) -> Iterator[None]:
    """While the block lasts, somebody dies every half second."""
    rng = random.Random(SEED)
    enough = threading.Event()

    def kill_on() -> None:
        while not enough.wait(rng.uniform(0.3, 0.8)):
            name = rng.choice(["worker1", "worker2", "worker1", "worker2", "scheduler1", "scheduler2"])
            victim = (
                rng.choice(("child", "child", "parent", "both")) if name.startswith("worker") else "parent"
            )
            counts[f"kill -9 of {name[:-1]} {victim}"] += home.kill(name, victim)

    killer = threading.Thread(target=kill_on)
    killer.start()
    try:
        yield
    finally:
        enough.set()
        killer.join()


def make_one_due(n: int, home: House) -> None:
    """One more schedule whose time has just come; when every campus has one, a run that somebody asks for."""
    tenant_id = 1 + n % TENANTS
    if n >= TENANTS:
        submit_run(tenant_id, "probe", trigger="schedule", options={"pause_s": 0.15})
        return
    rule = ScheduleRule(kind="every_hours", at=clock(0, 0), every_hours=1, zone="UTC")
    save_schedule(tenant_id, "probe", rule, SYSTEM)
    home.sql(
        "UPDATE schedule SET next_due_at = date_trunc('hour', now()), cursor_at = now() - interval '1 hour' "
        "WHERE tenant_id = %s",
        tenant_id,
    )


def all_done(home: House, run_count: int) -> bool:
    """Whether every occurrence and wish became a run, and every run ended."""
    return home.sql("SELECT count(*), count(finished_at) FROM run") == [(run_count, run_count)]


def test_a_worker_told_to_stop_gives_its_run_back_at_once(home):
    start_over(home)
    run_id = submit_run(1, "probe", trigger="schedule", options={"pause_s": 6})
    wait_until(lambda: home.sql("SELECT state FROM run") == [("running",)], 20, "the start")
    (holder,) = home.sql("SELECT lease_holder FROM run")[0]
    child_pid = int(holder.rsplit("/", 1)[1])
    name = next(n for n, p in home.processes.items() if p.pid == psutil.Process(child_pid).ppid())
    process = home.dismiss(name, signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(timeout=30) == 0
    stopped_s = time.monotonic() - began
    wait_until(lambda: home.sql(OPEN) == [(0,)], 30, "the end by another worker")
    everything_ended_well(home, 1)
    (given_back,) = home.sql(
        "SELECT count(*) FROM run_event WHERE note LIKE 'Given back%%' AND run_id = %s", run_id
    )
    assert given_back == (1,)
    home.keep(name, *WORKER)
    print(f"\nSIGTERM in the middle of a step: process gone after {stopped_s:.1f} s, lease given back")
