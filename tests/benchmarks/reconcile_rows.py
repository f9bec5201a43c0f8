"""Three books of a large campus, equal but for three fees in a thousand: Alma's, ours and PeopleSoft's.

Every fee is charged, listed by PeopleSoft and known from Alma; every third was paid in PeopleSoft and posted to Alma. Of a
thousand fees one has a payment that Alma does not show, one another balance in Alma, one another amount in PeopleSoft.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

FEES = int(os.environ.get("FEEBRIDGE_BENCH_RECONCILE", "1000000"))

# Fee p is of student p / 4.
_REF = "(17000000000000 + p)::text"
_EMPLID = "lpad((p / 4)::text, 9, '0')"
_CENTS = "(1000 + p * 7 % 9000)"
_PAY_REF = "'FB' || lpad(translate(p::text, '0189', 'ABCD'), 18, 'A')"
_IS_PAID = "p % 3 = 0"
_ALL = f"generate_series(1, {FEES}) p"

_BOOKS = (
    f"""
    INSERT INTO ledger_entry (tenant_id, fee_ref, side, event, amount_cents, patron_id, emplid, fee_type, item_type, term,
                              billing_on, reference, run_id, file_id, line_no, at)
    SELECT 1, {_REF}, 'bursar', 'charge', {_CENTS}, {_EMPLID}, {_EMPLID}, 'OVERDUEFINE', '300000006919', '2267',
           DATE '2026-09-01', {_REF}, 1, 1, p, now() - interval '20 days'
    FROM {_ALL}
    """,
    f"""
    INSERT INTO alma_fee (tenant_id, fee_id, patron_id, emplid, fee_type, status, balance_cents, original_cents, library,
                          title)
    SELECT 1, {_REF}, {_EMPLID}, {_EMPLID}, 'OVERDUEFINE', CASE WHEN {_IS_PAID} THEN 'CLOSED' ELSE 'ACTIVE' END,
           CASE WHEN {_IS_PAID} THEN 0 WHEN p % 1000 = 1 THEN {_CENTS} - 100 ELSE {_CENTS} END, {_CENTS}, 'MAIN',
           'The title of the book that was kept, number ' || p
    FROM {_ALL}
    """,
    f"""
    INSERT INTO payment (tenant_id, id, ref, source, kind, event_key, item_key, amount_cents, emplid, patron_id, reference,
                         item_type, term, paid_on, run_id, inbound_file_id, line, at)
    SELECT 1, p, {_PAY_REF}, 'peoplesoft', 'payment', 'item:' || p || '#1', 'HMCMP|' || p, {_CENTS}, {_EMPLID}, {_EMPLID},
           {_REF}, '300000006919', '2267', current_date - (p % 15)::int, 1, 1, p, now() - (p % 15) * interval '1 day'
    FROM {_ALL} WHERE {_IS_PAID}
    """,
    f"""
    INSERT INTO payment_line (tenant_id, payment_id, n, amount_cents, state, fee_ref, fee_id, patron_id, reason,
                              external_id, tracking_id, run_id, posted_at)
    SELECT 1, p, 1, {_CENTS}, 'posted', {_REF}, {_REF}, {_EMPLID}, 'Its reference names the fee.', {_PAY_REF} || '-1',
           p::text, 1, now() - interval '3 days'
    FROM {_ALL} WHERE {_IS_PAID}
    """,
    f"""
    INSERT INTO ledger_entry (tenant_id, fee_ref, side, event, amount_cents, patron_id, emplid, reference, run_id, at,
                              evidence)
    SELECT 1, {_REF}, side, 'payment', -{_CENTS}, {_EMPLID}, {_EMPLID}, {_PAY_REF} || '-1', 1, now() - interval '3 days',
           jsonb_build_object('payment_id', p, 'n', 1, 'external_id', {_PAY_REF} || '-1')
    FROM {_ALL} CROSS JOIN (VALUES ('bursar'), ('alma')) both_sides (side) WHERE {_IS_PAID}
    """,
    f"""
    INSERT INTO alma_transaction (tenant_id, fee_id, transaction_key, patron_id, type_code, amount_cents, transaction_at,
                                  external_id, method, created_by)
    SELECT 1, {_REF}, p::text, {_EMPLID}, 'PAYMENT', {_CENTS}, now() - interval '3 days', {_PAY_REF} || '-1', 'ONLINE',
           'exl_api'
    FROM {_ALL} WHERE {_IS_PAID} AND p % 1000 <> 3
    """,
    f"""
    INSERT INTO payment_item (tenant_id, item_key, emplid, reference, item_type, term, amount_cents, applied_cents,
                              updated_at)
    SELECT 1, 'HMCMP|' || p, {_EMPLID}, {_REF}, '300000006919', '2267',
           {_CENTS} + CASE WHEN p % 1000 = 2 THEN 500 ELSE 0 END, CASE WHEN {_IS_PAID} THEN {_CENTS} ELSE 0 END,
           now() - interval '3 days'
    FROM {_ALL}
    """,
)
TABLES = ("ledger_entry", "alma_fee", "payment", "payment_line", "alma_transaction", "payment_item")


def fill(connection: psycopg.Connection[Any]) -> None:
    """Write the books, vacuumed as autovacuum would have them."""
    connection.execute("INSERT INTO tenant (slug, name) VALUES ('humboldt', 'Humboldt')")
    connection.execute("""
        INSERT INTO run (tenant_id, id, pipeline, trigger, scheduled_at, state, started_at, finished_at)
        VALUES (1, 1, 'balance_export', 'person', now(), 'succeeded', now(), now())
    """)
    connection.execute(
        """
        INSERT INTO file (tenant_id, id, run_id, kind, name, store_key, size, sha256, row_count, total_cents, confirmed_at)
        VALUES (1, 1, 1, 'debits', 'debits.dat', 'x', 1, 'x', %s, 1, now())
        """,
        (FEES,),
    )
    connection.execute("SELECT setval(pg_get_serial_sequence('run', 'id'), 100)")
    for statement in _BOOKS:
        connection.execute(statement)
    for table in TABLES:
        connection.execute(f"VACUUM ANALYZE {table}")
    connection.execute("CHECKPOINT")


def planted() -> dict[str, int]:
    """Kind -> how many differences the books have."""
    numbers = range(1, FEES + 1)
    return {
        # Paid and charged anew in no book: the other amount in PeopleSoft is one of its own, whether paid or not.
        "amount": sum(p % 1000 == 2 or (p % 1000 == 1 and p % 3 != 0) for p in numbers),
        "missing_there": sum(p % 1000 == 3 and p % 3 == 0 for p in numbers),
    }
