"""Files that arrive, conversions, the ledger, and layouts that campuses share.

Revision ID: 0002
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

TENANT_TABLES = ("inbound_file", "alma_event", "bursar_row", "ledger_entry", "bursar_task")
# The sub-select is evaluated once per statement; a bare current_setting would be called for every row.
THIS_TENANT = "(SELECT current_setting('app.tenant_id')::int)"
GRANTS = {
    "inbound_file": "SELECT, INSERT, UPDATE",
    "alma_event": "SELECT, INSERT, UPDATE (run_id)",
    "bursar_row": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_entry": "SELECT, INSERT",
    "bursar_task": "SELECT, INSERT, UPDATE",
    "shared_layout": "SELECT, INSERT, UPDATE (withdrawn_at)",
}


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    for table in TENANT_TABLES:
        _force_row_security(table)
        op.execute(
            f"CREATE POLICY this_tenant ON {table} TO feebridge_app "
            f"USING (tenant_id = {THIS_TENANT}) WITH CHECK (tenant_id = {THIS_TENANT})"
        )
    # What a campus offers everybody may read; only the campus itself may add to it or withdraw it.
    _force_row_security("shared_layout")
    op.execute("CREATE POLICY everybody_reads ON shared_layout FOR SELECT TO feebridge_app USING (true)")
    for verb, checks in (
        ("INSERT", f"WITH CHECK (owner_id = {THIS_TENANT})"),
        ("UPDATE", f"USING (owner_id = {THIS_TENANT}) WITH CHECK (owner_id = {THIS_TENANT})"),
    ):
        op.execute(
            f"CREATE POLICY owner_{verb.lower()}s ON shared_layout FOR {verb} TO feebridge_app {checks}"
        )
    for table, verbs in GRANTS.items():
        op.execute(f"GRANT {verbs} ON {table} TO feebridge_app")
    # A column made anew has lost its grants; the scheduler reads states, times and counts, and nothing of a patron.
    op.execute("GRANT SELECT (lane) ON run TO feebridge_scheduler")
    op.execute(
        "GRANT SELECT (delivered_at, acknowledged_at, awaited_until) ON delivery TO feebridge_scheduler"
    )
    op.execute(
        "GRANT SELECT (tenant_id, id, kind, origin, state, run_id, received_at, settled_at) "
        "ON inbound_file TO feebridge_scheduler"
    )
    op.execute(
        "CREATE POLICY every_tenant_reads ON inbound_file FOR SELECT TO feebridge_scheduler USING (true)"
    )


def _force_row_security(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute(Path(__file__).with_suffix(".down.sql").read_text(encoding="utf-8"))
