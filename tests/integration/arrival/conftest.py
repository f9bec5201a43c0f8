"""A campus whose files arrive on a real SFTP server, and a sandbox Alma that writes them there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.serving import make_server

from webapp.adapters.files import FileStore
from webapp.app import create_app
from webapp.config import Settings
from webapp.models import InboundFile, Run, db
from webapp.models.scope import every_tenant_scope, tenant_scope
from webapp.sandbox.bursar_job import BursarJobs, BursarProfile
from webapp.sandbox.faults import FaultBoard
from webapp.sandbox.server import QuietHandler
from webapp.sandbox.settings import SandboxSettings, World, build_world
from webapp.sandbox.sftp_drop import SftpDrop
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import put_secret, store_values
from webapp.services.change_settings import vault_of
from webapp.services.submit_run import submit_run
from webapp.store import inbound, runs
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due
from worker.pipelines import PIPELINES
from worker.pipelines.bursar.receive import put_aside_original, receive
from worker.steps import Continue, Finish, Pipeline, Step, StepContext

PASSWORD = "open sesame, Alma"


def bursar_xml(*fee_refs: str, institution: str = "6761", export_number: str = "1521607") -> bytes:
    """A small bursar file with these fees."""
    fees = "".join(
        "<xb:userFineFee><xb:fineFeeType>OVERDUEFINE</xb:fineFeeType><xb:compositeSum><xb:currency>USD</xb:currency>"
        f"<xb:sum>12.5</xb:sum></xb:compositeSum><xb:bursarTransactionId>{ref}</xb:bursarTransactionId></xb:userFineFee>"
        for ref in fee_refs
    )
    return (
        '<xb:xml-fragment xmlns:xb="http://com/exlibris/urm/rep/externalsysfinesfees/xmlbeans">'
        f"<xb:userExportedFineFees><xb:exportNumber>{export_number}</xb:exportNumber></xb:userExportedFineFees>"
        "<xb:userExportedFineFees><xb:userExportedList><xb:userExportedFineFeesList><xb:user><xb:type>02</xb:type>"
        f"<xb:value>012345678</xb:value><xb:owneredEntity><xb:InstitutionId>{institution}</xb:InstitutionId>"
        f"</xb:owneredEntity></xb:user><xb:finefeeList>{fees}</xb:finefeeList></xb:userExportedFineFeesList>"
        "</xb:userExportedList></xb:userExportedFineFees></xb:xml-fragment>"
    ).encode()


@dataclass
class ArrivalCampus:
    """San Marcos, as a test drives it."""

    tenant_id: int
    settings: Settings
    drop: SftpDrop
    faults: FaultBoard
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where the campus's files arrive, on the server's disk."""
        return self.drop.root / "alma" / "out"

    @property
    def store(self) -> FileStore:
        return FileStore(self.settings.files_url)

    def sets(self, section: str = "arrival", **values: Any) -> None:
        with tenant_scope(self.tenant_id) as session:
            store_values(session, section, values, actor=SYSTEM)
            session.commit()

    def puts_secret(self, name: str, plain: str) -> None:
        with tenant_scope(self.tenant_id) as session:
            put_secret(session, vault_of(self.settings), name, plain, actor=SYSTEM)
            session.commit()

    def lays_down(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def lying(self) -> list[str]:
        return sorted(
            path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()
        )

    def look(self, **options: Any) -> Run:
        """A run that looks for files, carried out."""
        dry_run = options.pop("dry_run", False)
        run_id = submit_run(self.tenant_id, "bursar_conversion", dry_run=dry_run, options=options)
        self.work()
        return self.the_run(run_id)

    def work(self, queue: str = "interactive") -> None:
        carry_out_due(self.settings, queue, Interrupts("test worker"))

    def work_again(self, run_id: int) -> Run:
        with every_tenant_scope() as session:
            session.execute(
                text("UPDATE run SET not_before = clock_timestamp() WHERE id = :id"), {"id": run_id}
            )
            session.commit()
        self.work()
        return self.the_run(run_id)

    def the_run(self, run_id: int) -> Run:
        with tenant_scope(self.tenant_id) as session:
            return runs.run_by_id(session, run_id)

    def notes(self, run_id: int) -> str:
        with tenant_scope(self.tenant_id) as session:
            return "\n".join(event.note for event in runs.events_of(session, run_id))

    def arrived(self) -> list[InboundFile]:
        """Everything that arrived, in order."""
        with tenant_scope(self.tenant_id) as session:
            return list(reversed(inbound.newest(session, limit=100)))

    def states(self) -> list[str]:
        return [row.state for row in self.arrived()]

    def content(self, row: InboundFile) -> bytes:
        with self.store.open(row.store_key) as stored:
            return stored.read()

    def execute(self, statement: str) -> None:
        with tenant_scope(self.tenant_id) as session:
            session.execute(text(statement))
            session.commit()

    def scalar(self, statement: str) -> Any:
        with tenant_scope(self.tenant_id) as session:
            return session.scalar(text(statement))


@pytest.fixture
def faults() -> FaultBoard:
    """What goes wrong next."""
    return FaultBoard()


@pytest.fixture
def drop(tmp_path: Path, faults: FaultBoard) -> Iterator[SftpDrop]:
    """The server Alma's profile writes to."""
    server = SftpDrop(tmp_path / "drop", "alma", PASSWORD, faults=faults).start()
    yield server
    server.stop()


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An installation with a watched folder."""
    root = tmp_path / "watched"
    root.mkdir()
    return {**environ, "FEEBRIDGE_INBOUND_ROOT": str(root)}


@pytest.fixture
def campus(looking: ArrivalCampus, monkeypatch: pytest.MonkeyPatch) -> ArrivalCampus:
    """San Marcos, whose conversion is only its first step."""
    make_pipeline(monkeypatch, looking)
    return looking


@pytest.fixture
def looking(
    two_tenants: tuple[int, int], settings: Settings, drop: SftpDrop, faults: FaultBoard
) -> ArrivalCampus:
    """San Marcos looks on the SFTP server for files of the profile BURSAR."""
    found = ArrivalCampus(two_tenants[0], settings, drop, faults)
    drop.add_folder("alma/out")
    found.sets(
        place="sftp",
        sftp_host="127.0.0.1",
        sftp_port=drop.port,
        sftp_username="alma",
        sftp_directory="alma/out",
        sftp_host_keys=[drop.fingerprint],
        profile_code="BURSAR",
        settle_s=1,
    )
    found.puts_secret("arrival_sftp_password", PASSWORD)
    return found


def make_pipeline(monkeypatch: pytest.MonkeyPatch, campus: ArrivalCampus) -> None:
    """A conversion that stops after the file is in: receive, then settled as read and put aside."""

    def note(ctx: StepContext) -> Continue | Finish:
        result = ctx.result("receive")
        campus.results.append(result)
        if result["inbound_file_id"] is None:
            return Finish("nothing_to_send")
        if not ctx.run.dry_run:
            with ctx.transaction() as session:
                inbound.settle_file(session, result["inbound_file_id"], "done")
            put_aside_original(ctx, result["inbound_file_id"])
        return Continue()

    steps = (Step("receive", "Receive", receive), Step("note", "Note", note))
    monkeypatch.setitem(PIPELINES._places, "bursar_conversion", "")
    monkeypatch.setitem(
        PIPELINES._loaded, "bursar_conversion", Pipeline("bursar_conversion", "Bursar conversion", steps)
    )


@pytest.fixture
def portal_app(settings: Settings) -> Iterator[Flask]:
    """The portal's application."""
    app = create_app(settings)
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def portal_url(portal_app: Flask) -> Iterator[str]:
    """The portal, listening."""
    server = make_server("127.0.0.1", 0, portal_app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def alma(drop: SftpDrop) -> World:
    """A sandbox Alma whose drop is the campus's server."""
    world = build_world(SandboxSettings(today=date(2026, 11, 20)))
    return replace_drop(world, drop)


def replace_drop(world: World, drop: SftpDrop) -> World:
    """The same world, writing there."""
    return replace(world, drop_root=drop.root, drop=drop)


def run_export(alma: World, **choices: Any) -> dict[str, Any]:
    """Alma's nightly job, now."""
    return BursarJobs(alma).run(BursarProfile.from_mapping({"folder": "alma/out", **choices}))
