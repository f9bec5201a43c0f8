"""Three books over days, simulated on real parts: PostgreSQL, the real pipelines, and an Alma of its own over HTTP.

Charges are told, students pay and pay back in PeopleSoft, its files come in any order, late, in part and twice, Alma fails
before and after the effect, the library's desk takes money beside us, people decide. After each step every payment is
somewhere; in the end Alma's own book has each payment once, and reconciliation finds what was planted and nothing else.

``FEEBRIDGE_SIM_SEED`` chooses another history; ``FEEBRIDGE_FAULT_ROUNDS`` (``make faults`` sets 20) makes more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.integration.payments.conftest import HEADING, item
from tests.integration.reconciliation.conftest import (  # noqa: F401
    World,
    alma,
    campus,
    environ,
    sandbox,
    world,
)
from webapp.services.apply_money import ask_refund, ignore_money
from webapp.services.audit import Actor
from webapp.services.receive_file import Origin, receive_file
from webapp.services.submit_run import submit_run
from worker.pipelines.posting import send

if TYPE_CHECKING:
    from collections.abc import Iterable

SEED = int(os.environ.get("FEEBRIDGE_SIM_SEED", "11"))
HISTORIES = 3 * int(os.environ.get("FEEBRIDGE_FAULT_ROUNDS", "1"))
STEPS = 20
MOST_CENTS = 50_00
ZONE = ZoneInfo("America/Los_Angeles")
ANN = Actor(None, "Ann")
# What Alma does to one call, and to which. Each is over when it has happened.
TROUBLES = (
    ("alma.fees.pay", "timeout_after", {"seconds": 0.1}),
    ("alma.fees.pay", "timeout_before", {"seconds": 0.1}),
    ("alma.fees.pay", "status_after", {"status": 504}),
    ("alma.fees.pay", "status", {"status": 502, "body": "html"}),
    ("alma.fees.pay", "html_error", {}),
    ("alma.fees.pay", "truncated", {}),
    ("alma.fees.pay", "duplicate_answer", {}),
    ("alma.fees.pay", "per_second", {"times": 2}),
    ("alma.fees.pay", "daily", {}),
    ("alma.fees.list", "html_error", {}),
    ("alma.fees.list", "timeout_before", {"seconds": 0.1}),
)
figures: Counter[str] = Counter()


@dataclass
class Fee:
    """What really happened to one fee, in cents."""

    fee_id: str
    number: int
    cents: int
    applied: int = 0
    changed_at: datetime | None = None
    at_the_desk: int = 0

    def line(self) -> str:
        """PeopleSoft's list of it now."""
        at = (self.changed_at or datetime.now(UTC)).astimezone(ZONE).strftime("%m/%d/%Y %I:%M:%S%p")
        return item(
            self.fee_id, f"{self.applied / 100:.2f}", f"{self.cents / 100:.2f}", nbr=str(self.number), at=at
        )


