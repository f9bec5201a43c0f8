"""Commands of those who run Feebridge: migrations, keys, the audit log, and what is not reachable."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from webapp.adapters.vault import Vault
from webapp.migrate import head_revision
from webapp.models.base import Base
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import open_secret

NEWER_KEY = "newer:OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="


def tables(superuser) -> set[str]:
    rows = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows} - {"alembic_version"}


def test_migrations_go_up_down_and_up_again_and_leave_what_the_models_say(feebridge, environ, superuser):
    whole = tables(superuser)
    assert "hold_register" in whole
    assert feebridge("migrate", "--to", "base").stdout == "The database is at revision empty.\n"
    assert tables(superuser) == set()
    assert feebridge("migrate").stdout == f"The database is at revision {head_revision()}.\n"
    assert tables(superuser) == whole
    assert feebridge("migrate").stdout == f"The database is at revision {head_revision()}.\n"
    engine = create_engine(environ["DATABASE_OWNER_URL"], poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": False}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_after_going_up_again_row_security_is_forced_on_every_campus_s_table(feebridge, superuser):
    feebridge("migrate", "--to", "base")
    feebridge("migrate")
    unprotected = superuser.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
        "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT c.relforcerowsecurity"
    ).fetchall()
    assert unprotected == []


def test_a_revision_that_does_not_exist_changes_nothing(feebridge, superuser):
    before = tables(superuser)
    assert "The database was not changed" in feebridge("migrate", "--to", "9999", code=2).stderr
    assert tables(superuser) == before


def test_a_database_without_tables_says_which_command_makes_them(feebridge):
    feebridge("migrate", "--to", "base")
    assert "Run: feebridge migrate" in feebridge("tenants", "list", code=4).stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"DATABASE_URL": "postgresql+psycopg://feebridge_app@127.0.0.1:1/none"},
            "The database could not be reached",
        ),
        ({"FEEBRIDGE_VAULT_KEYS": "test:short"}, "FEEBRIDGE_VAULT_KEYS"),
        ({"FEEBRIDGE_SECRET_KEY": ""}, "FEEBRIDGE_SECRET_KEY"),
    ],
)
def test_what_is_missing_is_named_and_ends_with_4(feebridge, changes, words):
    feebridge.environ.update(changes)
    assert words in feebridge("tenants", "list", code=4).stderr


def test_secrets_are_sealed_anew_with_the_first_key_and_open_without_the_old_one(
    two_tenants, feebridge, settings
):
    feebridge("tenants", "set", "csusm", "alma", "alma_api_key=@-", stdin="l7xx-one")
    feebridge("tenants", "set", "humboldt", "alma", "alma_api_key=@-", stdin="l7xx-two")
    feebridge.environ["FEEBRIDGE_VAULT_KEYS"] = f"{NEWER_KEY},{feebridge.environ['FEEBRIDGE_VAULT_KEYS']}"
    assert feebridge("secrets", "rewrap").stdout == "2 secrets are now sealed with key “newer”.\n"
    newer_only = Vault({"newer": b"98765432109876543210987654321098"}, "newer")
    for tenant_id, plain in zip(two_tenants, ("l7xx-one", "l7xx-two"), strict=True):
        with tenant_scope(tenant_id) as session:
            assert open_secret(session, newer_only, "alma_api_key") == plain


def test_a_lost_vault_key_is_named(two_tenants, feebridge):
    feebridge("tenants", "set", "csusm", "alma", "alma_api_key=@-", stdin="l7xx-one")
    feebridge.environ["FEEBRIDGE_VAULT_KEYS"] = NEWER_KEY
    refused = feebridge("secrets", "rewrap", code=4)
    assert "was sealed with key 'test', which this portal does not have" in refused.stderr


def test_an_audit_log_that_was_tampered_with_is_found_and_the_other_campus_s_is_whole(
    two_tenants, feebridge, superuser
):
    for slug in ("csusm", "humboldt"):
        for code in ("LIB", "LB2", "LB3"):
            feebridge("tenants", "set", slug, "mapping", f"hold_code={code}")
    assert feebridge("audit", "verify").stdout == "csusm: whole\nhumboldt: whole\n"
    superuser.execute(
        "UPDATE audit_event SET actor = 'nobody' WHERE tenant_id = %s AND n = 2", (two_tenants[0],)
    )
    told = feebridge("audit", "verify", code=1).stdout
    assert "csusm: Event 2 was changed after it was written." in told
    assert "humboldt: whole" in told
    superuser.execute("DELETE FROM audit_event WHERE tenant_id = %s AND n = 2", (two_tenants[0],))
    assert "csusm: Event 2 is missing" in feebridge("audit", "verify", code=1).stdout


def test_help_names_every_command_and_the_exit_codes(feebridge):
    told = feebridge("--help").stdout
    for name in (
        "demo",
        "run",
        "runs",
        "tenants",
        "people",
        "files",
        "mail",
        "migrate",
        "check-alma",
        "audit",
        "secrets",
    ):
        assert f"\n  {name} " in told
    assert "3 a person must approve" in " ".join(told.split())
