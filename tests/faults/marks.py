"""Places in a real run where it can be stopped and struck, without a line of test code in what runs.

Inside the database: triggers in the test's own database wait for a lock that the judge holds, so that a process
stands still in the middle of the transaction that begins a step, ends it, records a file, marks an effect as sent,
or advances the register. Before such a commit is after the one before it. Outside: the other side is told to answer
slowly, or not at all, in the middle of a call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg

from tests.faults.campuses import Campuses

LOCK_CLASS = 7_001
TRIGGERS = f"""
CREATE OR REPLACE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    new_row jsonb := to_jsonb(NEW);
    place text := concat_ws(' ', TG_TABLE_NAME, new_row->>'kind', new_row->>'name', new_row->>'state');
BEGIN
    IF TG_TABLE_NAME IN ('file', 'hold_change', 'hold_register', 'delivery', 'run_event') THEN
        place := concat_ws(' ', TG_TABLE_NAME, new_row->>'kind');
    END IF;
    PERFORM pg_advisory_xact_lock_shared({LOCK_CLASS}, hashtext((new_row->>'tenant_id') || ' ' || place));
    RETURN NEW;
END $$;
CREATE TRIGGER stand_still BEFORE INSERT OR UPDATE OF state ON run FOR EACH ROW EXECUTE FUNCTION stand_still();
CREATE TRIGGER stand_still BEFORE INSERT OR UPDATE OF state ON run_step FOR EACH ROW EXECUTE FUNCTION stand_still();
CREATE TRIGGER stand_still BEFORE INSERT OR UPDATE OF state ON effect FOR EACH ROW EXECUTE FUNCTION stand_still();
CREATE TRIGGER stand_still BEFORE INSERT ON file FOR EACH ROW EXECUTE FUNCTION stand_still();
CREATE TRIGGER stand_still BEFORE INSERT ON delivery FOR EACH ROW EXECUTE FUNCTION stand_still();
CREATE TRIGGER stand_still BEFORE INSERT ON occurrence FOR EACH ROW EXECUTE FUNCTION stand_still();
CREATE TRIGGER stand_still BEFORE INSERT ON hold_change FOR EACH ROW EXECUTE FUNCTION stand_still();
CREATE TRIGGER stand_still BEFORE INSERT OR UPDATE ON hold_register FOR EACH ROW EXECUTE FUNCTION stand_still();
"""
# Every place where a worker writes in one holds export, in order.
COMMITS = (
    "run running",
    "run_step collect running",
    "file collected",
    "run_step collect done",
    "run_step decide running",
    "hold_change",
    "run_step decide done",
    "run_step check running",
    "run_step check done",
    "run_step build running",
    "file added",
    "file released",
    "run_step build done",
    "run delivering",
    "run_step deliver running",
    "effect sftp intended",
    "effect sftp sent",
    "delivery",
    "hold_register",
    "effect sftp confirmed",
    "run_step deliver done",
    "run_step report running",
    "effect notice intended",
    "effect notice sent",
    "effect notice confirmed",
    "run_step report done",
    "run succeeded",
)
ADMISSIONS = ("occurrence", "run queued")
HOLD_S = 25
# name -> (the step it happens in, where, kind, options)
CALLS: Mapping[str, tuple[str, str, str, dict[str, Any]]] = {
    "Alma is silent": ("collect", "alma.analytics", "timeout_before", {"seconds": HOLD_S}),
    "Alma's answer drips in": (
        "collect",
        "alma.analytics",
        "slow_drip",
        {"pause_s": 1, "chunk": 512, "after": 2},
    ),
    "SFTP is silent before the sign-in": ("deliver", "sftp.connect", "black_hole", {}),
    "SFTP is silent in mid-upload": ("deliver", "sftp.write", "black_hole", {"byte": 100}),
    "the upload is done, the rename not": (
        "deliver",
        "sftp.rename",
        "slow_rename",
        {"seconds": HOLD_S, "done": False},
    ),
    "the rename is done, its answer not given": (
        "deliver",
        "sftp.rename",
        "slow_rename",
        {"seconds": HOLD_S},
    ),
    "the mail server is slow to greet": ("report", "smtp.connect", "slow", {"seconds": HOLD_S}),
    "the mail is taken, its answer not given": (
        "report",
        "smtp.data",
        "slow_after_data",
        {"seconds": HOLD_S},
    ),
    "the mail is sent and not taken": (
        "report",
        "smtp.data",
        "slow_after_data",
        {"seconds": HOLD_S, "kept": False},
    ),
}


WORKERS = ("child", "parent", "both")
SERVERS = ("Redis flushed", "Redis restarted", "PostgreSQL restarted")
LOOK_EVERY_S = 0.03
STRUCK = "INSERT INTO strike SELECT id, clock_timestamp() FROM run WHERE lease_holder LIKE %s"
WAITING = "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND NOT granted"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where to strike whom: at a place of one campus's run in the database, or (campus 0) in a call of any run."""

    place: str
    victim: str
    tenant_id: int = 0


