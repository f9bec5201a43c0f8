"""First tables, with row security forced on every campus's table.

Revision ID: 0001
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

TENANT_TABLES = (
    "approval",
    "audit_event",
    "delivery",
    "effect",
    "file",
    "hold_change",
    "hold_register",
    "layout_version",
    "membership",
    "occurrence",
    "quarantined_row",
    "run",
    "run_event",
    "run_step",
    "schedule",
    "temporary_release",
    "tenant_secret",
    "tenant_setting",
)
GLOBAL_TABLES = ("tenant", "person", "web_session", "login_throttle")

# The sub-select is evaluated once per statement; a bare current_setting would be called for every row.
THIS_TENANT = "tenant_id = (SELECT current_setting('app.tenant_id')::int)"
# Someone signing in has no campus yet; a missing setting must hide rows here, not raise.
MAYBE_THIS_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::int)"
THIS_PERSON = "person_id = (SELECT nullif(current_setting('app.person_id', true), '')::int)"

# Whatever is not named here the web and the workers may read, add and change, and never delete.
DELETED_BY_APP = frozenset(
    {"file", "hold_change", "hold_register", "login_throttle", "membership", "tenant_secret", "web_session"}
)
ONLY_GROWING = frozenset({"audit_event", "layout_version", "occurrence", "run_event"})
CHANGED_BY_APP = {
    "person": "password_hash, is_consortium_admin, is_active, last_login_at",
    "tenant": "name, alma_institution, time_zone, is_active",
}

RUN_COLUMNS_SCHEDULER_READS = (
    "tenant_id, id, pipeline, trigger, queue, occurrence_id, dry_run, scheduled_at, window_from_at, state, step, "
    "progress_done, progress_total, counts, attempt, not_before, cancel_requested, lease_token, lease_until, "
    "lease_holder, created_at, started_at, finished_at"
)
RUN_COLUMNS_SCHEDULER_INSERTS = "tenant_id, pipeline, trigger, queue, occurrence_id, scheduled_at, window_from_at, state, story, not_before"
RUN_COLUMNS_SCHEDULER_UPDATES = (
    "state, story, attempt, not_before, lease_token, lease_until, lease_holder, started_at, finished_at"
)


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        check = MAYBE_THIS_TENANT if table == "membership" else THIS_TENANT
        op.execute(
            f"CREATE POLICY this_tenant ON {table} TO feebridge_app USING ({check}) WITH CHECK ({check})"
        )
    op.execute(f"CREATE POLICY own_rows ON membership FOR SELECT TO feebridge_app USING ({THIS_PERSON})")
    _grant_app()
    _grant_scheduler()


def _grant_app() -> None:
    op.execute("GRANT USAGE ON SCHEMA public TO feebridge_app, feebridge_scheduler")
    for table in (*TENANT_TABLES, *GLOBAL_TABLES):
        verbs = ["SELECT", "INSERT"]
        if table in CHANGED_BY_APP:
            verbs.append(f"UPDATE ({CHANGED_BY_APP[table]})")
        elif table not in ONLY_GROWING:
            verbs.append("UPDATE")
        if table in DELETED_BY_APP:
            verbs.append("DELETE")
        op.execute(f"GRANT {', '.join(verbs)} ON {table} TO feebridge_app")
    # The portal says of itself whether its schema is the newest.
    op.execute("GRANT SELECT ON alembic_version TO feebridge_app")


def _grant_scheduler() -> None:
    """States and counts of every campus, and nothing that names a patron."""
    op.execute("GRANT SELECT, UPDATE (last_served_at) ON tenant TO feebridge_scheduler")
    op.execute(
        "GRANT SELECT, UPDATE (cursor_at, next_due_at, next_local_key) ON schedule TO feebridge_scheduler"
    )
    op.execute("GRANT SELECT, INSERT ON occurrence TO feebridge_scheduler")
    op.execute(
        f"GRANT SELECT ({RUN_COLUMNS_SCHEDULER_READS}), INSERT ({RUN_COLUMNS_SCHEDULER_INSERTS}), "
        f"UPDATE ({RUN_COLUMNS_SCHEDULER_UPDATES}) ON run TO feebridge_scheduler"
    )
    op.execute("GRANT INSERT ON run_event TO feebridge_scheduler")
    op.execute(
        "GRANT SELECT (tenant_id, id, run_id, kind, state, created_at) ON effect TO feebridge_scheduler"
    )
    op.execute(
        "GRANT SELECT (tenant_id, id, run_id, first_seen_at, resolved_at) ON quarantined_row TO feebridge_scheduler"
    )
    op.execute(
        "GRANT SELECT (tenant_id, id, run_id, requested_at, decision), INSERT (tenant_id, run_id, reasons) "
        "ON approval TO feebridge_scheduler"
    )
    op.execute("GRANT SELECT (tenant_id, run_id, state, target) ON delivery TO feebridge_scheduler")
    op.execute("GRANT SELECT (tenant_id, person_id, role) ON membership TO feebridge_scheduler")
    for table in (
        "membership",
        "schedule",
        "occurrence",
        "run",
        "effect",
        "quarantined_row",
        "approval",
        "delivery",
    ):
        op.execute(
            f"CREATE POLICY every_tenant_reads ON {table} FOR SELECT TO feebridge_scheduler USING (true)"
        )
    for table in ("occurrence", "run", "run_event", "approval"):
        op.execute(
            f"CREATE POLICY every_tenant_adds ON {table} FOR INSERT TO feebridge_scheduler WITH CHECK (true)"
        )
    for table in ("schedule", "run"):
        op.execute(
            f"CREATE POLICY every_tenant_moves ON {table} FOR UPDATE TO feebridge_scheduler USING (true) WITH CHECK (true)"
        )


def downgrade() -> None:
    for table in (*TENANT_TABLES, *GLOBAL_TABLES):
        op.execute(f"DROP TABLE IF EXISTS {table} CASCADE")
