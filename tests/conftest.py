"""Real peers for every test: a PostgreSQL and a Redis of the suite's own, an empty database for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from flask import Flask
from hypothesis import settings as hypothesis_settings

from tests.databases import Databases
from webapp.app import create_core
from webapp.config import Settings, load_settings
from webapp.embedded import EmbeddedPostgres, EmbeddedRedis, create_database
from webapp.migrate import migrate
from webapp.models import Tenant, db
from webapp.models.scope import person_scope

# Speed is measured by benchmarks; a busy machine must not fail a property.
hypothesis_settings.register_profile("house", deadline=None)
hypothesis_settings.load_profile("house")

TEMPLATE = "feebridge_template"


@dataclass(frozen=True)
class Services:
    """The suite's own servers."""

    postgres: EmbeddedPostgres
    redis: EmbeddedRedis


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """PostgreSQL and Redis from the wheels, in a short-named folder (Unix sockets have short paths)."""
    with tempfile.TemporaryDirectory(prefix="fb-", ignore_cleanup_errors=True) as folder:
        found = Services(EmbeddedPostgres(Path(folder)), EmbeddedRedis(Path(folder)))
        found.postgres.hold()
        found.redis.hold()
        with psycopg.connect(found.postgres.superuser_url("postgres"), autocommit=True) as connection:
            # Tests outlive crashes of the server, not of the machine: waiting for the disk would only cost time.
            for guard in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"ALTER SYSTEM SET {guard} = off")
            connection.execute("SELECT pg_reload_conf()")
            create_database(connection, TEMPLATE)
        migrate(found.postgres.urls(TEMPLATE)["DATABASE_OWNER_URL"])
        yield found
        found.redis.release()
        found.postgres.release()


@pytest.fixture(scope="session")
def databases(services: Services) -> Iterator[Databases]:
    """Made by one thread, one after the other."""
    with ThreadPoolExecutor(1, thread_name_prefix="databases") as maker:
        found = Databases(services.postgres.superuser_url, TEMPLATE, maker)
        yield found
        found.finish()


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The name of a migrated database with nothing in it."""
    name = databases.take()
    yield name
    databases.give_back(name)


@pytest.fixture
def superuser(services: Services, database: str) -> Iterator[psycopg.Connection]:
    """A connection that sees everything, to judge what the application did."""
    with psycopg.connect(services.postgres.superuser_url(database), autocommit=True) as connection:
        yield connection


@pytest.fixture
def environ(services: Services, database: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a Feebridge process on the test's own database, Redis and file store."""
    with redis.Redis(unix_socket_path=str(services.redis.socket)) as client:
        client.flushall()
    return {
        **services.postgres.urls(database),
        "REDIS_URL": services.redis.url,
        "FEEBRIDGE_FILES_URL": f"file://{tmp_path / 'files'}",
        "FEEBRIDGE_SECRET_KEY": "only-for-tests-0123456789-0123456789",
        "FEEBRIDGE_VAULT_KEYS": "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "FEEBRIDGE_ALLOW_PRIVATE_HOSTS": "yes",
        "FEEBRIDGE_SECURE_COOKIES": "no",
    }


@pytest.fixture
def settings(environ: dict[str, str]) -> Settings:
    """Those settings, read."""
    return load_settings(environ)


@pytest.fixture
def core(settings: Settings) -> Iterator[Flask]:
    """The application without pages, its context open."""
    app = create_core(settings)
    with app.app_context():
        yield app
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def two_tenants(core: Flask) -> tuple[int, int]:
    """San Marcos and Humboldt, with nothing set yet."""
    with person_scope(None) as session:
        tenants = [
            Tenant(slug="csusm", name="San Marcos", alma_institution="01CALS_USM"),
            Tenant(slug="humboldt", name="Humboldt", alma_institution="01CALS_HUL"),
        ]
        session.add_all(tenants)
        session.commit()
        return tenants[0].id, tenants[1].id
