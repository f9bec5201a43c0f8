"""A campus whose payments are posted to the real sandbox over HTTP by a worker in this process."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.integration.sandbox.alma import Caller
from webapp.adapters.alma.calls import AlmaCalls
from webapp.adapters.errors import RetryableError
from webapp.adapters.vault import Vault
from webapp.models import Payment, PaymentLine, SeenFee
from webapp.models.scope import tenant_scope
from webapp.sandbox.process import SandboxHandle, start_sandbox
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import put_secret, store_values
from webapp.services.submit_run import submit_run
from webapp.store import runs
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due
from worker.pipelines.posting import send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.config import Settings
    from webapp.models import Run

_numbers = itertools.count(1)


@dataclass
class Campus:
    """San Marcos, as a test drives it. ``patron_id`` is somebody in its Alma with an EMPLID."""

    tenant_id: int
    settings: Settings
    alma: Caller
    patron_id: str
    emplid: str
    others: list[str] = field(default_factory=list)

    def sets(self, section: str, **values: Any) -> None:
        """Change settings."""
        with tenant_scope(self.tenant_id) as session:
            store_values(session, section, values, actor=SYSTEM)
            session.commit()

    def charges(self, dollars: str, patron_id: str = "") -> str:
        """A new fee in Alma; its id."""
        fee = {
            "type": {"value": "LOCKERKEY"},
            "original_amount": dollars,
            "owner": {"value": "01CALS_USM"},
        }
        answer = self.alma.call("POST", f"/users/{patron_id or self.patron_id}/fees", fee)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def at_the_desk(self, fee_id: str, op: str, **query: str) -> None:
        """Somebody at the library's desk does something to a fee."""
        answer = self.alma.post(f"/users/{self.patron_id}/fees/{fee_id}", op=op, **query)
        assert answer.status_code == 200, answer.text

    def fee(self, fee_id: str, patron_id: str = "") -> dict[str, Any]:
        """The fee in Alma now."""
        return self.alma.get(f"/users/{patron_id or self.patron_id}/fees/{fee_id}").json()

    def pays(self, cents: int, fee_id: str = "", **line: Any) -> tuple[int, int]:
        """A payment is booked with one line that waits for posting; its key."""
        return self.pays_in_parts([(cents, fee_id)], **line)[0]

    def pays_in_parts(self, parts: list[tuple[int, str]], **line: Any) -> list[tuple[int, int]]:
        """A payment with several lines; their keys."""
        number = next(_numbers)
        ref = f"FB{number:018d}".translate(str.maketrans("0189", "ABCD"))
        kind = line.pop("kind", "payment")
        patron_id = line.pop("patron_id", self.patron_id)
        with tenant_scope(self.tenant_id) as session:
            payment = Payment(
                ref=ref,
                source=line.pop("source", "peoplesoft"),
                kind=kind,
                event_key=f"test {number}",
                amount_cents=sum(cents for cents, _ in parts),
                emplid=line.pop("emplid", self.emplid),
                patron_id=patron_id,
            )
            session.add(payment)
            session.flush()
            for n, (cents, fee_id) in enumerate(parts, 1):
                session.add(
                    PaymentLine(
                        payment_id=payment.id,
                        n=n,
                        amount_cents=cents,
                        external_id=f"{ref}-{n}",
                        **{"state": "waiting", "fee_ref": fee_id, "reason": "its reference"} | line,
                    )
                )
            session.commit()
            return [(payment.id, n) for n in range(1, len(parts) + 1)]

    def posts(self, **options: Any) -> Run:
        """A posting run is asked for and carried out, its waits cut short."""
        dry_run = options.pop("dry_run", False)
        run_id = submit_run(self.tenant_id, "payment_posting", dry_run=dry_run, options=options)
        self.work()
        return self.goes_on(run_id)

    def goes_on(self, run_id: int, times: int = 8, queue: str = "interactive") -> Run:
        """Carry the run on until it ends, as if its waits were over."""
        for _ in range(times):
            run = self.the_run(run_id)
            if run.state != "queued":
                break
            self.wakes(run_id, queue)
        return self.the_run(run_id)

    def wakes(self, run_id: int, queue: str = "interactive") -> Run:
        """As if the run's wait were over."""
        self.changes("UPDATE run SET not_before = clock_timestamp() WHERE id = :id", id=run_id)
        self.work(queue)
        return self.the_run(run_id)

    def take_over(self, run_id: int) -> Run:
        """As if the worker had died a while ago, and another one came by."""
        self.changes(
            "UPDATE run SET lease_until = clock_timestamp() - interval '1 s' WHERE id = :id", id=run_id
        )
        self.work()
        return self.the_run(run_id)

    def submits(self) -> int:
        """A posting run is asked for, and not carried out."""
        return submit_run(self.tenant_id, "payment_posting")

    def work(self, queue: str = "interactive") -> None:
        """Carry out what is due."""
        carry_out_due(self.settings, queue, Interrupts("test worker"))

    def the_run(self, run_id: int) -> Run:
        with tenant_scope(self.tenant_id) as session:
            run = runs.run_by_id(session, run_id)
        assert run is not None
        return run

    def remembers(self, fee_id: str, bursar_ref: str, balance_cents: int = 0) -> None:
        """A run has seen the fee, with the number that Alma gave it for the bursar."""
        with tenant_scope(self.tenant_id) as session:
            fee = SeenFee(
                fee_id=fee_id,
                patron_id=self.patron_id,
                emplid=self.emplid,
                bursar_ref=bursar_ref,
                status="ACTIVE",
                balance_cents=balance_cents,
            )
            session.add(fee)
            session.commit()

    def has_key(self, api_key: str) -> None:
        """The key of the campus's Alma."""
        with tenant_scope(self.tenant_id) as session:
            vault = Vault(self.settings.vault_keys, self.settings.vault_active_key)
            put_secret(session, vault, "alma_api_key", api_key, actor=SYSTEM)
            session.commit()

    @staticmethod
    def gives_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
        """A question is asked once only."""
        monkeypatch.setattr(AlmaCalls, "_pause", _give_up)

    def line(self, key: tuple[int, int]) -> PaymentLine:
        """A line as it is now."""
        with tenant_scope(self.tenant_id) as session:
            found = session.get(PaymentLine, (self.tenant_id, *key))
        assert found is not None
        return found

    def lines_of(self, payment_id: int) -> list[tuple[int, str, str, int]]:
        """All lines of a payment: number, state, rule, cents."""
        return self.rows(
            "SELECT n, state, rule, amount_cents FROM payment_line WHERE payment_id = :id ORDER BY n",
            id=payment_id,
        )

    def ledger(self, fee_ref: str) -> list[tuple[str, str, int]]:
        """What the ledger's Alma side says of a fee: side, event, cents."""
        return self.rows(
            "SELECT side, event, amount_cents FROM ledger_entry WHERE fee_ref = :ref ORDER BY id", ref=fee_ref
        )

    def rows(self, statement: str, **bound: Any) -> list[Any]:
        with tenant_scope(self.tenant_id) as session:
            return [tuple(row) for row in session.execute(text(statement), bound)]

    def booked(self, fee_id: str, event: str = "pay") -> list[tuple[int, str]]:
        """What the sandbox's own book says was paid on a fee: cents and external id."""
        return [
            (entry["amount_cents"], entry["external_transaction_id"])
            for entry in self.alma.book()["money"]
            if entry["event"] == event and entry["fee_id"] == fee_id
        ]

    def notes(self, run_id: int) -> str:
        with tenant_scope(self.tenant_id) as session:
            return "\n".join(event.note for event in runs.events_of(session, run_id))

    def changes(self, statement: str, **bound: Any) -> None:
        """Time passes, or a worker dies: what a test cannot wait for."""
        with tenant_scope(self.tenant_id) as session:
            session.execute(text(statement), bound)
            session.commit()


