"""Campuses with a real holds export, every one of them on the same other side; and their calendar."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from tests.faults.house import House, house
from tests.faults.other_side import OtherSide
from webapp.adapters.vault import Vault
from webapp.config import load_settings
from webapp.domain.schedule import ScheduleRule
from webapp.models import Membership, Person, Tenant
from webapp.models.scope import person_scope, tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import put_secret, store_values
from webapp.services.passwords import hash_password
from webapp.services.save_schedule import save_schedule

EDITOR, PASSWORD = "editor@campus.example", "a sentence of five words"
HOLDS_EXPORT = "holds_export"


@dataclass
class Campuses:
    """All of them. ``nightly`` follow the calendar; the ``apart`` one runs only when somebody asks.

    ``expected`` are the occurrences that were made due: (campus, campus wall-clock key).
    """

    home: House
    other_side: OtherSide
    nightly: list[int]
    apart: int
    expected: set[tuple[int, str]] = field(default_factory=set)
    _opened_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(second=0, microsecond=0))

    @staticmethod
    def institution(tenant_id: int) -> str:
        """The campus's institution code, which is also its folder in the drop."""
        return f"01CAMPUS_{tenant_id}"

    def make_due(self, tenant_id: int) -> None:
        """Every night is another minute of the clock: a schedule for it, whose time has just come."""
        night = sum(1 for campus, _ in self.expected if campus == tenant_id)
        due_at = self._opened_at - timedelta(minutes=1 + night)
        rule = ScheduleRule(kind="daily", at=due_at.time(), zone="UTC")
        save_schedule(tenant_id, HOLDS_EXPORT, rule, SYSTEM)
        self.home.sql(
            "UPDATE schedule SET next_due_at = %s, cursor_at = %s WHERE tenant_id = %s",
            due_at,
            due_at - timedelta(minutes=1),
            tenant_id,
        )
        self.expected.add((tenant_id, due_at.strftime("%Y-%m-%dT%H:%M")))


@contextmanager
def campuses(*, lease_s: int, count: int, seed: int) -> Iterator[Campuses]:
    """So many nightly campuses and one apart, set up; no process of Feebridge runs yet."""
    institutions = [Campuses.institution(tenant_id) for tenant_id in range(1, count + 2)]
    with tempfile.TemporaryDirectory(prefix="fb-", ignore_cleanup_errors=True) as folder:
        other_side = OtherSide(Path(folder), institutions, seed=seed)
        temporary = Path(folder) / "tmp"
        temporary.mkdir()
        try:
            environ = _environ(other_side) | {"TMPDIR": str(temporary)}
            with house(lease_s=lease_s, tenant_count=count + 1, more_environ=environ) as (home, _):
                for tenant_id in range(1, count + 2):
                    _set_up(home, other_side, tenant_id)
                _add_editor()
                yield Campuses(home, other_side, list(range(1, count + 1)), count + 1)
        finally:
            other_side.handle.stop()


def _environ(other_side: OtherSide) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    handle = other_side.handle
    return {
        "FEEBRIDGE_BIND": f"127.0.0.1:{port}",
        "FEEBRIDGE_BASE_URL": f"http://127.0.0.1:{port}",
        "FEEBRIDGE_SECURE_COOKIES": "no",
        "FEEBRIDGE_ALLOW_PRIVATE_HOSTS": "yes",
        "FEEBRIDGE_ALMA_HOSTS": handle.http,
        "FEEBRIDGE_MAIL_FROM": "feebridge@consortium.example",
        "SMTP_HOST": str(handle.smtp["host"]),
        "SMTP_PORT": str(handle.smtp["port"]),
        "SMTP_TLS": "none",
    }


def _set_up(home: House, other_side: OtherSide, tenant_id: int) -> None:
    settings = load_settings(home.environ)
    vault = Vault(settings.vault_keys, settings.vault_active_key)
    institution, sftp = Campuses.institution(tenant_id), other_side.handle.sftp
    sections = {
        "alma": {
            "base_url": other_side.handle.http,
            "institution_code": institution,
            "calls_per_second": 25,
        },
        "delivery": {
            "sftp_enabled": True,
            "sftp_host": sftp["host"],
            "sftp_port": sftp["port"],
            "sftp_username": sftp["username"],
            "sftp_directory": institution,
            "sftp_host_keys": [sftp["fingerprint"]],
        },
        "notification": {"recipients": [f"holds@campus{tenant_id}.example"]},
        # Nights follow one another within seconds here; what is normal for a campus is not what is tested.
        "policy": {"stop_factor": 0, "stop_patron_cents": 0, "stop_release_percent": 0},
        "files": {"file_name": "{campus}_{kind}_{hold_code}_{YYYY}{MM}{DD}_{sequence:4}.txt"},
    }
    if tenant_id % 2 == 0:
        sections["mapping"] = {"codes_by_type": {"Locker key": "LKR/KEY"}, "file_per_code": True}
    with tenant_scope(tenant_id) as session:
        for section, values in sections.items():
            store_values(session, section, values, actor=SYSTEM)
        put_secret(session, vault, "alma_api_key", f"key-of-{institution}", actor=SYSTEM)
        put_secret(session, vault, "sftp_password", sftp["password"], actor=SYSTEM)
        session.commit()


def _add_editor() -> None:
    with person_scope(None) as session:
        person = Person(email=EDITOR, full_name="Eli Editor", password_hash=hash_password(PASSWORD))
        session.add(person)
        session.commit()
        tenant_ids = list(session.scalars(select(Tenant.id)))
    for tenant_id in tenant_ids:
        with tenant_scope(tenant_id) as session:
            session.add(Membership(person_id=person.id, role="editor"))
            session.commit()