class Books(RuleBasedStateMachine):
    """A campus over some days. The machine's own figures are the truth that the books must come to agree with."""

    world: World
    numbers = iter(range(1, 1_000_000))

    def __init__(self) -> None:
        super().__init__()
        self.fees: dict[str, Fee] = {}
        self.former: list[bytes] = []
        self.now = datetime.now(UTC) - timedelta(days=2)
        figures["histories"] += 1

    # -- what happens -----------------------------------------------------------------------------------------------

    @initialize(cents=st.lists(st.integers(1, MOST_CENTS), min_size=2, max_size=3))
    def charges_are_told(self, cents):
        for one in cents:
            fee_id = self.world.bills(f"{one / 100:.2f}", at=self.now)
            self.fees[fee_id] = Fee(fee_id, next(self.numbers), one, changed_at=self.tick())
        figures["fees"] += len(cents)

    @rule(data=st.data())
    def a_student_pays_in_peoplesoft(self, data):
        fee = self.some(data)
        left = fee.cents - fee.applied
        cents = data.draw(st.one_of(st.just(left), st.integers(0, left)))
        fee.applied, fee.changed_at = fee.applied + cents, self.tick()
        figures["payments in PeopleSoft"] += bool(cents)

    @rule(data=st.data())
    def a_student_pays_and_a_file_says_so(self, data):
        self.a_student_pays_in_peoplesoft(data)
        self.hands_in(self.fees.values())

    @rule(data=st.data())
    def peoplesoft_takes_money_back(self, data):
        fee = self.some(data)
        cents = data.draw(st.integers(0, fee.applied))
        fee.applied, fee.changed_at = fee.applied - cents, self.tick()
        figures["taken back in PeopleSoft"] += bool(cents)

    @rule(data=st.data())
    def a_file_comes(self, data):
        """Of all items, or of some: another file brings the others."""
        some = data.draw(st.lists(st.sampled_from(sorted(self.fees)), min_size=1, unique=True))
        self.hands_in([self.fees[fee_id] for fee_id in some])

    @precondition(lambda self: self.former)
    @rule(data=st.data())
    def an_old_file_comes_once_more(self, data):
        """Byte for byte, or with a line end more, so that only its lines can tell that nothing in it is new."""
        content = data.draw(st.sampled_from(self.former))
        self.imports(content + data.draw(st.sampled_from([b"", b"\r\n"])))
        figures["old files"] += 1

    @rule(data=st.data())
    def payments_are_posted_by_an_alma_in_trouble(self, data):
        for where, kind, options in data.draw(st.lists(st.sampled_from(TROUBLES), min_size=1, max_size=3)):
            self.world.alma.fault(where, kind, after=data.draw(st.integers(0, 1)), **options)
            figures["faults set"] += 1
        self.post()
        self.world.alma.clear_faults()

    @rule(data=st.data(), op=st.sampled_from(["pay", "waive"]))
    def the_librarys_desk_takes_or_waives_money(self, data, op):
        fee = self.some(data)
        there = self.world.campus.fee(fee.fee_id)
        left = round(float(there["balance"]) * 100)
        cents = data.draw(st.integers(0, left))
        if not cents or there["status"]["value"] != "ACTIVE":
            return
        extra = {"method": "CASH"} if op == "pay" else {"reason": "OTHER"}
        self.world.campus.at_the_desk(fee.fee_id, op, amount=f"{cents / 100:.2f}", **extra)
        fee.at_the_desk += cents
        figures["acts at the library's desk"] += 1

    @rule(is_refund=st.booleans())
    def a_person_decides_about_money(self, is_refund):
        for payment_id, n, cents in self.query(
            "SELECT payment_id, n, amount_cents FROM payment_line WHERE state = 'unapplied' ORDER BY payment_id, n LIMIT 1"
        ):
            act = ask_refund if is_refund and cents > 0 else ignore_money
            act(self.world.tenant_id, payment_id, n, actor=ANN, reason="simulated")
            figures["decisions"] += 1

    @rule()
    def the_books_are_compared(self):
        assert self.world.reconciles().state == "succeeded"
        figures["comparisons"] += 1

    # -- what must be true ------------------------------------------------------------------------------------------

    @invariant()
    def every_payment_is_somewhere(self):
        lost = self.query(
            "SELECT p.ref, p.amount_cents, sum(l.amount_cents) FROM payment p LEFT JOIN payment_line l "
            "ON l.tenant_id = p.tenant_id AND l.payment_id = p.id AND l.state <> 'replaced' "
            "GROUP BY p.ref, p.amount_cents HAVING p.amount_cents <> coalesce(sum(l.amount_cents), 0)"
        )
        assert lost == []

    def teardown(self) -> None:
        """Everything settles; then the books are laid beside what really happened."""
        if not self.fees:
            return
        self.world.alma.clear_faults()
        self.hands_in(self.fees.values())
        for _ in range(3):
            self.post()
        open_lines = self.query(
            "SELECT external_id, state, rule, message FROM payment_line WHERE state IN ('waiting', 'sending', 'unknown')"
        )
        assert open_lines == []
        self.every_payment_is_somewhere()
        for fee in self.fees.values():
            self.judge(fee)
        self.judge_differences()

    def judge(self, fee: Fee) -> None:
        """What PeopleSoft says in the end is what was received; what was posted is in Alma once."""
        key = f"%|{fee.number:015d}"
        received = self.query(
            "SELECT coalesce(sum(amount_cents), 0) FROM payment WHERE item_key LIKE :key", key=key
        )
        assert received == [(fee.applied,)], fee
        posted = sorted(
            self.query(
                "SELECT l.amount_cents, l.external_id FROM payment_line l WHERE l.state = 'posted' AND l.fee_id = :fee_id",
                fee_id=fee.fee_id,
            )
        )
        in_alma = sorted(one for one in self.world.campus.booked(fee.fee_id) if one[1])
        assert in_alma == posted, fee
        cents = sum(one for one, _ in posted)
        left = round(float(self.world.campus.fee(fee.fee_id)["balance"]) * 100)
        assert left == fee.cents - cents - fee.at_the_desk, fee
        ledger = self.query(
            "SELECT coalesce(-sum(amount_cents), 0) FROM ledger_entry WHERE side = 'alma' AND fee_ref = :ref",
            ref=fee.fee_id,
        )
        assert ledger == [(cents,)], fee
        figures["payments posted"] += len(posted)
        figures["cents posted"] += cents

    def judge_differences(self) -> None:
        """What the desk took and PeopleSoft still asks for is found, and nothing else.

        What was paid twice, at the desk and in PeopleSoft, is owed by nobody; it waits as money with an owner.
        """
        assert self.world.reconciles().state == "succeeded"
        found = {
            (kind, fee_ref)
            for kind, fee_ref in self.query("SELECT kind, fee_ref FROM difference WHERE closed_at IS NULL")
            if fee_ref in self.fees or not fee_ref
        }
        planted = {
            ("missing_here", fee.fee_id)
            for fee in self.fees.values()
            if fee.at_the_desk and fee.applied < fee.cents
        }
        assert found == planted
        figures["differences planted and found"] += len(planted)

    # -- how it is done ---------------------------------------------------------------------------------------------

    def some(self, data: st.DataObject) -> Fee:
        return self.fees[data.draw(st.sampled_from(sorted(self.fees)))]

    def tick(self) -> datetime:
        """PeopleSoft's clock goes on by a minute."""
        self.now += timedelta(minutes=1)
        return self.now

    def query(self, statement: str, **bound: object) -> list[tuple]:
        return self.world.campus.rows(statement, **bound)

    def hands_in(self, fees: Iterable[Fee]) -> None:
        lines = [fee.line().replace('"012345678"', f'"{self.world.campus.emplid}"') for fee in fees]
        content = "\r\n".join([HEADING, *lines, ""]).encode()
        self.former.append(content)
        self.imports(content)

    def imports(self, content: bytes) -> None:
        received = receive_file(
            self.world.tenant_id, Origin("payments", "upload", "payments.csv"), BytesIO(content),
            settings=self.world.campus.settings, actor=ANN, submit=False,
        )  # fmt: skip
        figures["files"] += 1
        if received.state != "waiting":
            figures["files that came before"] += 1
            return
        run_id = submit_run(
            self.world.tenant_id, "payment_import", options={"inbound_file_id": received.inbound_file_id}
        )
        self.world.campus.work()
        run = self.world.campus.the_run(run_id)
        assert run.state in {"succeeded", "nothing_to_send"}, run.error

    def post(self) -> None:
        """A posting run, until it ends; its waits are cut short."""
        run = self.world.campus.posts()
        self.world.campus.work("batch")
        assert run.state in {"succeeded", "nothing_to_send"}, (run.state, run.story, run.error)
        figures["posting runs"] += 1


@pytest.mark.timeout(3600)
def test_three_books_come_to_agree_whatever_happens(world, monkeypatch):  # noqa: F811
    # Nothing is slow in this Alma: who looks and finds nothing may believe it at once.
    monkeypatch.setattr(send, "SETTLES_AFTER_S", 0.0)
    world.campus.sets("reconciliation", timing_hours=0, max_fee_reads=500)
    machine = seed(SEED)(type("Simulation", (Books,), {"world": world}))
    figures.clear()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            # A history takes seconds; what fails is printed as it came.
            phases=[Phase.generate],
        ),
    )
    print(f"\nseed {SEED}; " + "; ".join(f"{name}: {count:,}" for name, count in sorted(figures.items())))
    # A history that posts nothing would prove nothing.
    assert min(figures["payments posted"], figures["comparisons"]) > 0
