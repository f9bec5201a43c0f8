"""``feebridge reconcile`` with one planted difference of each type: each is found, typed, aged, and told once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.integration.cli.conftest import Command
from webapp.cli import runs as runs_command
from webapp.models import HoldChange, HoldRegister, InboundFile, Run
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.receive_file import Origin, receive_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.reconciliation.conftest import World

STRANGER = "FB7777777777777777AA-1"
STUCK, PLACED, LOST = "000000071", "000000072", "000000073"
PLANTED = {
    ("alma_ledger", "missing_there"),
    ("alma_ledger", "missing_here"),
    ("alma_ledger", "amount"),
    ("alma_ledger", "status"),
    ("alma_ledger", "timing"),
    ("ledger_bursar", "missing_there"),
    ("ledger_bursar", "missing_here"),
    ("ledger_bursar", "amount"),
    ("ledger_bursar", "timing"),
    ("holds", "stuck_hold"),
    ("holds", "missing_hold"),
    ("files", "missing_file"),
    ("money", "clearing"),
}


class Books:
    """The campus as the days before left it, all books equal; each ``plants_…`` makes one of them say something else."""

    def __init__(self, world: World) -> None:
        self.world, self.expected = world, {}
        self.listed: list[tuple[str, str]] = []

    def agrees(self) -> None:
        """A fee billed, listed and paid in part; a hold placed; a file that came."""
        fee_id = self.fee("25.00")
        self.world.pays(10_00, fee_id, at=self.world.ago(days=3))
        self.holds(PLACED)
        self.listed.append((PLACED, "LIB"))
        self.comes("payments", hours_ago=1)
        self.world.campus.sets("reconciliation", hold_list_layout="ps-hold-list", expected_every_hours=6)

    def fee(self, dollars: str, *, is_listed: bool = True, days_ago: float = 4) -> str:
        """A fee in Alma that PeopleSoft was told of some days ago, and has on its list."""
        fee_id = self.world.bills(dollars, at=self.world.ago(days=days_ago))
        if is_listed:
            self.world.lists(fee_id, round(float(dollars) * 100))
        return fee_id

    def holds(self, emplid: str) -> None:
        """Our register has had this hold for days."""
        at = self.world.ago(days=4)
        with tenant_scope(self.world.tenant_id) as session:
            session.add(
                HoldRegister(
                    emplid=emplid, hold_code="LIB", amount_cents=25_00, placed_at=at, told_at=at, file_id=1, run_id=1
                )
            )  # fmt: skip
            session.commit()

    def released(self, emplid: str) -> None:
        """We told PeopleSoft days ago to take this hold off."""
        at = self.world.ago(days=4)
        with tenant_scope(self.world.tenant_id) as session:
            run = Run(
                pipeline="holds_export", trigger="person", state="succeeded", scheduled_at=at, finished_at=at
            )
            session.add(run)
            session.flush()
            session.add(
                HoldChange(
                    run_id=run.id, emplid=emplid, hold_code="LIB", action="R", amount_cents=0, confirmed_at=at
                )
            )
            session.commit()

    def comes(self, kind: str, *, hours_ago: float) -> None:
        """A file came and was taken in."""
        with tenant_scope(self.world.tenant_id) as session:
            session.add(
                InboundFile(
                    kind=kind, origin="upload", name="payments.csv", size=1, sha256=f"x{hours_ago}", store_key="x",
                    state="done", received_at=self.world.ago(hours=hours_ago),
                )
            )  # fmt: skip
            session.commit()

    def sends_hold_list(self) -> None:
        """PeopleSoft's own list of holds is uploaded and waits."""
        lines = ["ID,Service Ind Cd", *(",".join(one) for one in self.listed)]
        receive_file(
            self.world.tenant_id,
            Origin("hold_list", "upload", "holds.csv"),
            BytesIO("\n".join(lines).encode()),
            settings=self.world.campus.settings,
            actor=SYSTEM,
            submit=False,
        )

    def plants_in_alma(self) -> str:
        """Alma beside our ledger; returns the number of the payment that is only on its way."""
        world, days_ago = self.world, self.world.ago(days=3)
        fee_id = self.fee("20.00")
        world.pays(11_00, fee_id, in_alma=0, at=days_ago)
        self.expects("alma_ledger", "missing_there", fee_id, 11_00, None)
        fee_id = self.fee("20.00")
        world.alma_takes(fee_id, 4_00, STRANGER)
        self.expects("alma_ledger", "missing_here", fee_id, None, 4_00)
        fee_id = self.fee("20.00")
        world.pays(10_00, fee_id, in_alma=9_00, at=days_ago)
        self.expects("alma_ledger", "amount", fee_id, 10_00, 9_00)
        self.plants_exported()
        fee_id = self.fee("20.00")
        on_its_way = world.pays(12_00, fee_id, in_alma=0)
        self.expects("alma_ledger", "timing", fee_id, 12_00, None)
        return on_its_way

    def plants_exported(self) -> None:
        """A fee that Alma itself has handed to the bursar, charged by us as well."""
        world = self.world
        patron_id, fee = exported_fee(world)
        cents = round(float(fee["balance"]) * 100)
        world.change(
            "INSERT INTO alma_fee (tenant_id, fee_id, patron_id, status, balance_cents) "
            "VALUES (:tenant_id, :fee_id, :patron_id, 'EXPORTED', :cents)",
            fee_id=fee["id"],
            patron_id=patron_id,
            cents=cents,
        )
        world.tells(fee["id"], cents or 5_00, at=world.ago(days=4))
        world.lists(fee["id"], cents or 5_00)
        self.expects("alma_ledger", "status", fee["id"], cents or 5_00, cents)

    def plants_in_peoplesoft(self) -> None:
        """PeopleSoft's list beside our ledger. What it does not list must not be open in Alma otherwise."""
        world = self.world
        fee_id = self.fee("7.00", is_listed=False)
        self.expects("ledger_bursar", "missing_there", fee_id, 7_00, None)
        world.lists("strange", 30_00, item_key="HMCMP|strange")
        self.expects("ledger_bursar", "missing_here", "", None, 30_00)
        fee_id = self.fee("8.00", is_listed=False)
        world.lists(fee_id, 9_00)
        self.expects("ledger_bursar", "amount", fee_id, 8_00, 9_00)
        fee_id = self.fee("6.00", is_listed=False, days_ago=0.1)
        self.expects("ledger_bursar", "timing", fee_id, 6_00, None)

    def plants_elsewhere(self) -> None:
        """Holds, files and money received."""
        self.released(STUCK)
        self.listed.append((STUCK, "LIB"))
        self.expects("holds", "stuck_hold", "", None, None)
        self.holds(LOST)
        self.expects("holds", "missing_hold", "", 25_00, None)
        self.world.change("UPDATE inbound_file SET received_at = received_at - interval '8 hours'")
        self.expects("files", "missing_file", "", None, None)
        self.world.pays(5_00, "", state="unapplied", at=self.world.ago(hours=25), rule="unmatched")
        self.expects("money", "clearing", "", 5_00, None)

    def expects(self, books: str, kind: str, fee_ref: str, ours: int | None, theirs: int | None) -> None:
        self.expected[books, kind] = (fee_ref, ours, theirs)


