"""One sandbox process for the folder; each test has a database, a drop folder, an address and faults of its own."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import requests

from tests.integration.bad_input.campus import TIMEOUT_S, Campus, Faults
from webapp.adapters.vault import Vault
from webapp.models.scope import tenant_scope
from webapp.sandbox.process import start_sandbox
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import put_secret, store_values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from webapp.config import Settings
    from webapp.sandbox.process import SandboxHandle

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Where the sandbox keeps what is delivered."""
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="session")
def sandbox(data: Path) -> Iterator[SandboxHandle]:
    """Alma, SFTP drop and mailbox in a process of their own."""
    with start_sandbox(
        data=data, patrons=100, calls_per_second=1000, loading_answers=0, analytics_live=True
    ) as running:
        yield running


@pytest.fixture
def faults(sandbox: SandboxHandle) -> Iterator[Faults]:
    """What goes wrong next; nothing at the start, nothing left for the next test."""
    board = Faults(sandbox.http)
    board.clear()
    yield board
    board.clear()


@pytest.fixture
def environ(environ: dict[str, str], sandbox: SandboxHandle) -> dict[str, str]:
    """Alma and the mail server are the sandbox's."""
    return {
        **environ,
        "FEEBRIDGE_ALMA_HOSTS": sandbox.http,
        "SMTP_HOST": sandbox.smtp["host"],
        "SMTP_PORT": str(sandbox.smtp["port"]),
        "SMTP_TLS": "none",
        "FEEBRIDGE_MAIL_FROM": "Feebridge <feebridge@example.edu>",
    }


def set_up(tenant_id: int, place: int, settings: Settings, sandbox: SandboxHandle, data: Path) -> Campus:
    """A campus with a violations file as its source, a drop folder, and one person to tell."""
    slug = ("csusm", "humboldt")[place]
    number = next(_numbers)
    folder = data / "drop" / f"{slug}-{number}"
    folder.mkdir()
    found = Campus(tenant_id, slug, settings, sandbox, folder, f"holds-{number}@{slug}.example")
    seen = requests.get(f"{sandbox.http}/drop.json", timeout=TIMEOUT_S).json()["operations"]
    found.started["operations"] = len(seen)
    institution = sandbox.institutions[place]
    sections = {
        "alma": {
            "base_url": sandbox.http,
            "institution_code": institution["code"],
            "calls_per_second": 25,
            "reserve_calls": 0,
        },
        "source": {"kind": "violations_file", "report_path": sandbox.report_path},
        "mapping": {"hold_code": "LIB", "hold_reason": "LFINE"},
        "delivery": {
            "sftp_enabled": True,
            "sftp_host": sandbox.sftp["host"],
            "sftp_port": sandbox.sftp["port"],
            "sftp_username": sandbox.sftp["username"],
            "sftp_auth": "password",
            "sftp_directory": folder.name,
            "sftp_host_keys": [sandbox.sftp["fingerprint"]],
            "mail_enabled": True,
        },
        "notification": {"recipients": [found.address]},
    }
    secrets = {"alma_api_key": institution["api_key"], "sftp_password": sandbox.sftp["password"]}
    vault = Vault(settings.vault_keys, settings.vault_active_key)
    with tenant_scope(tenant_id) as session:
        for section, values in sections.items():
            store_values(session, section, values, actor=SYSTEM)
        for name, plain in secrets.items():
            put_secret(session, vault, name, plain, actor=SYSTEM)
        session.commit()
    return found


@pytest.fixture
def campus(two_tenants, settings, sandbox, data, faults) -> Campus:
    """San Marcos, its debts in a parking system's file."""
    return set_up(two_tenants[0], 0, settings, sandbox, data)


@pytest.fixture
def other_campus(two_tenants, settings, sandbox, data, campus) -> Campus:
    """Humboldt, beside it."""
    return set_up(two_tenants[1], 1, settings, sandbox, data)


@pytest.fixture
def alma_campus(campus) -> Campus:
    """San Marcos, its debts in Alma's Analytics report."""
    campus.sets("source", kind="analytics")
    return campus
