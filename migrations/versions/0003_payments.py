"""Money that comes back: payments and where they go, what Alma says of fees, journals, and how the books compare.

Revision ID: 0003
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"

# The sub-select is evaluated once per statement; a bare current_setting would be called for every row.
THIS_TENANT = "(SELECT current_setting('app.tenant_id')::int)"
# What a line says of money and of its place in the payment is written once.
LINE_COLUMNS_THAT_MOVE = (
    "op, state, fee_ref, fee_id, patron_id, rule, reason, tracking_id, message, attempts, run_id, sent_at, posted_at, "
    "owner_id, decision, decided_by, decided_at"
)
GRANTS = {
    "alma_fee": "SELECT, INSERT, UPDATE",
    "payment_item": "SELECT, INSERT, UPDATE",
    "payment_row": "SELECT, INSERT, UPDATE, DELETE",
    "payment": "SELECT, INSERT",
    "payment_line": f"SELECT, INSERT, UPDATE ({LINE_COLUMNS_THAT_MOVE})",
    "alma_transaction": "SELECT, INSERT, UPDATE",
    "difference": "SELECT, INSERT, UPDATE",
    "reconciliation_day": "SELECT, INSERT, UPDATE",
    "money_check": "SELECT, INSERT",
    "journal_line": "SELECT, INSERT, DELETE",
}
# States, times and sums for the money check of every campus; nothing that names a patron.
SCHEDULER_READS = {
    "payment": "tenant_id, id, kind, amount_cents, at",
    "payment_line": "tenant_id, payment_id, n, amount_cents, op, state, created_at, posted_at",
    "difference": "tenant_id, id, kind, books, first_seen_at, closed_at",
}


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    for table, verbs in GRANTS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY this_tenant ON {table} TO feebridge_app "
            f"USING (tenant_id = {THIS_TENANT}) WITH CHECK (tenant_id = {THIS_TENANT})"
        )
        op.execute(f"GRANT {verbs} ON {table} TO feebridge_app")
    for table, columns in SCHEDULER_READS.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO feebridge_scheduler")
        op.execute(
            f"CREATE POLICY every_tenant_reads ON {table} FOR SELECT TO feebridge_scheduler USING (true)"
        )
    # The scheduler takes the check.
    op.execute("GRANT SELECT, INSERT ON money_check TO feebridge_scheduler")
    op.execute(
        "CREATE POLICY every_tenant_checks ON money_check TO feebridge_scheduler USING (true) WITH CHECK (true)"
    )


def downgrade() -> None:
    op.execute(Path(__file__).with_suffix(".down.sql").read_text(encoding="utf-8"))
