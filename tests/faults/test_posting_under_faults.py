"""Payments posted by several campuses, killed at every commit and in every call: each reaches its fee exactly once.

``FEEBRIDGE_FAULT_ROUNDS`` makes it longer (default 1; ``make faults`` sets 20), ``FEEBRIDGE_FAULT_SEED`` repeats a
history of faults.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import psycopg
import pytest
from sqlalchemy.exc import SQLAlchemyError

from tests.faults.campuses import Campuses, campuses
from tests.faults.house import wait_until
from tests.faults.judge import judge_ends, left_behind
from tests.faults.marks import SERVERS, WORKERS, Mark, Striker
from tests.faults.money import Cashier, judge_money
from webapp.services.submit_run import submit_run

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("FEEBRIDGE_FAULT_ROUNDS", "1"))
SEED = int(os.environ.get("FEEBRIDGE_FAULT_SEED", "7"))
LEASE_S = 4
SETTLES_AFTER_S = 3.0
CAMPUSES = 6
NIGHT_LIMIT_S = 120.0
# Every place where a worker writes in one posting run, in order.
COMMITS = (
    "run running",
    "run_step plan running",
    "run_step plan done",
    "run delivering",
    "run_step post running",
    "payment_line sending",
    "effect alma_pay intended",
    "effect alma_pay sent",
    "payment_line posted",
    "ledger_entry",
    "effect alma_pay confirmed",
    "payment_line replaced",
    "run_step post done",
    "run_step report running",
    "run_step report done",
    "run succeeded",
)
HOLD_S = 25
CALLS = {
    "the account is read": ("post", "alma.fees.list", "timeout_before", {"seconds": HOLD_S, "after": 2}),
    "the payment is asked for": ("post", "alma.fees.pay", "timeout_before", {"seconds": HOLD_S, "after": 5}),
    "the payment is done, its answer not given": (
        "post",
        "alma.fees.pay",
        "timeout_after",
        {"seconds": HOLD_S, "after": 5},
    ),
}
# What Alma does wrong while nobody is killed: before the effect, after it, long after it, or instead of it.
TROUBLES = (
    ("timeout_before", {"seconds": 0.3}),
    ("timeout_after", {"seconds": 0.3}),
    ("late", {"seconds": 0.5}),
    ("status", {"status": 502, "body": "html"}),
    ("status_after", {"status": 504, "body": "empty"}),
    ("html_error", {}),
    ("truncated", {}),
    ("duplicate_answer", {}),
    ("per_second", {"times": 2}),
    ("daily", {}),
)
TRIGGERS = """
    CREATE TRIGGER stand_still BEFORE INSERT OR UPDATE OF state ON payment_line
        FOR EACH ROW EXECUTE FUNCTION stand_still();
    CREATE TRIGGER stand_still BEFORE INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION stand_still();
