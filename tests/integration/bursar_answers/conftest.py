"""A campus that sent lines to PeopleSoft, its SFTP server, and a worker in this process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, text

from webapp.adapters.files import FileStore
from webapp.adapters.vault import Vault
from webapp.models import (
    BursarRow,
    BursarTask,
    Delivery,
    Effect,
    File,
    InboundFile,
    LedgerEntry,
    QuarantinedRow,
    Run,
)
from webapp.models.scope import tenant_scope
from webapp.sandbox.sftp_drop import SftpDrop
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import put_secret, store_values
from webapp.services.submit_run import submit_run
from webapp.store import runs
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from webapp.config import Settings

HEADING = "EMPLID,Reference,Item Type,Amount,Status,Message\n"


def line(fee_ref: str, amount_cents: int = 1000, **values: Any) -> dict[str, Any]:
    """A line of a file of charges as the ledger keeps it."""
    event = "charge" if amount_cents > 0 else "reversal"
    return {
        "fee_ref": fee_ref,
        "event": event,
        "amount_cents": amount_cents,
        "patron_id": "001234567",
        "emplid": "001234567",
        "fee_type": "OVERDUEFINE",
        "item_type": "072000000916",
        "term": "2238",
        "reference": fee_ref,
        **values,
    }


@dataclass
class Campus:
    """San Marcos, as a test drives it."""

    tenant_id: int
    settings: Settings
    drop: SftpDrop
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def store(self) -> FileStore:
        return FileStore(self.settings.files_url)

    def sets(self, section: str, **values: Any) -> None:
        with tenant_scope(self.tenant_id) as session:
            store_values(session, section, values, actor=SYSTEM)
            session.commit()

    def sent(self, *lines: dict[str, Any], name: str = "", pipeline: str = "bursar_conversion") -> int:
        """A file of these lines was built, delivered and confirmed; returns its number."""
        name = name or f"FEES_{next(self._numbers):04}.dat"
        with tenant_scope(self.tenant_id) as session:
            run = Run(
                pipeline=pipeline,
                trigger="person",
                scheduled_at=func.now(),
                state="succeeded",
                started_at=func.now(),
                finished_at=func.now(),
            )
            session.add(run)
            session.flush()
            file = File(
                run_id=run.id,
                kind="charges",
                name=name,
                store_key="none",
                size=1,
                sha256="0" * 64,
                row_count=len(lines),
                total_cents=sum(entry["amount_cents"] for entry in lines),
                confirmed_at=func.now(),
            )
            session.add(file)
            session.flush()
            for n, entry in enumerate(lines, 1):
                session.add(
                    LedgerEntry(
                        side="bursar",
                        run_id=run.id,
                        file_id=file.id,
                        line_no=n,
                        evidence={"n": n},
                        **entry,
                    )
                )
                session.add(
                    BursarRow(
                        run_id=run.id,
                        n=n,
                        fee_ref=entry["fee_ref"],
                        amount_cents=entry["amount_cents"],
                        body={
                            "fee_ref": entry["fee_ref"],
                            "emplid": entry["emplid"],
                            "patron_id": entry["patron_id"],
                            "fee_type": entry["fee_type"],
                            "amount_cents": entry["amount_cents"],
                            "item_title": "A book",
                            "transaction_on": "2026-08-01",
                        },
                    )
                )
            target = {
                "host": "127.0.0.1",
                "port": self.drop.port,
                "username": "csusm",
                "directory": "inbox",
            }
            effect = Effect(
                run_id=run.id,
                key=f"run:{run.id}:file:{file.id}:sftp",
                kind="sftp",
                state="confirmed",
                detail={"file_ids": [file.id], "target": target},
            )
            session.add(effect)
            session.add(
                Delivery(
                    run_id=run.id,
                    file_id=file.id,
                    target="sftp",
                    state="delivered",
                    remote_name=name,
                    delivered_at=func.now(),
                )
            )
            session.commit()
            return file.id

    def lies_there(self, name: str) -> Path:
        """The file of this name in the folder on the server."""
        path = self.drop.root / "inbox" / name
        path.write_text("lines")
        return path

    def answered(self, content: str | bytes, name: str = "results.csv") -> int:
        """PeopleSoft's load result has come in; returns its number."""
        data = content if isinstance(content, bytes) else content.encode()
        key = f"{self.tenant_id}/inbound/{next(self._numbers)}"
        with self.store.writer(key) as writer:
            writer.write(data)
        with tenant_scope(self.tenant_id) as session:
            inbound = InboundFile(
                kind="load_result",
                origin="upload",
                name=name,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                store_key=key,
            )
            session.add(inbound)
            session.commit()
            return inbound.id

    def look(self) -> Run:
        """Look for answers, as the schedule does."""
        run_id = submit_run(self.tenant_id, "bursar_acknowledgements")
        carry_out_due(self.settings, "interactive", Interrupts("test worker"))
        with tenant_scope(self.tenant_id) as session:
            return runs.run_by_id(session, run_id)

    def events(self) -> list[tuple[str, int | None, str]]:
        """Answers in the ledger: (fee, line, event), in order."""
        with tenant_scope(self.tenant_id) as session:
            found = session.scalars(
                select(LedgerEntry)
                .where(LedgerEntry.event.in_(("accepted", "rejected")))
                .order_by(LedgerEntry.id)
            )
            return [(entry.fee_ref, entry.line_no, entry.event) for entry in found]

    def desk(self) -> list[QuarantinedRow]:
        """Open rows on the desk."""
        with tenant_scope(self.tenant_id) as session:
            query = select(QuarantinedRow).where(QuarantinedRow.resolved_at.is_(None))
            return list(session.scalars(query.order_by(QuarantinedRow.id)))

    def tasks(self) -> list[BursarTask]:
        """What people asked for, in order."""
        with tenant_scope(self.tenant_id) as session:
            return list(session.scalars(select(BursarTask).order_by(BursarTask.id)))

    def inbound(self, inbound_id: int) -> InboundFile:
        with tenant_scope(self.tenant_id) as session:
            return session.get_one(InboundFile, (self.tenant_id, inbound_id))

    def delivery(self, file_id: int) -> Delivery:
        with tenant_scope(self.tenant_id) as session:
            return session.scalars(select(Delivery).where(Delivery.file_id == file_id)).one()

    def age_deliveries(self, hours: int) -> None:
        """As if every delivery had happened that long before."""
        with tenant_scope(self.tenant_id) as session:
            session.execute(
                text("UPDATE delivery SET delivered_at = delivered_at - :age"),
                {"age": timedelta(hours=hours)},
            )
            session.commit()


@pytest.fixture
def drop(tmp_path: Path) -> Iterator[SftpDrop]:
    """The campus's SFTP server."""
    server = SftpDrop(tmp_path / "drop", "csusm", "open sesame").start()
    yield server
    server.stop()


@pytest.fixture
def campus(two_tenants, settings: Settings, drop: SftpDrop) -> Campus:
    """San Marcos, with a delivery folder and the ready-made layout of load results."""
    found = Campus(two_tenants[0], settings, drop)
    drop.add_folder("inbox")
    found.sets("arrival", load_result_layout="load-result-csv")
    found.sets(
        "delivery",
        sftp_enabled=True,
        sftp_host="127.0.0.1",
        sftp_port=drop.port,
        sftp_username="csusm",
        sftp_auth="password",
        sftp_directory="inbox",
        sftp_host_keys=[drop.fingerprint],
    )
    with tenant_scope(found.tenant_id) as session:
        vault = Vault(settings.vault_keys, settings.vault_active_key)
        put_secret(session, vault, "sftp_password", "open sesame", actor=SYSTEM)
        session.commit()
    return found
