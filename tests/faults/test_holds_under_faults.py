"""The real holds export of several campuses, struck anywhere: nothing lost, nothing doubled, judged by the other side.

``FEEBRIDGE_FAULT_ROUNDS`` makes it longer (default 1; ``make faults`` sets 20), ``FEEBRIDGE_FAULT_SEED`` repeats a
history of faults.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
import requests

from tests.faults.campuses import EDITOR, HOLDS_EXPORT, PASSWORD, Campuses, campuses
from tests.faults.house import wait_until
from tests.faults.judge import Verdict, judge, owed_by_register
from tests.faults.marks import ADMISSIONS, CALLS, COMMITS, SERVERS, WORKERS, Mark, Striker
from webapp.services.submit_run import submit_run

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("FEEBRIDGE_FAULT_ROUNDS", "1"))
SEED = int(os.environ.get("FEEBRIDGE_FAULT_SEED", "7"))
LEASE_S = 4
PRODUCTION_LEASE_S = "40"
CAMPUSES = 5
NIGHT_LIMIT_S = 90.0
ALMA_FAULTS = (
    ("per_second", {}),
    ("status", {"status": 500}),
    ("status", {"status": 503, "body": "html"}),
    ("status_after", {"status": 502, "body": "empty"}),
    ("timeout_before", {"seconds": 1}),
    ("timeout_after", {"seconds": 1}),
    ("truncated", {}),
    ("truncated", {"after": 2}),
    ("html_error", {}),
    ("html_error", {"after": 2}),
    ("still_loading", {}),
)
SFTP_FAULTS = (
    *(("write", "cut_at_byte", {"byte": n}) for n in (0, 1, 33, 100, 257)),
    ("write", "cut_at_byte", {"byte": 64, "how": "eof"}),
    ("write", "short_write", {"byte": 20}),
    ("write", "disk_full", {"byte": 50}),
    ("close", "close_answer_lost", {}),
    ("rename", "rename_answer_lost", {}),
    ("rename", "rename_answer_lost", {"done": False}),
    ("rename", "rename_answer_lost", {"taken": True}),
    ("rename", "taken_at_once", {}),
)
MAIL_FAULTS = (
    ("connect", "421", {}),
    ("data", "451_after_data", {}),
    ("data", "drop_in_data", {"byte": 80}),
    ("data", "drop_after_data", {"kept": True}),
    ("data", "drop_after_data", {"kept": False}),
)
LINE_FAULTS = (
    *(("alma.analytics", *fault) for fault in ALMA_FAULTS),
    *((f"sftp.{at}", *fault) for at, *fault in SFTP_FAULTS),
    *((f"smtp.{at}", *fault) for at, *fault in MAIL_FAULTS),
)
UNDER_WAY = """
    SELECT count(*) FROM run
    WHERE finished_at IS NULL AND state <> 'awaiting_approval' AND tenant_id = ANY(%s)
"""
TAKEOVERS = """
    SELECT extract(epoch FROM min(event.at) - strike.at)::float8 FROM strike
    JOIN run_event event ON event.run_id = strike.run_id AND event.at > strike.at AND event.note LIKE 'Taken over%%'
    GROUP BY strike.run_id, strike.at
