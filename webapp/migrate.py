"""Bring a database to the newest schema, with the owner role."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
# One migration at a time on a database, however many deploys start at once.
MIGRATION_LOCK = 7_235_117


def alembic_config() -> Config:
    """The migration settings, without an ini file: there is nothing in one that we need."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def migrate(owner_url: str, *, revision: str = "head") -> str:
    """Move the database to ``revision`` (up, or down to an older one) and return the revision it is then at."""
    engine = create_engine(owner_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
            config = alembic_config()
            config.attributes["connection"] = connection
            if _is_older(config, connection, revision):
                command.downgrade(config, revision)
            else:
                command.upgrade(config, revision)
            connection.commit()
            return current_revision(connection) or "empty"
    finally:
        engine.dispose()


def current_revision(connection: Connection) -> str | None:
    """The revision the database is at, or None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """The newest revision this code knows."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def _is_older(config: Config, connection: Connection, revision: str) -> bool:
    if revision == "base":
        return True
    current = current_revision(connection)
    if revision == "head" or current is None:
        return False
    ordered = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    # A revision nobody knows is left to alembic, which says so.
    return revision in ordered and ordered.index(revision) > ordered.index(current)
