"""The two campuses of the demonstration, set up as an administrator would do it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from webapp.adapters.vault import Vault
from webapp.domain.campus_settings import SECTIONS, form_text
from webapp.domain.schedule import ScheduleRule
from webapp.models import Membership, Person, Tenant
from webapp.models.scope import person_scope, tenant_scope
from webapp.services import campus_settings
from webapp.services.audit import Actor
from webapp.services.passwords import hash_password
from webapp.services.save_schedule import save_schedule
from webapp.store.people import person_by_email
from webapp.store.tenants import tenant_by_slug

DEMO = Actor(None, "demo")


@dataclass(frozen=True, slots=True)
class DemoAddresses:
    """Where the sandbox listens and what it is told."""

    alma_url: str
    sftp_host: str
    sftp_port: int
    sftp_username: str
    sftp_password: str
    sftp_fingerprint: str


@dataclass(frozen=True, slots=True)
class DemoCampus:
    """One campus of the demonstration; ``settings`` are changes to the defaults, section by section."""

    slug: str
    name: str
    institution: str
    alma_key: str
    settings: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Someone who can sign in to the demonstration."""

    email: str
    name: str
    campus: str
    role: str


CAMPUSES = (
    DemoCampus(
        "csusm",
        "San Marcos",
        "01CALS_USM",
        "sandbox-key-san-marcos",
        {
            "notification": {"recipients": ["library-holds@csusm.example"], "attach_files": False},
            "mapping": {"hold_code": "LIB", "hold_reason": "LFINE"},
            # Fees stay active in Alma; students pay in PeopleSoft, whose query drops what they paid.
            "payments": {
                "place": "delivery",
                "directory": "ps-csusm",
                "files": ["payments_*.csv"],
                "business_units": ["SMCMP"],
            },
            "posting": {"release": "at_once"},
            "arrival": {"settle_s": 1},
        },
    ),
    DemoCampus(
        "humboldt",
        "Humboldt",
        "01CALS_HUL",
        "sandbox-key-humboldt",
        {
            "notification": {"recipients": ["circulation@humboldt.example"]},
            "mapping": {
                "hold_code": "LB1",
                "hold_reason": "OWES",
                "institution": "HMCMP",
                "codes_by_type": {"Lost item replacement fee": "LB2/LOST"},
            },
            "files": {
                "layout": "holds-delimited-rich",
                "file_name": "{campus}_{kind}_{YYYY}{MM}{DD}_{sequence:4}.csv",
            },
            "bursar": {"layout": "humboldt-bursar", "community": "file"},
        },
    ),
)
PEOPLE = (
    DemoPerson("admin@consortium.example", "Casey Consortium", "", ""),
    DemoPerson("admin@csusm.example", "Ana Admin", "csusm", "admin"),
    DemoPerson("editor@csusm.example", "Eli Editor", "csusm", "editor"),
    DemoPerson("approver@csusm.example", "Ari Approver", "csusm", "approver"),
    DemoPerson("viewer@csusm.example", "Val Viewer", "csusm", "viewer"),
    DemoPerson("admin@humboldt.example", "Hana Humboldt", "humboldt", "admin"),
)
EVERY_EVENING = ScheduleRule(kind="daily", at=time(18, 0), zone="America/Los_Angeles")


def set_up_demo(
    addresses: DemoAddresses, vault: Vault, password: str, alma_hosts: tuple[str, ...]
) -> dict[str, int]:
    """Make or mend the demonstration's campuses and people; returns slug -> tenant id. Safe to repeat."""
    ids = {campus.slug: _campus(campus, addresses, vault, alma_hosts) for campus in CAMPUSES}
    for person in PEOPLE:
        _person(person, password, ids)
    return ids


def payments_folder(campus: DemoCampus) -> str:
    """Where the stand-in PeopleSoft drops what students of the campus paid."""
    return f"ps-{campus.slug}"


def arrival_folder(campus: DemoCampus) -> str:
    """Where the stand-in Alma puts the campus's bursar files."""
    return f"alma-{campus.slug}"


def _campus(campus: DemoCampus, addresses: DemoAddresses, vault: Vault, alma_hosts: tuple[str, ...]) -> int:
    with person_scope(None) as session:
        tenant = tenant_by_slug(session, campus.slug)
        is_new = tenant is None
        if tenant is None:
            tenant = Tenant(slug=campus.slug, name=campus.name, alma_institution=campus.institution)
            session.add(tenant)
            session.commit()
    # The sandbox listens on the same ports each time, but its host key and ports may be new.
    sections = {
        **({} if not is_new else campus.settings),
        "alma": {"base_url": addresses.alma_url, "institution_code": campus.institution},
        "delivery": {
            "sftp_enabled": True,
            "sftp_host": addresses.sftp_host,
            "sftp_port": addresses.sftp_port,
            "sftp_username": addresses.sftp_username,
            "sftp_directory": campus.slug,
            "sftp_host_keys": [addresses.sftp_fingerprint],
        },
    }
    if "bursar" in campus.settings:
        sections["arrival"] = {
            "place": "sftp",
            "sftp_host": addresses.sftp_host,
            "sftp_port": addresses.sftp_port,
            "sftp_username": addresses.sftp_username,
            "sftp_directory": arrival_folder(campus),
            "sftp_host_keys": [addresses.sftp_fingerprint],
            "settle_s": 1,
        }
    with tenant_scope(tenant.id) as session:
        for section, values in sections.items():
            stored, _ = campus_settings.read_section(session, section)
            merged = {**stored, **values}
            raw = {
                f.name: form_text(f, merged[f.name]) for f in SECTIONS[section].fields if f.kind != "secret"
            }
            campus_settings.change_section(session, section, raw, actor=DEMO, alma_hosts=alma_hosts)
        campus_settings.put_secret(session, vault, "alma_api_key", campus.alma_key, actor=DEMO)
        campus_settings.put_secret(session, vault, "sftp_password", addresses.sftp_password, actor=DEMO)
        if "arrival" in sections:
            campus_settings.put_secret(
                session, vault, "arrival_sftp_password", addresses.sftp_password, actor=DEMO
            )
        session.commit()
    if is_new:
        save_schedule(tenant.id, "holds_export", EVERY_EVENING, actor=DEMO)
    return tenant.id


def _person(wanted: DemoPerson, password: str, tenant_ids: Mapping[str, int]) -> None:
    with person_scope(None) as session:
        person = person_by_email(session, wanted.email)
        if person is not None:
            return
        person = Person(
            email=wanted.email,
            full_name=wanted.name,
            password_hash=hash_password(password),
            is_consortium_admin=not wanted.campus,
        )
        session.add(person)
        session.commit()
    if wanted.campus:
        with tenant_scope(tenant_ids[wanted.campus]) as session:
            session.add(Membership(person_id=person.id, role=wanted.role))
            session.commit()
