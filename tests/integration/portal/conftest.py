"""The portal as a test client sees it, with people of every role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import argon2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache

from webapp.app import create_app
from webapp.config import Settings
from webapp.models import Membership, Person, Tenant, db
from webapp.models.scope import person_scope, tenant_scope
from webapp.services import passwords

PASSWORD = "plum window seven harbour"


class KeptTemplates(BytecodeCache):
    """Templates compiled once for all portals of the suite: they are half of what a test costs."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (code := self._kept.get(bucket.key)) is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


TEMPLATES = KeptTemplates()


@pytest.fixture(autouse=True)
def quick_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing that takes no time; its cost has a test of its own."""
    monkeypatch.setattr(passwords, "HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def portal(settings: Settings, quick_hashing: None) -> Iterator[Flask]:
    """The portal. No context is open: a request would share it, and with it who is signed in."""
    app = create_app(settings)
    app.jinja_env.bytecode_cache = TEMPLATES
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@dataclass(frozen=True)
class People:
    """Ids: two campuses, a person of each role at the first, the admin of the second, a consortium admin."""

    csusm: int
    humboldt: int
    by_role: dict[str, int]
    humboldt_admin: int
    consortium_admin: int


@pytest.fixture
def people(portal: Flask) -> People:
    """San Marcos and Humboldt with their people; everyone's password is PASSWORD."""
    with portal.app_context():
        return _make_people()


def _make_people() -> People:
    password_hash = passwords.hash_password(PASSWORD)
    with person_scope(None) as session:
        tenants = [
            Tenant(slug="csusm", name="San Marcos", alma_institution="01CALS_USM"),
            Tenant(slug="humboldt", name="Humboldt", alma_institution="01CALS_HUL"),
        ]
        persons = {
            role: Person(
                email=f"{role}@csusm.example", full_name=f"Csusm {role.title()}", password_hash=password_hash
            )
            for role in ("viewer", "approver", "editor", "admin")
        }
        persons["humboldt"] = Person(
            email="admin@humboldt.example", full_name="Hum Admin", password_hash=password_hash
        )
        persons["consortium"] = Person(
            email="boss@consortium.example",
            full_name="Consortium Boss",
            password_hash=password_hash,
            is_consortium_admin=True,
        )
        session.add_all([*tenants, *persons.values()])
        session.commit()
        csusm, humboldt = (tenant.id for tenant in tenants)
        ids = {role: person.id for role, person in persons.items()}
    with tenant_scope(csusm) as session:
        session.add_all(
            [Membership(person_id=ids[role], role=role) for role in ("viewer", "approver", "editor", "admin")]
        )
        session.commit()
    with tenant_scope(humboldt) as session:
        session.add(Membership(person_id=ids["humboldt"], role="admin"))
        session.commit()
    by_role = {role: ids[role] for role in ("viewer", "approver", "editor", "admin")}
    return People(csusm, humboldt, by_role, ids["humboldt"], ids["consortium"])


class Browser:
    """A test client that carries the form token as a page would."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, buffered=True, **options)

    def token(self, path: str = "/sign-in") -> str:
        """The form token of a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(path).text)
        assert found, f"{path} has no form"
        return found.group(1)

    def post(
        self, path: str, form: dict[str, Any] | None = None, *, form_page: str = "/account", **options: Any
    ) -> Any:
        return self.client.post(path, data={"csrf_token": self.token(form_page), **(form or {})}, **options)

    def sign_in(self, email: str, password: str = PASSWORD, **options: Any) -> Any:
        form = {"csrf_token": self.token(), "email": email, "password": password}
        return self.client.post("/sign-in", data=form, **options)


@pytest.fixture
def browser(portal: Flask) -> Browser:
    """A stranger's browser."""
    return Browser(portal.test_client())


@pytest.fixture
def browser_of(portal: Flask, people: People):
    """A browser in which a person of the role is signed in ("consortium" and "humboldt" too)."""
    addresses = {"consortium": "boss@consortium.example", "humboldt": "admin@humboldt.example"}

    def open_browser(role: str) -> Browser:
        opened = Browser(portal.test_client())
        answer = opened.sign_in(addresses.get(role, f"{role}@csusm.example"))
        assert answer.status_code == 303, answer.text
        return opened

    return open_browser