def exported_fee(world: World) -> tuple[str, dict[str, Any]]:
    """A patron of the sandbox whose fee Alma has exported, and the fee."""
    for person in world.alma.patrons():
        answer = world.alma.get(f"/users/{person['primary_id']}/fees", status="EXPORTED").json()
        for fee in answer.get("fee", ()):
            return person["primary_id"], fee
    raise AssertionError("the sandbox has no exported fee")


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A data folder of the test's own, though the servers are named."""
    return {**environ, "FEEBRIDGE_DATA": str(tmp_path / "data")}


@pytest.fixture
def reconcile(environ, monkeypatch):
    """``feebridge reconcile --tenant csusm --json``, with the exit code that is expected; what it printed."""
    monkeypatch.setattr(runs_command, "HELP_AFTER_S", 0.0)
    feebridge = Command(environ)

    def call(*arguments: str, code: int) -> dict[str, Any]:
        done = feebridge("reconcile", "--tenant", "csusm", "--json", *arguments, code=code)
        return json.loads(done.stdout)

    return call


@pytest.fixture
def books(world) -> Books:
    """Books that agree; a difference younger than two days may be on its way."""
    world.campus.sets("reconciliation", timing_hours=48)
    found = Books(world)
    found.agrees()
    return found


def today(world: World, *, days_ago: int = 0) -> str:
    """The campus's day, so many days ago."""
    campus_now = datetime.now(UTC).astimezone(ZoneInfo(time_zone(world)))
    return (campus_now.date() - timedelta(days=days_ago)).isoformat()


def time_zone(world: World) -> str:
    """Where the campus's days begin and end."""
    [(zone,)] = world.campus.rows("SELECT time_zone FROM tenant WHERE slug = 'csusm'")
    return zone


def test_books_without_a_planted_difference_are_green(books, reconcile):
    books.sends_hold_list()
    told = reconcile("--on", today(books.world), code=0)
    assert told["run"]["state"] == "succeeded"
    assert "The books agree." in told["run"]["story"]
    assert "holds.csv: 1 holds of ours listed." in told["run"]["story"]
    assert told["differences"] == []