class Striker:
    """Holds processes at marks and strikes them there; ``struck`` are the marks that were reached."""

    def __init__(
        self, campuses: Campuses, calls: Mapping[str, tuple[str, str, str, dict[str, Any]]] = CALLS
    ) -> None:
        self._calls = calls
        self._home = campuses.home
        self._other_side = campuses.other_side
        self._campuses = campuses
        self.struck: list[Mark] = []
        self._home.sql(TRIGGERS)
        self._home.sql("CREATE TABLE IF NOT EXISTS strike (run_id bigint, at timestamptz)")

    @contextmanager
    def at(self, marks: list[Mark], *, limit_s: float) -> Iterator[None]:
        """Strike while the block lasts; at its end every mark was reached, or it fails."""
        left = list(marks)
        armed = threading.Event()
        faults: list[BaseException] = []

        def strike_on() -> None:
            try:
                self._strike_all(left, armed, limit_s)
            except BaseException as err:  # noqa: BLE001 - the test must see it, whatever it is
                faults.append(err)
            finally:
                armed.set()

        thread = threading.Thread(target=strike_on)
        thread.start()
        armed.wait()
        try:
            yield
        finally:
            thread.join()
        for fault in faults:
            raise fault

    def _strike_all(self, left: list[Mark], armed: threading.Event, limit_s: float) -> None:
        until = time.monotonic() + limit_s
        fired = len(self._other_side.fired())
        for mark in left:
            if not mark.tenant_id:
                _, where, kind, options = self._calls[mark.place]
                self._other_side.break_at(where, kind, **options)
        while left:
            # A restart of PostgreSQL ends the watch and its locks; what is left is armed again.
            with suppress(psycopg.OperationalError), self._watch() as watch:
                numbers = {_arm(watch, mark): mark for mark in left if mark.tenant_id}
                armed.set()
                while left:
                    assert time.monotonic() < until, f"never reached: {left}"
                    for (number,) in watch.execute(WAITING, [LOCK_CLASS]).fetchall():
                        if mark := numbers.pop(number, None):
                            left.remove(mark)
                            self._strike(mark)
                            watch.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", _key(mark))
                    fired = self._strike_callers(left, fired)
                    time.sleep(LOOK_EVERY_S)

    def _strike_callers(self, left: list[Mark], fired_before: int) -> int:
        if all(mark.tenant_id for mark in left):
            return fired_before
        fired = self._other_side.fired()
        for fault in fired[fired_before:]:
            # Two calls may break at the same place; each fault that fires is for one of them.
            struck = (fault["where"], fault["kind"])
            mark = next((m for m in left if not m.tenant_id and self._calls[m.place][1:3] == struck), None)
            if mark is not None:
                left.remove(mark)
                time.sleep(0.2)  # from the beginning of the call into the middle of it
                self._strike(mark)
        return len(fired)

    def _strike(self, mark: Mark) -> None:
        self.struck.append(mark)
        if mark.victim in SERVERS:
            {
                "Redis flushed": self._home.flush_redis,
                "Redis restarted": self._home.restart_redis,
                "PostgreSQL restarted": self._home.restart_postgres,
            }[mark.victim]()
        elif mark.victim in WORKERS:
            for pid in self._holders(mark):
                strike_worker(pid, mark.victim)
                self._home.sql(STRUCK, f"%/{pid}")
        else:
            for name in list(self._home.processes):
                if name.startswith(mark.victim):
                    self._home.kill(name, "both")

    def _holders(self, mark: Mark) -> list[int]:
        """The children at work on what is marked; of a claim that is not committed nobody knows whose it is."""
        if mark.place == "run running":
            return [
                child.pid
                for name, process in list(self._home.processes.items())
                if name.startswith("worker")
                for child in psutil.Process(process.pid).children()
            ]
        step = "" if mark.tenant_id else self._calls[mark.place][0]
        holders = self._home.sql(
            "SELECT lease_holder FROM run WHERE lease_holder <> '' AND queue = 'batch' "
            "AND (tenant_id = %s OR step = %s)",
            mark.tenant_id,
            step,
        )
        return [int(holder.rpartition("/")[2]) for (holder,) in holders]

    def _watch(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._home.postgres.superuser_url("faults"), autocommit=True)


def strike_worker(child_pid: int, victim: str) -> None:
    """``kill -9`` of a child at work, of its parent (then the child must die by itself), or of both."""
    with suppress(psutil.Error):
        child = psutil.Process(child_pid)
        parent = child.parent()
        if victim != "parent":
            child.kill()
        if victim != "child" and parent is not None:
            parent.kill()


def _key(mark: Mark) -> tuple[int, str]:
    return LOCK_CLASS, f"{mark.tenant_id} {mark.place}"


def _arm(watch: psycopg.Connection[Any], mark: Mark) -> int:
    query = "SELECT pg_advisory_lock(%s, hashtext(%s)), hashtext(%s)::bigint & 4294967295"
    row = watch.execute(query, (*_key(mark), _key(mark)[1])).fetchone()
    assert row is not None
    return int(row[1])
