"""The holds export at the size of the largest campuses, against the least that PostgreSQL itself must do.

Ours: from frozen rows to built files and advanced register, in a process of its own whose memory is measured.
Bare: the same rows by COPY into an unindexed table, totals and set difference both ways, COPY of the difference out.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.benchmarks.ratio import Ratio
from webapp.embedded import EmbeddedPostgres, EmbeddedRedis, create_database
from webapp.migrate import migrate
from webapp.store.collected import FEE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

PATRONS = int(os.environ.get("FEEBRIDGE_BENCH_PATRONS", "1000000"))
ROUNDS = 3
RSS_LIMIT_MIB = 256
TARGET = 2.5
_MEMORY = "SET work_mem = '192MB'"

# One patron in five owes a second fee. 0.7 % are new, 0.7 % owe something else than was told, 0.6 % owe nothing more.
_ROWS = f"""
    SELECT 'analytics' AS source, (10000000000000000 + p * 10 + k)::text AS fee_id, lpad(p::text, 9, '0') AS patron_key,
           lpad(p::text, 9, '0') AS emplid,
           CASE WHEN p % 1000 < 7 THEN 977 ELSE 100 + (p * 7 + k * 13) % 9000 END AS balance_cents,
           (ARRAY['Overdue fine', 'Lost item replacement fee', 'Lost item process fee'])[1 + (p + k) % 3] AS fee_type,
           'ACTIVE' AS status, 5000 AS original_cents, DATE '2026-01-01' + (p % 300)::int AS billed_on,
           (ARRAY['UG', 'GRAD', 'FAC'])[1 + p % 3] AS user_type, 'MAIN' AS library,
           'The title of the book that was kept, number ' || p AS title, (31000000000000 + p)::text AS barcode,
           'Patron Number ' || p AS patron_name, '' AS comment
    FROM generate_series(1, {PATRONS}) p, generate_series(0, CASE WHEN p % 5 = 0 THEN 1 ELSE 0 END) k
    WHERE p % 1000 NOT BETWEEN 20 AND 25
"""
_TOLD = f"""
    SELECT lpad(p::text, 9, '0') AS emplid,
           100 + (p * 7) % 9000 + CASE WHEN p % 5 = 0 THEN 100 + (p * 7 + 13) % 9000 ELSE 0 END AS amount_cents
    FROM generate_series(1, {PATRONS}) p WHERE p % 1000 NOT BETWEEN 10 AND 16
"""


def holds_export() -> Ratio:
    """Measure both on the same rows in the same PostgreSQL, alternating; medians."""
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
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("INSERT INTO tenant (slug, name) VALUES ('csusm', 'San Marcos')")
        rows = _write_rows(connection, folder / "files" / "1" / "bench" / "fees")
        bare, ours, rss = [], [], []
        for round_number in range(ROUNDS):
            _restore_register(connection)
            bare.append(_bare(admin, folder / "files" / "1" / "bench" / "fees", folder))
            told = _ours(environ, rows, round_number)
            ours.append(told["seconds"])
            rss.append(told["rss_mib"])
    note = f"{PATRONS:,} patrons, {rows['rows']:,} rows, {told['changed']:,} changed; worker {max(rss)} MiB of {RSS_LIMIT_MIB}"
    if max(rss) > RSS_LIMIT_MIB:
        raise RuntimeError(f"The worker needed {max(rss)} MiB; {RSS_LIMIT_MIB} MiB are promised. {note}")
    return Ratio(
        "holds export vs bare COPY, difference, COPY",
        statistics.median(ours),
        statistics.median(bare),
        TARGET,
        note,
    )


def _write_rows(connection: psycopg.Connection[Any], path: Path) -> dict[str, Any]:
    path.parent.mkdir(parents=True)
    digest = hashlib.sha256()
    statement = (
        f"COPY (SELECT {', '.join(FEE_COLUMNS)} FROM ({_ROWS}) each ORDER BY hashtext(fee_id)) TO STDOUT"
    )
    with path.open("wb") as file, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for chunk in copy:
            file.write(chunk)
            digest.update(chunk)
    (path.parent / "others").touch()
    sums = connection.execute(f"SELECT count(*), sum(balance_cents)::bigint FROM ({_ROWS}) each").fetchone()
    kinds = connection.execute(f"SELECT DISTINCT fee_type, status, user_type FROM ({_ROWS}) each").fetchall()
    return {"rows": sums[0], "cents": sums[1], "kinds": kinds, "sha256": digest.hexdigest()}


def _restore_register(connection: psycopg.Connection[Any]) -> None:
    """The register as before the night, for both; freshly vacuumed, as autovacuum would have it."""
    connection.execute(
        "TRUNCATE hold_register, hold_change, file, delivery, effect, run_event, run_step, run CASCADE"
    )
    connection.execute(f"""
        INSERT INTO hold_register (tenant_id, emplid, hold_code, hold_reason, amount_cents, placed_at, told_at, file_id,
                                   run_id)
        SELECT 1, emplid, 'LIB', 'LFINE', amount_cents, now(), now(), 0, 0 FROM ({_TOLD}) told
    """)
    connection.execute("DROP TABLE IF EXISTS told")
    connection.execute(f"CREATE TABLE told AS {_TOLD}")
    connection.execute("VACUUM ANALYZE hold_register")
    connection.execute("VACUUM ANALYZE told")
    connection.execute("CHECKPOINT")


def _bare(url: str, rows: Path, folder: Path) -> float:
    started = time.perf_counter()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(_MEMORY)
        kinds = {"balance_cents": "bigint", "original_cents": "bigint", "billed_on": "date"}
        columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in FEE_COLUMNS)
        cursor.execute(f"CREATE TEMPORARY TABLE fresh ({columns})")
        with rows.open("rb") as file, cursor.copy("COPY fresh FROM STDIN") as copy:
            while chunk := file.read(1 << 18):
                copy.write(chunk)
        for name, statement in (
            (
                "added",
                "SELECT emplid, sum(balance_cents)::int FROM fresh GROUP BY 1 EXCEPT SELECT emplid, amount_cents FROM told",
            ),
            ("released", "SELECT emplid FROM told EXCEPT SELECT emplid FROM fresh"),
        ):
            with (
                (folder / f"bare-{name}").open("wb") as file,
                cursor.copy(f"COPY ({statement}) TO STDOUT") as copy,
            ):
                for chunk in copy:
                    file.write(chunk)
    return time.perf_counter() - started


def _ours(environ: dict[str, str], rows: dict[str, Any], round_number: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.holds_worker", json.dumps(rows), str(round_number)],
        env=environ,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    measure: Callable[[], Ratio] = holds_export
    print(measure().row())
