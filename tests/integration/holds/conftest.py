"""A campus with a violations file as its source, a real SFTP drop, a real mailbox, and a worker in this process."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from webapp.adapters.files import FileStore
from webapp.adapters.vault import Vault
from webapp.models.scope import every_tenant_scope, tenant_scope
from webapp.sandbox.faults import FaultBoard
from webapp.sandbox.sftp_drop import SftpDrop
from webapp.sandbox.smtp_box import SmtpBox
from webapp.services.audit import SYSTEM, Actor
from webapp.services.campus_settings import put_secret, store_values
from webapp.services.decide_approval import approve_run
from webapp.services.submit_run import submit_run
from webapp.services.violation_uploads import store_upload
from webapp.store import files, runs
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from webapp.config import Settings
    from webapp.models import Run

HEADINGS = "EMPLID,Balance,Violation Type,Violation Date,Ticket Number,User Type\n"


@dataclass
class Campus:
    """San Marcos, as a test drives it."""

    tenant_id: int
    settings: Settings
    drop: SftpDrop
    mailbox: SmtpBox
    faults: FaultBoard

    @property
    def store(self) -> FileStore:
        return FileStore(self.settings.files_url)

    def owes(self, *lines: str) -> None:
        """The parking system's newest list: EMPLID,Balance,Type,Date,Ticket,User type."""
        content = HEADINGS + "".join(f"{line}\n" for line in lines)
        store_upload(self.store, self.tenant_id, "violations.csv", BytesIO(content.encode()))

    def sets(self, section: str, **values: Any) -> None:
        """Change settings."""
        with tenant_scope(self.tenant_id) as session:
            store_values(session, section, values, actor=SYSTEM)
            session.commit()

    def hands_in(self, content: bytes) -> None:
        """The parking system's file, byte for byte."""
        store_upload(self.store, self.tenant_id, "violations.csv", BytesIO(content))

    def run(self, **options: Any) -> Run:
        """Submit a holds export and carry it out."""
        dry_run = options.pop("dry_run", False)
        pipeline = options.pop("pipeline", "holds_export")
        run_id = submit_run(self.tenant_id, pipeline, dry_run=dry_run, options=options)
        self.work()
        return self.the_run(run_id)

    def work(self) -> None:
        """Carry out what is due."""
        carry_out_due(self.settings, "interactive", Interrupts("test worker"))

    def work_again(self, run_id: int) -> Run:
        """As if the wait before the next attempt were over."""
        with every_tenant_scope() as session:
            session.execute(
                text("UPDATE run SET not_before = clock_timestamp() WHERE id = :id"), {"id": run_id}
            )
            session.commit()
        self.work()
        return self.the_run(run_id)

    def take_over(self, run_id: int) -> Run:
        """As if the worker had died a while ago, and another one came by."""
        with every_tenant_scope() as session:
            lapsed = "UPDATE run SET lease_until = clock_timestamp() - interval '1 s' WHERE id = :id"
            session.execute(text(lapsed), {"id": run_id})
            session.commit()
        self.work()
        return self.the_run(run_id)

    def approve(self, run_id: int) -> Run:
        """A person agrees."""
        approve_run(self.tenant_id, run_id, Actor(None, "Ann"), "")
        self.work()
        return self.the_run(run_id)

    def the_run(self, run_id: int) -> Run:
        with tenant_scope(self.tenant_id) as session:
            return runs.run_by_id(session, run_id)

    def notes(self, run_id: int) -> str:
        with tenant_scope(self.tenant_id) as session:
            return "\n".join(event.note for event in runs.events_of(session, run_id))

    def files(self, run: Run) -> dict[str, str]:
        """What a run built: kind -> text."""
        with tenant_scope(self.tenant_id) as session:
            made = files.files_of(session, self.tenant_id, run.id)
        texts = {}
        for file in made:
            with self.store.open(file.store_key) as stored:
                texts[file.kind + file.hold_code] = stored.read().decode()
        return texts

    def register(self) -> dict[str, int]:
        """EMPLID -> cents that PeopleSoft was last told."""
        with tenant_scope(self.tenant_id) as session:
            rows = session.execute(text("SELECT emplid, amount_cents FROM hold_register ORDER BY 1"))
            return dict(rows.all())

    def dropped(self) -> dict[str, str]:
        """Files in the campus's SFTP folder: name -> text."""
        return {
            file.name: (self.drop.root / file.folder / file.name).read_text() for file in self.drop.files()
        }

    def scalar(self, statement: str) -> Any:
        with tenant_scope(self.tenant_id) as session:
            return session.scalar(text(statement))


@pytest.fixture
def faults() -> FaultBoard:
    """What goes wrong next."""
    return FaultBoard()


@pytest.fixture
def drop(tmp_path: Path, faults: FaultBoard) -> Iterator[SftpDrop]:
    """The campus's SFTP server."""
    server = SftpDrop(tmp_path / "drop", "csusm", "open sesame", faults=faults).start()
    yield server
    server.stop()


@pytest.fixture
def mailbox(faults: FaultBoard) -> Iterator[SmtpBox]:
    """The mail server."""
    server = SmtpBox(faults=faults).start()
    yield server
    server.stop()


@pytest.fixture
def environ(environ: dict[str, str], mailbox: SmtpBox) -> dict[str, str]:
    """The portal's mail goes to that mail server."""
    return {
        **environ,
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mailbox.port),
        "SMTP_TLS": "none",
        "FEEBRIDGE_MAIL_FROM": "Feebridge <feebridge@example.edu>",
    }


@pytest.fixture
def campus(two_tenants, settings: Settings, drop: SftpDrop, mailbox: SmtpBox, faults: FaultBoard) -> Campus:
    """San Marcos: violations file in, SFTP out, the report to two people."""
    found = Campus(two_tenants[0], settings, drop, mailbox, faults)
    drop.add_folder("inbox")
    found.sets("source", kind="violations_file")
    found.sets("mapping", hold_code="LIB", hold_reason="LFINE")
    found.sets(
        "delivery",
        sftp_enabled=True,
        sftp_host="127.0.0.1",
        sftp_port=drop.port,
        sftp_username="csusm",
        sftp_auth="password",
        sftp_directory="inbox",
        sftp_host_keys=[drop.fingerprint],
        mail_enabled=True,
    )
    found.sets("notification", recipients=["bursar@example.edu", "library@example.edu"])
    with tenant_scope(found.tenant_id) as session:
        put_secret(
            session,
            Vault(settings.vault_keys, settings.vault_active_key),
            "sftp_password",
            "open sesame",
            actor=SYSTEM,
        )
        session.commit()
    return found
