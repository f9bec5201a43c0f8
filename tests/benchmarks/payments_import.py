"""A file of payments at the size of the largest campuses, against the least that PostgreSQL itself must do with it.

Ours: a PeopleSoft query's CSV read, compared with what is known of each item, staged, matched to fees and planned line by
line, in a process of its own whose memory is measured. Bare: the same CSV by COPY into an unindexed table, joined with the
items known and with the charges.

As on a usual day two rows in a hundred have news, and the others were last updated when they were last seen; of the news
one in a hundred names no fee and is spread over its student's fees, one in a hundred brings more than is owed. Said beside
it: a file by which every item was updated since, as one is read that has no such column; and a campus's first file, in which
all rows are news.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.benchmarks.ratio import Ratio
from webapp.embedded import EmbeddedPostgres, EmbeddedRedis, create_database
from webapp.migrate import migrate

ROWS = int(os.environ.get("FEEBRIDGE_BENCH_PAYMENTS", "1000000"))
ROUNDS = 3
RSS_LIMIT_MIB = 256
TARGET = 3.0
_MEMORY = "SET work_mem = '192MB'"

# Fee p is of student p / 4. What row p of the file says of it; cents as PeopleSoft would print them.
_CHARGED = "(1000 + p * 7 % 9000)"
_APPLIED = f"CASE WHEN p / 50 % 100 = 9 THEN {_CHARGED} + 250 ELSE {_CHARGED} END"
_FILE = f"""
    SELECT 'HMCMP' AS "Unit", lpad((p / 4)::text, 9, '0') AS "ID", lpad(p::text, 15, '0') AS "Item Nbr",
           CASE WHEN p / 50 % 100 = 7 THEN '' ELSE '300000006919' END AS "Item Type", '2267' AS "Acct Term",
           CASE WHEN p / 50 % 100 = 7 THEN '' ELSE (17000000000000 + p)::text END AS "Reference Nbr",
           to_char({_CHARGED} / 100.0, 'FM999990.00') AS "Item Amount",
           to_char(({_APPLIED}) / 100.0, 'FM999990.00') AS "Applied Amount",
           '.00' AS "Item Balance", '09/25/2026' AS "Due Date", '09/18/2026  2:10:05PM' AS "DateTime Updated"
    FROM generate_series(1, {ROWS}) p
"""
_INCOMING = """
    CREATE TEMPORARY TABLE incoming (unit text, emplid text, item_nbr text, item_type text, term text, reference text,
        amount numeric, applied numeric, balance numeric, due_on date, updated_at timestamp)
"""
_JOIN = """
    CREATE TEMPORARY TABLE planned AS
    SELECT i.*, e.fee_ref, e.amount_cents AS charged_cents, i.applied * 100 - coalesce(k.applied_cents, 0) AS news
    FROM incoming i
    LEFT JOIN payment_item k ON k.tenant_id = 1 AND k.item_key = concat(i.unit, '|', i.emplid, '|', i.item_nbr)
    LEFT JOIN ledger_entry e ON e.tenant_id = 1 AND e.fee_ref = i.reference AND e.side = 'bursar' AND e.event = 'charge'
