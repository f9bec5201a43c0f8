"""Bursar conversions of several campuses, killed at every commit: each line reaches the other side once, none is lost.

``FEEBRIDGE_FAULT_ROUNDS`` makes it longer (default 1; ``make faults`` sets 20), ``FEEBRIDGE_FAULT_SEED`` repeats a
history of faults.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO

import psycopg
import pytest

from tests.faults.campuses import Campuses, campuses
from tests.faults.house import wait_until
from tests.faults.judge import arrived, judge_ends, judge_files, judge_mails, left_behind
from tests.faults.marks import CALLS, SERVERS, WORKERS, Mark, Striker
from tests.integration.bursar.alma_files import Fee, bursar_file
from webapp.config import load_settings
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import store_values
from webapp.services.receive_file import Origin, receive_file

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("FEEBRIDGE_FAULT_ROUNDS", "1"))
SEED = int(os.environ.get("FEEBRIDGE_FAULT_SEED", "7"))
LEASE_S = 4
CAMPUSES = 7
NIGHT_LIMIT_S = 90.0
CHARGES_A_NIGHT = 6
CHARGE, CREDIT = "300000006919", "820000206129"
STEPS = ("settle", "receive", "read", "decide", "wait", "build", "check", "deliver", "report")
# What ends each step, and where a line is written down, sent, or counted as sent.
FIRST_ROUND = (
    *(f"run_step {step} done" for step in STEPS),
    "ledger_entry",
    "file debits",
    "effect sftp sent",
    "effect sftp confirmed",
    "run succeeded",
)
# Every place where a worker writes in one conversion.
COMMITS = (
    "run running",
    *(f"run_step {step} {state}" for step in STEPS for state in ("running", "done")),
    "ledger_entry",
    "file debits",
    "file credits",
    "run delivering",
    "effect sftp intended",
    "effect sftp sent",
    "delivery",
    "effect sftp confirmed",
    "effect notice intended",
    "effect notice sent",
    "effect notice confirmed",
    "run succeeded",
)
OUTSIDE = tuple(call for call, (step, *_) in CALLS.items() if step != "collect")
LEDGER_TRIGGER = (
    "CREATE TRIGGER stand_still BEFORE INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION stand_still()"
)
UNDER_WAY = "SELECT count(*) FROM run WHERE finished_at IS NULL"
LAYOUT = {
    "format": "feebridge/layout/1",
    "name": "own",
    "subject": "charges",
    "mode": "delimited",
    "delimiter": ",",
    "quote": "none",
    "final_newline": True,
    "fields": {
        "item_type": {
            "value": {
                "first_of": [
                    {
                        "when": {"not": {"field": "original_item_type", "empty": True}},
                        "then": {"field": "original_item_type"},
                    }
                ],
                "otherwise": {"const": CHARGE},
            }
        }
    },
    "files": [
        {
            "kind": "debits",
            "when": {"field": "debit_credit", "is": "D"},
            "file_name": "debits_{YYYY}{MM}{DD}_{sequence}.dat",
        },
        {"kind": "credits", "file_name": "credits_{YYYY}{MM}{DD}_{sequence}.dat"},
    ],
    "records": {
        "detail": [
            {"name": "id", "value": {"field": "emplid"}, "required": True},
            {
                "name": "amount",
                "value": {"field": "amount_cents"},
                "amount": {"absolute": True, "decimals": "point"},
            },
            {"name": "reference", "value": {"field": "reference"}},
        ]
    },
}


@dataclass
class Library:
    """The campuses with what Alma exported for each of them; ``owed`` are the lines that the bursar must be told."""

    campuses: Campuses
    owed: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    fees: defaultdict[int, list[Fee]] = field(default_factory=lambda: defaultdict(list))
    nights: int = 0

    def exports(self, tenant_id: int, rng: random.Random) -> None:
        """A file with new charges, a credit, one fee nobody can be billed for, and one that was told before."""
        stem = f"T{tenant_id}N{self.nights}"
        charges = [
            Fee(
                f"{stem}F{n}",
                f"{rng.randrange(100, 9_999) / 100:.2f}",
                patron=f"{rng.randrange(1, 10**9):09d}",
            )
            for n in range(CHARGES_A_NIGHT)
        ]
        credit = Fee(f"{stem}C", "-4.00", patron="012345678")
        repeated = self.fees[tenant_id][-1:]
        content = bursar_file(
            *charges,
            credit,
            Fee(f"{stem}X", patron="no digits"),
            *repeated,
            export_number=f"9{self.nights:06d}",
        )
        for fee in (*charges, credit):
            self.owed[tenant_id][f"{fee.patron},{fee.sum.lstrip('-')},{fee.ref}"] += 1
        self.fees[tenant_id] += charges
        settings = load_settings(self.campuses.home.environ)
        origin = Origin("bursar_xml", "upload", f"BURSAR-{self.nights}-1.xml")
        receive_file(tenant_id, origin, BytesIO(content), settings=settings, actor=SYSTEM)

    def told(self, tenant_id: int) -> Counter[str]:
        """Every line that reached this campus's PeopleSoft, by the other side's own log."""
        other_side, folder = self.campuses.other_side, self.campuses.institution(tenant_id)
        return Counter(
            line
            for path, _ in arrived(other_side.operations())
            if path.startswith(f"{folder}/")
            for line in other_side.content(path).decode("ascii").splitlines()
        )


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    """Two workers, a scheduler, and campuses with a layout of their own."""
    print(f"\nseed {SEED}, {ROUNDS} rounds, {CAMPUSES} campuses, lease {LEASE_S} s")
    with campuses(lease_s=LEASE_S, count=CAMPUSES, seed=SEED) as built:
        for tenant_id in built.nightly:
            bills(tenant_id)
        for n in (1, 2):
            built.home.keep(f"worker{n}", "worker.main", "--queue", "batch")
        built.home.keep("scheduler1", "worker.scheduler")
        yield Library(built)


@pytest.fixture(scope="module")
def striker(library: Library) -> Striker:
    """Whoever holds and strikes."""
    found = Striker(library.campuses)
    library.campuses.home.sql(LEDGER_TRIGGER)
    return found


def bills(tenant_id: int) -> None:
    """Let a campus convert. A round of faults is no usual night, so the size of a run asks nobody."""
    with tenant_scope(tenant_id) as session:
        session.add(LayoutVersion(name="own", version=1, body=LAYOUT))
        values = {"layout": "own", "emplid_digits": 9, "credit_item_type": CREDIT, "stop_factor": 0}
        store_values(session, "bursar", values, actor=SYSTEM)
        session.commit()


def a_night(library: Library, striker: Striker, rng: random.Random, marks: list[Mark]) -> None:
    """Every campus's file arrives, whoever is marked is struck, and all conversions come to their end."""
    library.nights += 1
    with striker.at(marks, limit_s=NIGHT_LIMIT_S):
        for tenant_id in library.campuses.nightly:
            library.exports(tenant_id, rng)
        wait_until(lambda: all_ended(library.campuses), NIGHT_LIMIT_S, "the end of the night")


