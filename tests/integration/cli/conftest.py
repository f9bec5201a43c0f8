"""The ``feebridge`` command on a database of the test's own, run in this process."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from webapp.adapters.files import FileStore
from webapp.cli import main
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import store_values
from webapp.services.violation_uploads import store_upload
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due

if TYPE_CHECKING:
    from pathlib import Path

    from webapp.config import Settings

HEADINGS = "EMPLID,Balance,Violation Type,Violation Date,Ticket Number\n"
LINES = ("000000001,25.00,Meter,2026-10-01,T1", "000000002,2.77,Meter,2026-10-02,T2")


@dataclass
class Command:
    """``feebridge`` as a shell calls it."""

    environ: dict[str, str]

    def __call__(self, *arguments: str, code: int = 0, stdin: str | bytes = "") -> Result:
        """What it said; fails when it ended with another code than ``code``."""
        done = CliRunner(env=self.environ).invoke(main, list(arguments), input=stdin)
        assert done.exit_code == code, (done.exit_code, done.output, done.exception)
        return done


@dataclass
class Shop:
    """San Marcos with a violations file as its source and files to be fetched; no other server is needed."""

    tenant_id: int
    settings: Settings

    def owes(self, *lines: str) -> None:
        content = HEADINGS + "".join(f"{line}\n" for line in lines)
        store = FileStore(self.settings.files_url)
        store_upload(store, self.tenant_id, "violations.csv", BytesIO(content.encode()))

    def sets(self, section: str, **values: Any) -> None:
        with tenant_scope(self.tenant_id) as session:
            store_values(session, section, values, actor=SYSTEM)
            session.commit()

    def work(self) -> None:
        """What a worker would do now."""
        carry_out_due(self.settings, "interactive", Interrupts("test worker"))


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A data folder of the test's own, though the servers are named."""
    return {**environ, "FEEBRIDGE_DATA": str(tmp_path / "data")}


@pytest.fixture
def feebridge(environ: dict[str, str]) -> Command:
    """The command."""
    return Command(environ)


@pytest.fixture
def shop(two_tenants, settings: Settings) -> Shop:
    """San Marcos, two patrons owing; Humboldt is there too, with nothing set."""
    found = Shop(two_tenants[0], settings)
    found.sets("source", kind="violations_file")
    found.sets("mapping", hold_code="LIB")
    found.sets("delivery", sftp_enabled=False, mail_enabled=False)
    found.owes(*LINES)
    return found