def test_one_planted_difference_of_each_type_is_found_typed_aged_and_told_once(books, reconcile):
    on_its_way = books.plants_in_alma()
    books.plants_in_peoplesoft()
    books.plants_elsewhere()
    books.sends_hold_list()
    first = reconcile("--on", today(books.world), code=1)
    assert first["run"]["state"] == "succeeded"
    assert sorted((one["books"], one["type"]) for one in first["differences"]) == sorted(PLANTED)
    for one in first["differences"]:
        planted = (one["fee"], one["ours_cents"], one["theirs_cents"])
        assert planted == books.expected[one["books"], one["type"]]
        assert one["reason"].endswith(".")
        assert one["next_action"].endswith(".")
        assert (one["age"], one["owner"]) == ("0 hours", "")

    books.world.change("UPDATE difference SET first_seen_at = first_seen_at - interval '73 hours'")
    again = reconcile(code=1)
    assert " new, " not in again["run"]["story"]
    assert [one["id"] for one in again["differences"]] == [one["id"] for one in first["differences"]]
    assert {one["age"] for one in again["differences"]} == {"3 days"}
    assert all(one["age_s"] >= 73 * 3600 for one in again["differences"])
    assert len(books.world.all_differences()) == len(PLANTED)

    books.world.alma_takes(books.expected["alma_ledger", "timing"][0], 12_00, on_its_way)
    last = reconcile(code=1)
    assert {(one["books"], one["type"]) for one in last["differences"]} == PLANTED - {
        ("alma_ledger", "timing")
    }
    assert "0 new, 1 cleared by themselves." in last["run"]["story"]


def test_what_happened_after_the_day_is_left_to_the_run_of_a_later_day(books, reconcile):
    world = books.world
    world.campus.sets("reconciliation", timing_hours=0, expected_every_hours=0)
    fee_id = books.fee("20.00")
    world.pays(10_00, fee_id, in_alma=0)
    world.alma_takes(books.fee("20.00"), 4_00, STRANGER)
    world.alma_takes(books.fee("20.00"), 3_00)
    books.fee("7.00", is_listed=False, days_ago=0)
    late = world.bills("8.00", at=world.ago(seconds=5))
    world.lists(late, 9_00)
    world.lists("strange", 30_00, item_key="HMCMP|strange", updated_at=world.ago(seconds=5))
    world.pays(5_00, "", kept_cents=4_00, state="ignored")
    told = reconcile("--on", today(world, days_ago=2), code=0)
    assert told["differences"] == []
    told = reconcile(code=1)
    assert sorted((one["books"], one["type"]) for one in told["differences"]) == [
        ("alma_ledger", "missing_here"),
        ("alma_ledger", "missing_here"),
        ("alma_ledger", "missing_there"),
        ("ledger_bursar", "amount"),
        ("ledger_bursar", "missing_here"),
        ("ledger_bursar", "missing_there"),
        ("money", "amount"),
    ]


def test_a_run_for_a_day_that_is_past_closes_nothing_of_later_days_and_keeps_the_day_as_it_was(
    books, reconcile
):
    world = books.world
    world.campus.sets("reconciliation", timing_hours=0)
    books.plants_in_alma()
    books.plants_in_peoplesoft()
    books.plants_elsewhere()
    books.sends_hold_list()
    day = today(world, days_ago=2)
    world.change(
        "INSERT INTO reconciliation_day (tenant_id, on_date, kind, open_count, open_cents) "
        "VALUES (:tenant_id, CAST(:day AS date), 'amount', 7, 700)",
        day=day,
    )
    found = {one["id"] for one in reconcile(code=1)["differences"]}
    assert len(found) == len(PLANTED)
    assert {one["id"] for one in reconcile("--on", day, code=1)["differences"]} == found
    kept = "SELECT open_count, open_cents FROM reconciliation_day WHERE kind = 'amount' AND on_date = CAST(:day AS date)"
    assert world.campus.rows(kept, day=day) == [(7, 7_00)]


def test_money_and_files_that_were_late_on_a_past_day_are_told_of_that_day(books, reconcile):
    world = books.world
    world.change("UPDATE inbound_file SET received_at = received_at - interval '4 days'")
    world.pays(5_00, "", state="unapplied", at=world.ago(days=4), rule="unmatched")
    zone = ZoneInfo(time_zone(world))
    midnight = datetime.combine(datetime.now(UTC).astimezone(zone).date(), time(), zone)
    world.pays(6_00, "", state="unapplied", at=midnight - timedelta(hours=23), rule="unmatched")
    told = reconcile("--on", today(world, days_ago=1), code=1)
    assert sorted((one["type"], one["ours_cents"]) for one in told["differences"]) == [
        ("clearing", 5_00),
        ("missing_file", None),
    ]
