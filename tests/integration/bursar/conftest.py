"""A campus that bills: files handed in, a layout of its own, a real SFTP drop and mailbox, and a worker in this process."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.integration.bursar.alma_files import Fee, bursar_file
from webapp.adapters.files import FileStore
from webapp.adapters.vault import Vault
from webapp.models import LayoutVersion
from webapp.models.scope import every_tenant_scope, tenant_scope
from webapp.sandbox.faults import FaultBoard
from webapp.sandbox.sftp_drop import SftpDrop
from webapp.sandbox.smtp_box import SmtpBox
from webapp.services.audit import SYSTEM, Actor
from webapp.services.campus_settings import put_secret, store_values
from webapp.services.receive_file import Origin, Received, receive_file
from webapp.services.submit_run import submit_run
from webapp.store import files, runs
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from webapp.config import Settings
    from webapp.models import Run

ITEM_TYPES = [
    ["OVERDUEFINE", "300000006919"],
    ["LOSTITEMREPLACEMENTFEE", "300000006920"],
    ["LOSTITEMPROCESSFEE", "300000006918"],
]
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
                "otherwise": {"lookup": {"table": "item_types", "column": "item_type"}},
            },
            "required": True,
        },
        "term": {
            "value": {
                "first_of": [
                    {
                        "when": {"not": {"field": "original_term", "empty": True}},
                        "then": {"field": "original_term"},
                    }
                ],
                "otherwise": {"term": "terms", "on": "run"},
            },
        },
    },
    "tables": {
        "item_types": {
            "keys": ["fee_type"],
            "columns": ["item_type"],
            "rows": ITEM_TYPES,
        }
    },
    "calendars": {"terms": {"months": [[1, 12, "2{YY}7"]], "missing": "refuse"}},
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
            {"name": "item_type", "value": {"field": "item_type"}},
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
class Campus:
    """Humboldt, as a test drives it."""

    tenant_id: int
    settings: Settings
    drop: SftpDrop
    mailbox: SmtpBox
    faults: FaultBoard

    @property
    def store(self) -> FileStore:
        return FileStore(self.settings.files_url)

    def sets(self, section: str, **values: Any) -> None:
        """Change settings."""
        with tenant_scope(self.tenant_id) as session:
            store_values(session, section, values, actor=SYSTEM)
            session.commit()

    def saves_layout(self, body: dict[str, Any], version: int = 1, **values: Any) -> None:
        """One more version of the campus's own layout."""
        with tenant_scope(self.tenant_id) as session:
            session.add(LayoutVersion(name="own", version=version, body=body, **values))
            session.commit()

    def hands_in(
        self, *fees: Fee, export_number: str = "17492217040006761", name: str = "BURSAR-77-1.xml"
    ) -> Received:
        """Alma's file arrives; its run is asked for, and not carried out yet."""
        return self.hands_in_bytes(bursar_file(*fees, export_number=export_number), name)

    def hands_in_bytes(self, content: bytes, name: str = "BURSAR-77-1.xml") -> Received:
        origin = Origin("bursar_xml", "upload", name)
        return receive_file(
            self.tenant_id, origin, BytesIO(content), settings=self.settings, actor=Actor(None, "Ann")
        )

    def converts(self, *fees: Fee, **how: Any) -> Run:
        """Alma's file arrives and its run is carried out."""
        received = self.hands_in(*fees, **how)
        self.work()
        return self.the_run(received.run_id)

    def run(self, *, dry_run: bool = False, **options: Any) -> Run:
        """Ask for a run and carry it out."""
        run_id = submit_run(self.tenant_id, "bursar_conversion", dry_run=dry_run, options=options)
        self.work()
        return self.the_run(run_id)

    def work(self) -> None:
        """Carry out what is due, whoever asked for it."""
        for queue in ("interactive", "batch"):
            carry_out_due(self.settings, queue, Interrupts("test worker"))

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

    def the_run(self, run_id: int | None) -> Run:
        with tenant_scope(self.tenant_id) as session:
            run = runs.run_by_id(session, run_id or 0)
        assert run is not None
        return run

    def notes(self, run_id: int) -> str:
        with tenant_scope(self.tenant_id) as session:
            return "\n".join(event.note for event in runs.events_of(session, run_id))

    def files(self, run: Run) -> dict[str, list[str]]:
        """What a run built: kind -> lines."""
        with tenant_scope(self.tenant_id) as session:
            made = files.files_of(session, self.tenant_id, run.id)
        texts = {}
        for file in made:
            with self.store.open(file.store_key) as stored:
                texts[file.kind] = stored.read().decode().splitlines()
        return texts

    def dropped(self) -> dict[str, list[str]]:
        """Files in the campus's SFTP folder: name -> lines."""
        return {
            file.name: (self.drop.root / file.folder / file.name).read_text().splitlines()
            for file in self.drop.files()
        }

    def rows(self, run: Run) -> dict[str, tuple[str, str]]:
        """fee reference -> (verdict, rule) of a run's rows."""
        found = self.query(
            f"SELECT fee_ref, verdict, rule FROM bursar_row WHERE run_id = {run.id} ORDER BY n"
        )
        return {fee_ref: (verdict, rule) for fee_ref, verdict, rule in found}

    def desk(self) -> dict[str, str]:
        """What waits at the desk: row -> rule."""
        return dict(
            self.query("SELECT row_ref, rule FROM quarantined_row WHERE resolved_at IS NULL ORDER BY id")
        )

    def ledger(self) -> list[tuple[str, str, int, str]]:
        """The ledger's lines: fee reference, event, cents, item type."""
        return self.query("SELECT fee_ref, event, amount_cents, item_type FROM ledger_entry ORDER BY id")

    def inbound(self) -> list[str]:
        """The states of the files that arrived, oldest first."""
        return [state for (state,) in self.query("SELECT state FROM inbound_file ORDER BY id")]

    def query(self, statement: str) -> list[Any]:
        with tenant_scope(self.tenant_id) as session:
            return [tuple(row) for row in session.execute(text(statement))]

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
    server = SftpDrop(tmp_path / "drop", "humboldt", "open sesame", faults=faults).start()
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
    """Humboldt: a layout of its own with debits and credits, SFTP out, the report to two people."""
    found = Campus(two_tenants[1], settings, drop, mailbox, faults)
    drop.add_folder("inbox")
    found.saves_layout(LAYOUT)
    found.sets("bursar", layout="own", emplid_digits=9)
    found.sets(
        "delivery",
        sftp_enabled=True,
        sftp_host="127.0.0.1",
        sftp_port=drop.port,
        sftp_username="humboldt",
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