def all_ended(world: Campuses) -> bool:
    """Whether every run ended; waits between tries are cut short meanwhile."""
    with suppress(psycopg.OperationalError):
        world.home.sql("UPDATE run SET not_before = now() WHERE state = 'queued' AND not_before > now()")
        return world.home.sql(UNDER_WAY) == [(0,)]
    return False


def judge(library: Library, what: str) -> None:
    """No line twice, none lost; the ledger says what the files say; nothing is left behind. Raises: AssertionError."""
    world, tenant_ids = library.campuses, library.campuses.nightly
    assert judge_ends(world, tenant_ids) == 0
    files = judge_files(world, tenant_ids)
    mails, twice = judge_mails(world, tenant_ids)
    lines = 0
    for tenant_id in tenant_ids:
        told = library.told(tenant_id)
        assert told == library.owed[tenant_id], (
            f"campus {tenant_id}: {told - library.owed[tenant_id]} too many"
        )
        assert Counter(line.rpartition(",")[2] for line in told) == ledger_of(world, tenant_id)
        lines += told.total()
    until = time.monotonic() + 2 * LEASE_S + 2
    while found := left_behind(world, tenant_ids):
        assert time.monotonic() < until, f"left behind: {found}"
        time.sleep(0.2)
    print(
        f"\n{what}: {lines} lines in {files} files so far, 0 lost, 0 doubled; {mails} mails, {twice} of them twice"
    )


def ledger_of(world: Campuses, tenant_id: int) -> Counter[str]:
    """The references of the ledger's lines."""
    rows = world.home.sql(
        "SELECT reference FROM ledger_entry WHERE tenant_id = %s AND event IN ('charge', 'credit', 'reversal')",
        tenant_id,
    )
    return Counter(reference for (reference,) in rows)


def test_a_worker_killed_around_any_commit_of_a_conversion_neither_loses_nor_doubles_a_line(library, striker):
    rng = random.Random(SEED)
    places = rng.sample(FIRST_ROUND, len(FIRST_ROUND))
    for _ in range(ROUNDS - 1):
        places += rng.sample(COMMITS, len(COMMITS))
    struck = len(places)
    while places:
        tonight, places = places[:CAMPUSES], places[CAMPUSES:]
        marks = [
            Mark(place, rng.choice(WORKERS), tenant_id)
            for place, tenant_id in zip(tonight, library.campuses.nightly, strict=False)
        ]
        a_night(library, striker, rng, marks)
    judge(library, f"{struck} workers killed around commits")


def test_a_worker_killed_inside_an_outside_call_neither_loses_nor_doubles_a_line(library, striker):
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        a_night(library, striker, rng, [Mark(call, rng.choice(WORKERS)) for call in rng.sample(OUTSIDE, 3)])
        library.campuses.other_side.mend()
    judge(library, f"{3 * ROUNDS} workers killed inside outside calls")


def test_servers_restarted_under_conversions_neither_lose_nor_double_a_line(library, striker):
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        places = rng.sample(COMMITS, len(SERVERS))
        marks = [Mark(*what) for what in zip(places, SERVERS, library.campuses.nightly, strict=False)]
        a_night(library, striker, rng, marks)
    judge(library, f"{len(SERVERS) * ROUNDS} servers flushed or restarted at marks")
