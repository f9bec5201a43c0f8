"""A campus against the sandbox process, as tests drive it: its source, its drop folder, its mail, its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import requests
from sqlalchemy import text

from webapp.adapters.files import FileStore
from webapp.adapters.vault import Vault
from webapp.models.scope import every_tenant_scope, tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import put_secret, store_values
from webapp.services.submit_run import submit_run
from webapp.services.violation_uploads import store_upload
from webapp.store import files, runs
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due

if TYPE_CHECKING:
    from pathlib import Path

    from webapp.config import Settings
    from webapp.models import Run
    from webapp.sandbox.process import SandboxHandle

TIMEOUT_S = 20
HEADINGS = "EMPLID,Balance,Violation Type,Violation Date,Ticket Number,User Type\n"
TWO_PATRONS = (
    "000000001,25.00,No permit,2026-09-01,T1,Student",
    "000000001,10.50,Meter,2026-10-01,T2,Student",
    "000000002,2.77,Meter,2026-10-02,T3,Staff",
)
TWO_HOLDS = {"000000001": 3550, "000000002": 277}


@dataclass(frozen=True)
class Faults:
    """What goes wrong next in the sandbox."""

    http: str

    def add(self, where: str, kind: str, *, times: int | None = 1, after: int = 0, **options: Any) -> None:
        described = {"where": where, "kind": kind, "times": times, "after": after, "options": options}
        answer = requests.post(f"{self.http}/faults", json=described, timeout=TIMEOUT_S)
        assert answer.status_code == 201, answer.text

    def clear(self) -> None:
        requests.delete(f"{self.http}/faults", timeout=TIMEOUT_S)


@dataclass
class Campus:
    """One campus; its mail goes to an address of this test's own, its files to a folder of this test's own."""

    tenant_id: int
    slug: str
    settings: Settings
    sandbox: SandboxHandle
    folder: Path
    address: str
    started: dict[str, int] = field(default_factory=dict)

    @property
    def store(self) -> FileStore:
        return FileStore(self.settings.files_url)

    # What it is given.

    def sets(self, section: str, **values: Any) -> None:
        with tenant_scope(self.tenant_id) as session:
            store_values(session, section, values, actor=SYSTEM)
            session.commit()

    def seals(self, name: str, plain: str) -> None:
        vault = Vault(self.settings.vault_keys, self.settings.vault_active_key)
        with tenant_scope(self.tenant_id) as session:
            put_secret(session, vault, name, plain, actor=SYSTEM)
            session.commit()

    def owes(self, *lines: str) -> None:
        """The parking system's newest list: EMPLID,Balance,Type,Date,Ticket,User type."""
        self.hands_in((HEADINGS + "".join(f"{line}\n" for line in lines)).encode())

    def hands_in(self, content: bytes, name: str = "violations.csv") -> None:
        store_upload(self.store, self.tenant_id, name, BytesIO(content))

    # What it does.

    def run(self, *, dry_run: bool = False) -> Run:
        run_id = submit_run(self.tenant_id, "holds_export", dry_run=dry_run)
        self.work()
        return self.the_run(run_id)

    def work(self) -> None:
        carry_out_due(self.settings, "interactive", Interrupts("test worker"))

    def work_again(self, run_id: int) -> Run:
        """As if the wait before the next try were over."""
        with every_tenant_scope() as session:
            session.execute(
                text("UPDATE run SET not_before = clock_timestamp() WHERE id = :id"), {"id": run_id}
            )
            session.commit()
        self.work()
        return self.the_run(run_id)

    # What came of it.

    def the_run(self, run_id: int) -> Run:
        with tenant_scope(self.tenant_id) as session:
            return runs.run_by_id(session, run_id)

    def notes(self, run: Run) -> str:
        with tenant_scope(self.tenant_id) as session:
            return "\n".join(event.note for event in runs.events_of(session, run.id))

    def built(self, run: Run) -> dict[str, str]:
        """What a run built: kind -> text."""
        with tenant_scope(self.tenant_id) as session:
            made = files.files_of(session, self.tenant_id, run.id)
        texts = {}
        for file in made:
            with self.store.open(file.store_key) as stored:
                texts[file.kind] = stored.read().decode()
        return texts

    def register(self) -> dict[str, int]:
        """EMPLID -> cents that PeopleSoft was last told."""
        with tenant_scope(self.tenant_id) as session:
            rows = session.execute(text("SELECT emplid, amount_cents FROM hold_register ORDER BY 1"))
            return dict(rows.all())

    def quarantine(self) -> dict[str, tuple[str, int | None]]:
        """Row -> (reason, cents) of every row that waits for a person."""
        with tenant_scope(self.tenant_id) as session:
            query = "SELECT row_ref, reason, amount_cents FROM quarantined_row WHERE resolved_at IS NULL"
            return {row: (reason, cents) for row, reason, cents in session.execute(text(query))}

    def deliveries(self, run: Run) -> dict[str, tuple[str, str]]:
        """Target -> (state, message) of a run's deliveries."""
        with tenant_scope(self.tenant_id) as session:
            found = files.deliveries_of(session, self.tenant_id, run.id)
        return {delivery.target: (delivery.state, delivery.message) for delivery in found}

    def dropped(self) -> dict[str, str]:
        """Everything in the campus's SFTP folder, hidden or not: name -> text."""
        return {path.name: path.read_text() for path in sorted(self.folder.iterdir()) if path.is_file()}

    def mails(self) -> list[dict[str, Any]]:
        """The mails this campus's people got, oldest first."""
        found = requests.get(f"{self.sandbox.http}/mailbox.json", timeout=TIMEOUT_S).json()["messages"]
        return [mail for mail in found if self.address in mail["envelope_to"]]

    def sftp_acts(self, *acts: str) -> list[dict[str, Any]]:
        """What was done at the SFTP server since this test began."""
        seen = requests.get(f"{self.sandbox.http}/drop.json", timeout=TIMEOUT_S).json()["operations"]
        return [one for one in seen[self.started["operations"] :] if one["act"] in acts]


def assert_failed_in_words(campus: Campus, run: Run, *words: str) -> None:
    """The run failed for good, and whoever gets the mail or opens the run reads why."""
    assert run.state == "failed", (run.state, run.story)
    message = run.error["message"]
    for word in words:
        assert word in message
    assert run.error["kind"] == "permanent"
    assert run.story == message
    last = campus.mails()[-1]
    assert "the export failed" in last["subject"]
    assert message in last["text"]
    assert f"/c/{campus.slug}/runs/{run.id}" in last["text"]


def assert_balances(run: Run) -> None:
    """Rows and cents in = told + known already + excluded by a named rule + quarantined."""
    counts = run.counts
    for unit, prefix in (("rows", "rows_"), ("cents", "cents_")):
        named = sum(value for name, value in counts.items() if name.startswith(prefix))
        assert named == counts[f"collected_{unit}"], counts