"""


@pytest.fixture(scope="module")
def world() -> Iterator[Campuses]:
    """Two workers, two schedulers, the portal, and two workers apart with the lease of production."""
    print(f"\nseed {SEED}, {ROUNDS} rounds, {CAMPUSES} campuses, lease {LEASE_S} s")
    with campuses(lease_s=LEASE_S, count=CAMPUSES, seed=SEED) as built:
        for n in (1, 2):
            built.home.keep(f"worker{n}", "worker.main", "--queue", "batch")
            built.home.keep(f"scheduler{n}", "worker.scheduler")
            built.home.keep(
                f"apart{n}",
                *("worker.main", "--queue", "interactive"),
                FEEBRIDGE_LEASE_S=PRODUCTION_LEASE_S,
            )
        built.home.keep(
            "web",
            "gunicorn",
            "--config",
            "webapp/gunicorn_conf.py",
            "--workers",
            "2",
            "webapp.app:create_app()",
        )
        yield built


@pytest.fixture(scope="module")
def striker(world: Campuses) -> Striker:
    """Whoever holds and strikes."""
    return Striker(world)


@pytest.fixture(scope="module")
def production(world: Campuses, striker: Striker) -> Iterator[dict[str, float]]:
    """A takeover under the production lease, measured in the background: the file is there, and not confirmed."""
    with striker.at([Mark("effect sftp confirmed", "apart", world.apart)], limit_s=60):
        run_id = submit_run(world.apart, HOLDS_EXPORT)
    struck_at = time.monotonic()
    measured: dict[str, float] = {}

    def is_so(question: str) -> bool:
        with suppress(psycopg.OperationalError):
            return bool(world.home.sql(f"SELECT {question} FROM run WHERE id = %s", run_id)[0][0])
        return False

    def watch() -> None:
        wait_until(lambda: is_so("attempt > 1"), 90, "the takeover")
        measured["takeover_s"] = time.monotonic() - struck_at
        wait_until(lambda: is_so("finished_at IS NOT NULL"), 30, "the end")
        measured["done_s"] = time.monotonic() - struck_at

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield measured
    watcher.join()


def a_night(world: Campuses, striker: Striker, rng: random.Random, marks: list[Mark]) -> None:
    """A day passes, every campus is due, whoever is marked is struck, and all runs come to their end."""
    for tenant_id in world.nightly:
        world.other_side.a_day_passes(world.institution(tenant_id), rng)
    with striker.at(marks, limit_s=NIGHT_LIMIT_S):
        for tenant_id in world.nightly:
            world.make_due(tenant_id)
        wait_until(lambda: all_ended(world), NIGHT_LIMIT_S, "the end of the night")


def all_ended(world: Campuses) -> bool:
    """Whether every occurrence was admitted and every run ended; waits between tries are cut short meanwhile."""
    with suppress(psycopg.OperationalError):
        world.home.sql("UPDATE run SET not_before = now() WHERE state = 'queued' AND not_before > now()")
        admitted = world.home.sql("SELECT count(*) FROM occurrence")[0][0]
        return admitted == len(world.expected) and world.home.sql(UNDER_WAY, world.nightly) == [(0,)]
    return False


def longest_takeover_s(world: Campuses) -> float:
    """From a death at a mark to the successor's claim."""
    return max((seconds for (seconds,) in world.home.sql(TAKEOVERS)), default=0.0)


def report(world: Campuses, what: str, verdict: Verdict) -> None:
    """The figures."""
    print(
        f"\n{what}: {verdict.runs} runs and {verdict.files} files so far, 0 lost, 0 doubled, {verdict.failed} failed; "
        f"{verdict.mails} mails, {verdict.mails_twice} of them twice; longest takeover {longest_takeover_s(world):.1f} s"
    )


def told_is_what_is_owed(world: Campuses) -> None:
    """What every receiver knows is what its patrons owe, asked at the source."""
    for tenant_id in world.nightly:
        owed = world.other_side.owed_cents(world.institution(tenant_id))
        assert owed_by_register(world, tenant_id) == owed