"""


def payments_planned() -> Ratio:
    """Measure both on the same file in the same PostgreSQL, alternating; medians."""
    with tempfile.TemporaryDirectory(prefix="fb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        postgres, redis = EmbeddedPostgres(folder), EmbeddedRedis(folder)
        postgres.hold()
        redis.hold()
        try:
            return _measure(folder, postgres, redis)
        finally:
            redis.release()
            postgres.release()


def _measure(folder: Path, postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> Ratio:
    admin = postgres.superuser_url("bench")
    with psycopg.connect(postgres.superuser_url("postgres"), autocommit=True) as connection:
        create_database(connection, "bench")
    migrate(postgres.urls("bench")["DATABASE_OWNER_URL"])
    environ = {
        **os.environ,
        **postgres.urls("bench"),
        "REDIS_URL": redis.url,
        "FEEBRIDGE_FILES_URL": f"file://{folder / 'files'}",
        "FEEBRIDGE_SECRET_KEY": "only-for-benchmarks-0123456789-012345",
        "FEEBRIDGE_VAULT_KEYS": "bench:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }
    source = folder / "payments.csv"
    with psycopg.connect(admin, autocommit=True) as connection:
        _fill(connection)
        _write_file(connection, source)
        usual = [_round(connection, environ, admin, source) for _ in range(ROUNDS)]
        connection.execute("UPDATE payment_item SET updated_at = updated_at - interval '1 day'")
        touched = _round(connection, environ, admin, source)
        connection.execute("TRUNCATE payment_item")
        first = _round(connection, environ, admin, source)
    rss_mib = max(one.rss_mib for one in [*usual, touched, first])
    note = (
        f"{ROWS:,} rows, {usual[-1].lines:,} lines planned; {usual[-1].laps}; all updated "
        f"{touched.ours_s / touched.bare_s:.1f}; first file {first.ours_s / first.bare_s:.1f} "
        f"({first.laps}); {rss_mib} MiB of {RSS_LIMIT_MIB}"
    )
    if rss_mib > RSS_LIMIT_MIB:
        raise RuntimeError(f"The worker needed {rss_mib} MiB; {RSS_LIMIT_MIB} MiB are promised. {note}")
    return Ratio(
        "payment file planned vs bare COPY, join",
        statistics.median(one.ours_s for one in usual),
        statistics.median(one.bare_s for one in usual),
        TARGET,
        note,
    )


@dataclass(frozen=True)
class _Round:
    """Both ways once. ``laps`` is what ours spent its time on, in words."""

    ours_s: float
    bare_s: float
    rss_mib: int
    lines: int
    laps: str


def _round(connection: psycopg.Connection[Any], environ: dict[str, str], admin: str, source: Path) -> _Round:
    connection.execute("TRUNCATE payment_row")
    connection.execute("VACUUM ANALYZE payment_item")
    connection.execute("CHECKPOINT")
    bare_s = _bare(admin, source)
    told = _ours(environ, source)
    laps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in told["laps"].items())
    return _Round(
        told["seconds"], bare_s, told["rss_mib"], sum(count for count, _ in told["plan"].values()), laps
    )


def _fill(connection: psycopg.Connection[Any]) -> None:
    """A charge in force for every row, and the state of nearly every item; vacuumed as autovacuum would have it."""
    connection.execute("INSERT INTO tenant (slug, name) VALUES ('humboldt', 'Humboldt')")
    connection.execute(
        """INSERT INTO tenant_setting (tenant_id, section, value) VALUES (1, 'bursar', '{"emplid_digits": 9}')"""
    )
    run_id = _id(connection, """
        INSERT INTO run (tenant_id, pipeline, trigger, scheduled_at, state, started_at, finished_at)
        VALUES (1, 'bursar_conversion', 'person', now(), 'succeeded', now(), now()) RETURNING id
    """)  # fmt: skip
    file_id = _id(connection, f"""
        INSERT INTO file (tenant_id, run_id, kind, name, store_key, size, sha256, row_count, total_cents, confirmed_at)
        VALUES (1, {run_id}, 'debits', 'debits.dat', 'x', 1, 'x', {ROWS}, 1, now()) RETURNING id
    """)  # fmt: skip
    connection.execute(f"""
        INSERT INTO ledger_entry (tenant_id, fee_ref, side, event, amount_cents, patron_id, emplid, fee_type, item_type,
                                  term, billing_on, reference, run_id, file_id, line_no)
        SELECT 1, (17000000000000 + p)::text, 'bursar', 'charge', {_CHARGED}, lpad((p / 4)::text, 9, '0'),
               lpad((p / 4)::text, 9, '0'), 'OVERDUEFINE', '300000006919', '2267', DATE '2026-09-01' + (p % 20)::int,
               (17000000000000 + p)::text, {run_id}, {file_id}, p
        FROM generate_series(1, {ROWS}) p
    """)
    connection.execute(f"""
        INSERT INTO payment_item (tenant_id, item_key, emplid, amount_cents, applied_cents, updated_at)
        SELECT 1, concat('HMCMP|', lpad((p / 4)::text, 9, '0'), '|', lpad(p::text, 15, '0')), lpad((p / 4)::text, 9, '0'),
               {_CHARGED}, {_APPLIED}, TIMESTAMP '2026-09-18 14:10:05' AT TIME ZONE tenant.time_zone
        FROM generate_series(1, {ROWS}) p CROSS JOIN tenant WHERE p % 50 <> 3
    """)
    connection.execute("VACUUM ANALYZE ledger_entry")


def _id(connection: psycopg.Connection[Any], statement: str) -> int:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def _write_file(connection: psycopg.Connection[Any], path: Path) -> None:
    statement = f"COPY ({_FILE}) TO STDOUT (FORMAT csv, HEADER)"
    with path.open("wb") as file, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for chunk in copy:
            file.write(chunk)


def _bare(url: str, path: Path) -> float:
    started = time.perf_counter()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(_MEMORY)
        cursor.execute(_INCOMING)
        with path.open("rb") as file, cursor.copy("COPY incoming FROM STDIN (FORMAT csv, HEADER)") as copy:
            while chunk := file.read(1 << 18):
                copy.write(chunk)
        cursor.execute(_JOIN)
    return time.perf_counter() - started


def _ours(environ: dict[str, str], path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.payments_worker", str(path)],
        env=environ,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(payments_planned().row())