"""
OPEN_LINES = "SELECT DISTINCT tenant_id FROM payment_line WHERE state IN ('waiting', 'sending', 'unknown')"
UNDER_WAY = "SELECT count(*) FROM run WHERE finished_at IS NULL"
# Waits for midnight and after failures are cut short; a late effect gets its time.
HURRY = "UPDATE run SET not_before = now() WHERE state = 'queued' AND not_before > now() + interval '8 s'"


@dataclass
class Night:
    """The campuses, their cashier, and how much was booked."""

    campuses: Campuses
    cashier: Cashier
    lines: int = 0


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    """Two workers, a scheduler, and campuses that post."""
    print(f"\nseed {SEED}, {ROUNDS} rounds, {CAMPUSES} campuses, lease {LEASE_S} s")
    with campuses(lease_s=LEASE_S, count=CAMPUSES, seed=SEED) as built:
        for n in (1, 2):
            command = ("tests.faults.launch", "worker", "batch")
            built.home.keep(f"worker{n}", *command, PROBE_SETTLES_AFTER_S=str(SETTLES_AFTER_S))
        built.home.keep("scheduler1", "worker.scheduler")
        yield Night(built, Cashier(built))


@pytest.fixture(scope="module")
def striker(night: Night) -> Striker:
    """Whoever holds and strikes."""
    found = Striker(night.campuses, CALLS)
    night.campuses.home.sql(TRIGGERS)
    return found


def a_night(night: Night, striker: Striker, rng: random.Random, marks: list[Mark]) -> None:
    """Every campus takes money, whoever is marked is struck, and everything is posted in the end."""
    for tenant_id in night.campuses.nightly:
        night.lines += night.cashier.takes_money(tenant_id, rng)
    with striker.at(marks, limit_s=NIGHT_LIMIT_S):
        for tenant_id in night.campuses.nightly:
            wait_until(partial(is_asked_for, tenant_id), NIGHT_LIMIT_S, "a run to be asked for")
        wait_until(lambda: all_ended(night.campuses), NIGHT_LIMIT_S, "the end of the night")
    # Whatever was left open is looked at by the next run before anything else is done with it.
    for _ in range(3):
        still_open = night.campuses.home.sql(OPEN_LINES)
        for (tenant_id,) in still_open:
            assert is_asked_for(tenant_id)
        wait_until(lambda: all_ended(night.campuses), NIGHT_LIMIT_S, "the end of the next run")


def is_asked_for(tenant_id: int) -> bool:
    """Ask for a posting run, unless the database is just away. Two of them would be one too many, and do no harm."""
    with suppress(SQLAlchemyError):
        submit_run(tenant_id, "payment_posting", trigger="schedule", queue="batch")
        return True
    return False


def all_ended(world: Campuses) -> bool:
    """Whether every run ended; long waits are cut short meanwhile."""
    with suppress(psycopg.OperationalError):
        world.home.sql(HURRY)
        return world.home.sql(UNDER_WAY) == [(0,)]
    return False


def judge(night: Night, what: str) -> None:
    """No payment twice, none lost, nothing left open, nothing left behind. Raises: AssertionError."""
    world, tenant_ids = night.campuses, night.campuses.nightly
    assert judge_ends(world, tenant_ids) == 0
    postings, cents = judge_money(night.cashier, tenant_ids)
    assert postings == night.lines
    until = time.monotonic() + 2 * LEASE_S + 2
    while found := left_behind(world, tenant_ids):
        assert time.monotonic() < until, f"left behind: {found}"
        time.sleep(0.2)
    print(f"\n{what}: {postings} payments, ${cents / 100:,.2f} posted so far, 0 lost, 0 doubled")


def test_a_worker_killed_around_any_commit_neither_loses_nor_doubles_a_payment(night, striker):
    rng = random.Random(SEED)
    places = [place for _ in range(ROUNDS) for place in rng.sample(COMMITS, len(COMMITS))]
    struck = len(places)
    while places:
        tonight, places = places[:CAMPUSES], places[CAMPUSES:]
        marks = [
            Mark(place, rng.choice(WORKERS), tenant_id)
            for place, tenant_id in zip(tonight, night.campuses.nightly, strict=False)
        ]
        a_night(night, striker, rng, marks)
    judge(night, f"{struck} workers killed around commits")


def test_a_worker_killed_inside_a_call_to_alma_neither_loses_nor_doubles_a_payment(night, striker):
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        a_night(night, striker, rng, [Mark(call, rng.choice(WORKERS)) for call in CALLS])
        night.campuses.other_side.mend()
    judge(night, f"{len(CALLS) * ROUNDS} workers killed inside calls to Alma")


def test_an_alma_in_trouble_neither_loses_nor_doubles_a_payment(night, striker):
    rng = random.Random(SEED)
    other_side = night.campuses.other_side
    before = len(other_side.fired())
    for _ in range(ROUNDS):
        for kind, options in TROUBLES:
            other_side.break_at("alma.fees.pay", kind, after=rng.randrange(20), **options)
        for kind in ("timeout_before", "html_error", "truncated"):
            other_side.break_at("alma.fees.list", kind, after=rng.randrange(10), seconds=0.3)
            other_side.break_at("alma.fees.get", kind, after=rng.randrange(3), seconds=0.3)
        a_night(night, striker, rng, [])
        other_side.mend()
    judge(night, f"{len(other_side.fired()) - before} faults of Alma")


def test_servers_restarted_under_postings_neither_lose_nor_double_a_payment(night, striker):
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        places = rng.sample(COMMITS, len(SERVERS))
        marks = [Mark(*what) for what in zip(places, SERVERS, night.campuses.nightly, strict=False)]
        a_night(night, striker, rng, marks)
    judge(night, f"{len(SERVERS) * ROUNDS} servers flushed or restarted at marks")