@pytest.fixture(scope="package")
def sandbox() -> Iterator[SandboxHandle]:
    """An Alma of its own for these tests."""
    with start_sandbox(only_alma=True, calls_per_second=1000) as running:
        yield running


@pytest.fixture
def environ(environ: dict[str, str], sandbox: SandboxHandle) -> dict[str, str]:
    """The portal may speak to that Alma."""
    return {**environ, "FEEBRIDGE_ALMA_HOSTS": sandbox.http}


@pytest.fixture
def alma(sandbox: SandboxHandle) -> Iterator[Caller]:
    """The library's desk."""
    caller = Caller(sandbox.http, sandbox.institutions[0]["api_key"])
    yield caller
    caller.clear_faults()


@pytest.fixture
def settles_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks and finds nothing believes it at once: nothing is slow in this Alma."""
    monkeypatch.setattr(send, "SETTLES_AFTER_S", 0.0)


@pytest.fixture
def campus(two_tenants: tuple[int, int], settings: Settings, alma: Caller, sandbox: SandboxHandle) -> Campus:
    """San Marcos, its key and its address of Alma set, with a patron who owes nothing yet."""
    people = [p for p in alma.patrons() if p["emplid"] and not p["fees"]]
    found = Campus(
        two_tenants[0],
        settings,
        alma,
        people[0]["primary_id"],
        people[0]["emplid"],
        [person["primary_id"] for person in people[1:]],
    )
    found.sets("alma", base_url=sandbox.http, institution_code="01CALS_USM", calls_per_second=25)
    found.has_key(alma.key)
    return found


def _give_up(_calls: AlmaCalls, _failed: Any, what: str, *_rest: Any) -> None:
    raise RetryableError(f"Alma did not answer while {what}.")