def sample(rng: random.Random, of: tuple[object, ...], count: int) -> list[object]:
    """So many of them, all of them before any a second time."""
    return [one for _ in range(count // len(of) + 1) for one in rng.sample(of, len(of))][:count]


def test_quiet_nights_tell_exactly_what_is_owed(world, striker, production):
    rng = random.Random(SEED)
    for _ in range(2):
        a_night(world, striker, rng, [])
    verdict = judge(world, world.nightly, lease_s=LEASE_S)
    assert verdict.failed == 0
    assert verdict.mails_twice == 0
    told_is_what_is_owed(world)
    report(world, "quiet nights", verdict)


def test_a_worker_killed_around_any_commit_neither_loses_nor_doubles(world, striker, production):
    rng = random.Random(SEED)
    places = sample(rng, COMMITS, 10 * ROUNDS)
    while places:
        tonight, places = places[:CAMPUSES], places[CAMPUSES:]
        marks = [
            Mark(place, rng.choice(WORKERS), tenant_id)
            for place, tenant_id in zip(tonight, world.nightly, strict=False)
        ]
        a_night(world, striker, rng, marks)
    verdict = judge(world, world.nightly, lease_s=LEASE_S)
    assert verdict.failed == 0
    told_is_what_is_owed(world)
    report(world, f"{10 * ROUNDS} workers killed around commits", verdict)


def test_a_worker_killed_inside_any_outside_call_neither_loses_nor_doubles(world, striker, production):
    rng = random.Random(SEED)
    calls = sample(rng, tuple(CALLS), len(CALLS) * ROUNDS)
    while calls:
        tonight, calls = calls[:3], calls[3:]
        a_night(world, striker, rng, [Mark(call, rng.choice(WORKERS)) for call in tonight])
        world.other_side.mend()
    verdict = judge(world, world.nightly, lease_s=LEASE_S)
    assert verdict.failed == 0
    told_is_what_is_owed(world)
    report(world, f"{len(CALLS) * ROUNDS} workers killed inside outside calls", verdict)


def test_schedulers_killed_while_they_admit_admit_once(world, striker, production):
    rng = random.Random(SEED)
    for place in ADMISSIONS * ROUNDS:
        a_night(world, striker, rng, [Mark(place, "scheduler", rng.choice(world.nightly))])
    verdict = judge(world, world.nightly, lease_s=LEASE_S)
    assert verdict.failed == 0
    report(world, f"schedulers killed {len(ADMISSIONS) * ROUNDS} times while admitting", verdict)


def test_servers_restarted_at_any_place_neither_lose_nor_double(world, striker, production):
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        places = rng.sample(COMMITS, len(SERVERS))
        marks = [Mark(*what) for what in zip(places, SERVERS, world.nightly, strict=False)]
        a_night(world, striker, rng, marks)
    verdict = judge(world, world.nightly, lease_s=LEASE_S)
    assert verdict.failed == 0
    told_is_what_is_owed(world)
    report(world, f"{len(SERVERS) * ROUNDS} servers flushed or restarted at marks", verdict)


def test_broken_lines_neither_lose_nor_double(world, striker, production):
    rng = random.Random(SEED)
    count = 4 * ROUNDS
    faults = zip(
        sample(rng, ALMA_FAULTS, count),
        sample(rng, SFTP_FAULTS, count),
        sample(rng, MAIL_FAULTS, count),
        strict=True,
    )
    for (kind, options), (sftp_at, sftp_kind, sftp_options), (mail_at, mail_kind, mail_options) in faults:
        world.other_side.break_at("alma.analytics", kind, **options)
        world.other_side.break_at(f"sftp.{sftp_at}", sftp_kind, **sftp_options)
        world.other_side.break_at(f"smtp.{mail_at}", mail_kind, **mail_options)
        a_night(world, striker, rng, [])
        assert world.other_side.waiting() == 0
    verdict = judge(world, world.nightly, lease_s=LEASE_S)
    assert verdict.failed == 0
    told_is_what_is_owed(world)
    report(world, f"{3 * count} answers refused, cut, garbled or lost", verdict)


def test_a_portal_killed_while_a_person_asks_leaves_no_half_run(world, striker, production):
    browser = sign_in(world)
    before = world.home.sql("SELECT count(*) FROM run")
    wanted = Mark("run queued", "web", 1)
    with (
        striker.at([wanted], limit_s=30),
        pytest.raises(requests.ConnectionError),
    ):
        ask_for_a_run(world, browser)
    assert world.home.sql("SELECT count(*) FROM run") == before
    wait_until(lambda: is_ready(world), 30, "the portal")
    assert ask_for_a_run(world, browser).status_code == 200
    wait_until(lambda: world.home.sql(UNDER_WAY, [1]) == [(0,)], 60, "the run that was asked for")
    assert world.home.sql("SELECT count(*) FROM run") == [(before[0][0] + 1,)]
    report(world, "portal killed under a request", judge(world, world.nightly, lease_s=LEASE_S))


def sign_in(world: Campuses) -> requests.Session:
    """A browser that the editor of every campus has signed in with."""
    wait_until(lambda: is_ready(world), 60, "the portal")
    browser = requests.Session()
    page = browser.get(f"{url(world)}/sign-in", timeout=20)
    fields = {"email": EDITOR, "password": PASSWORD, "csrf_token": csrf_token(page.text)}
    assert browser.post(f"{url(world)}/sign-in", data=fields, timeout=20).status_code == 200
    return browser


def ask_for_a_run(world: Campuses, browser: requests.Session) -> requests.Response:
    """Press “run now” on the first campus's page."""
    page = browser.get(f"{url(world)}/c/campus0", timeout=20)
    return browser.post(
        f"{url(world)}/c/campus0/runs", data={"csrf_token": csrf_token(page.text)}, timeout=20
    )


def is_ready(world: Campuses) -> bool:
    with suppress(requests.RequestException):
        return requests.get(f"{url(world)}/readyz", timeout=5).status_code == 200
    return False


def url(world: Campuses) -> str:
    return world.home.environ["FEEBRIDGE_BASE_URL"]


def csrf_token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, "the page has no form"
    return found[1]


def test_chaos_neither_loses_nor_doubles(world, striker, production):
    rng = random.Random(SEED)
    counts: Counter[str] = Counter()
    until = time.monotonic() + 12 * ROUNDS
    while time.monotonic() < until:
        with striking_at_random(world, rng, counts):
            a_night(world, striker, rng, [])
        counts["nights"] += 1
    world.other_side.mend()
    a_night(world, striker, rng, [])
    verdict = judge(world, world.nightly, lease_s=LEASE_S)
    told_is_what_is_owed(world)
    report(
        world, "chaos, " + ", ".join(f"{count} × {what}" for what, count in sorted(counts.items())), verdict
    )


@contextmanager
def striking_at_random(world: Campuses, rng: random.Random, counts: Counter[str]) -> Iterator[None]:
    """While the block lasts, somebody dies every second or so, a line breaks, a server restarts."""
    home, enough = world.home, threading.Event()
    servers = {"flush Redis": home.flush_redis, "restart Redis": home.restart_redis}

    def kill() -> None:
        name = rng.choice(("worker1", "worker2", "worker1", "worker2", "scheduler1", "scheduler2", "web"))
        victim = rng.choice(WORKERS) if name.startswith("worker") else "both"
        counts[f"kill -9 {name.rstrip('12')} {victim}"] += home.kill(name, victim)

    def break_a_line() -> None:
        at, kind, options = rng.choice(LINE_FAULTS)
        world.other_side.break_at(at, kind, **options)
        counts["lines broken"] += 1

    def restart() -> None:
        what = rng.choice(("flush Redis", "flush Redis", "restart Redis", "restart PostgreSQL"))
        servers[what]()
        counts[what] += 1

    servers["restart PostgreSQL"] = home.restart_postgres

    def strike_on() -> None:
        while not enough.wait(rng.uniform(0.5, 1.5)):
            rng.choice((kill, kill, kill, break_a_line, break_a_line, restart))()

    striker = threading.Thread(target=strike_on)
    striker.start()
    try:
        yield
    finally:
        enough.set()
        striker.join()


def test_an_export_killed_between_its_file_and_the_register_is_taken_over_within_a_minute(world, production):
    wait_until(lambda: "done_s" in production, 120, "the takeover")
    assert production["takeover_s"] <= 60
    verdict = judge(world, [world.apart], lease_s=LEASE_S)
    assert (verdict.runs, verdict.files, verdict.mails, verdict.failed) == (1, 2, 1, 0)
    print(
        f"\nkill -9 of parent and child between file and register, lease {PRODUCTION_LEASE_S} s: taken over after "
        f"{production['takeover_s']:.1f} s, done after {production['done_s']:.1f} s"
    )
