"""Row security, the guard above it, and what each role may do."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from webapp.models import Base, HoldRegister, Run, TenantSetting
from webapp.models.base import TenantRow
from webapp.models.scope import TenantScopeError, every_tenant_scope, person_scope, tenant_scope

TENANT_TABLES = sorted(
    mapper.local_table.name for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantRow)
)


def test_a_campus_sees_its_own_settings_and_no_others(two_tenants):
    ours, theirs = two_tenants
    with tenant_scope(ours) as session:
        session.add(TenantSetting(section="policy", value={"minimum": 1}))
        session.commit()
        assert [row.section for row in session.scalars(select(TenantSetting))] == ["policy"]
    with tenant_scope(theirs) as session:
        assert session.scalars(select(TenantSetting)).all() == []


def test_row_security_holds_without_the_guard(two_tenants):
    ours, theirs = two_tenants
    with tenant_scope(ours) as session:
        session.add(TenantSetting(section="policy", value={}))
        session.commit()
    with tenant_scope(theirs) as session:
        assert session.scalar(text("SELECT count(*) FROM tenant_setting")) == 0
        with pytest.raises(DBAPIError, match="row-level security"):
            session.execute(
                text(f"INSERT INTO tenant_setting (tenant_id, section, value) VALUES ({ours}, 'x', '{{}}')")
            )


def test_the_scope_survives_a_commit_in_the_middle(two_tenants):
    ours, _ = two_tenants
    with tenant_scope(ours) as session:
        session.add(TenantSetting(section="a", value={}))
        session.commit()
        session.add(TenantSetting(section="b", value={}))
        session.commit()
        assert session.scalar(text("SELECT count(*) FROM tenant_setting")) == 2


@pytest.mark.parametrize("model", [Run, HoldRegister])
def test_outside_a_scope_the_guard_raises(two_tenants, model):
    with person_scope(None) as session, pytest.raises(TenantScopeError, match="outside tenant_scope"):
        session.scalars(select(model)).all()


def test_outside_a_scope_plain_sql_fails_closed(two_tenants):
    ours, _ = two_tenants
    with tenant_scope(ours) as session:
        session.add(TenantSetting(section="policy", value={}))
        session.commit()
    with person_scope(None) as session, pytest.raises(DBAPIError):
        session.execute(text("SELECT * FROM tenant_setting")).all()


def test_a_row_of_one_campus_cannot_be_added_in_the_scope_of_another(two_tenants):
    ours, theirs = two_tenants
    with tenant_scope(ours) as session:
        session.add(TenantSetting(tenant_id=theirs, section="x", value={}))
        with pytest.raises(TenantScopeError, match="nothing was written"):
            session.commit()


def test_the_scheduler_role_cannot_read_a_patron(two_tenants):
    with every_tenant_scope() as session:
        assert session.execute(text("SELECT id, state, counts FROM run")).all() == []
        for statement in (
            "SELECT * FROM hold_register",
            "SELECT emplid FROM hold_change",
            "SELECT story FROM run",
        ):
            with pytest.raises(DBAPIError, match="permission denied"):
                session.execute(text(statement))
            session.rollback()


@pytest.mark.parametrize("statement", ["TRUNCATE hold_register", "CREATE TABLE x (y int)", "DROP TABLE run"])
def test_the_application_role_may_neither_truncate_nor_create_nor_drop(two_tenants, statement):
    with (
        tenant_scope(two_tenants[0]) as session,
        pytest.raises(DBAPIError, match=r"permission denied|must be owner"),
    ):
        session.execute(text(statement))


def test_the_audit_log_can_only_grow(two_tenants):
    for verb in ("UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event"):
        with tenant_scope(two_tenants[0]) as session, pytest.raises(DBAPIError, match="permission denied"):
            session.execute(text(verb))


@pytest.mark.parametrize(
    "statement",
    [
        *(
            f"DELETE FROM {table}"
            for table in ("person", "tenant", "run", "run_event", "run_step", "effect", "delivery", "approval",
                          "quarantined_row", "layout_version")
        ),
        "UPDATE person SET email = 'somebody@else.example'",
        "UPDATE tenant SET slug = 'other'",
        "UPDATE tenant SET id = 1",
        "UPDATE run_event SET note = 'nothing happened'",
        "UPDATE layout_version SET body = '{}'",
        "UPDATE ledger_entry SET amount_cents = 0",
        "DELETE FROM ledger_entry",
    ],
)  # fmt: skip
def test_the_application_role_may_not_rewrite_what_happened_or_who_is_who(two_tenants, statement):
    with tenant_scope(two_tenants[0]) as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text(statement))


def test_no_role_but_the_owner_touches_a_sequence_and_only_a_few_tables_lose_rows(
    superuser: psycopg.Connection,
):
    deletes = superuser.execute(
        "SELECT table_name FROM information_schema.role_table_grants "
        "WHERE grantee = 'feebridge_app' AND privilege_type = 'DELETE' ORDER BY 1"
    ).fetchall()
    assert [name for (name,) in deletes] == [
        "bursar_row", "file", "hold_change", "hold_register", "journal_line", "login_throttle", "membership", "payment_row",
        "tenant_secret", "web_session",
    ]  # fmt: skip
    for role in ("feebridge_app", "feebridge_scheduler"):
        usable = superuser.execute(
            "SELECT seqrelid::regclass::text FROM pg_sequence "
            "WHERE has_sequence_privilege(%s, seqrelid, 'USAGE, SELECT, UPDATE')",
            (role,),
        ).fetchall()
        assert usable == []
    assert (
        superuser.execute(
            "SELECT table_name FROM information_schema.role_table_grants "
            "WHERE grantee = 'feebridge_scheduler' AND privilege_type IN ('DELETE', 'TRUNCATE')"
        ).fetchall()
        == []
    )


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_every_tenant_table_forces_row_security_and_leads_its_keys_with_the_tenant(
    superuser: psycopg.Connection, table: str
):
    enabled, forced = superuser.execute(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", (table,)
    ).fetchone()
    assert enabled, table
    assert forced, table
    policies = superuser.execute(
        "SELECT qual, with_check FROM pg_policies WHERE tablename = %s AND policyname = 'this_tenant'",
        (table,),
    ).fetchall()
    assert len(policies) == 1
    assert all("app.tenant_id" in clause for clause in policies[0])
    keys = superuser.execute(
        """
        SELECT c.conname, c.contype, a.attname, c.confrelid::regclass::text
        FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        WHERE c.conrelid = %s::regclass AND c.contype IN ('p', 'u', 'f')
        """,
        (table,),
    ).fetchall()
    for name, _kind, first_column, target in keys:
        assert first_column == "tenant_id" or target == "person", name


def test_no_table_with_a_tenant_is_left_out(superuser: psycopg.Connection):
    found = superuser.execute(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id' AND table_schema = 'public'"
    ).fetchall()
    assert sorted(name for (name,) in found) == TENANT_TABLES
