"""The whole conversion of a bursar file, with its rows and its ledger in PostgreSQL.

Ours: the run's steps from reading to building, in a process of their own.
Bare: ``feebridge convert`` of the same file, and on top of it three times what PostgreSQL needs to COPY the very rows
that the run left (its staged rows and its ledger lines) into tables with the same columns, indexes and constraints,
but without row security. Said beside it: the same with tables that have no index either, which no ledger could do.
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
from typing import TYPE_CHECKING, Any

import psycopg

from tests.benchmarks.bursar_convert import LAYOUT, convert
from tests.benchmarks.bursar_file import write_bursar_file
from tests.benchmarks.ratio import Ratio
from webapp.embedded import EmbeddedPostgres, EmbeddedRedis, create_database
from webapp.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Mapping

FEES = int(os.environ.get("FEEBRIDGE_BENCH_FEES", "1000000"))
ROUNDS = int(os.environ.get("FEEBRIDGE_BENCH_ROUNDS", "3"))
COPIES = 3
RSS_LIMIT_MIB = 128
TABLES = ("bursar_row", "ledger_entry")
_STORE_KEY = "1/inbound/bench"
_LEFT = "TRUNCATE bursar_row, ledger_entry, inbound_file, file, delivery, effect, run_event, run_step, run CASCADE"


def whole_run() -> Ratio:
    """Wall-clock medians, alternating, in the same PostgreSQL."""
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


@dataclass(frozen=True, slots=True)
class _Round:
    """Seconds of one round, and what the run said of itself."""

    convert_s: float
    copy_s: float
    no_index_s: float
    told: dict[str, Any]

    @property
    def ours_s(self) -> float:
        return sum(self.told["laps"].values())

    @property
    def bare_s(self) -> float:
        return self.convert_s + COPIES * self.copy_s


def _measure(folder: Path, postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> Ratio:
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
    source = folder / "files" / _STORE_KEY
    source.parent.mkdir(parents=True)
    write_bursar_file(source, FEES)
    with psycopg.connect(postgres.superuser_url("bench"), autocommit=True) as connection:
        connection.execute("INSERT INTO tenant (slug, name) VALUES ('csusm', 'San Marcos')")
        rounds = [_round(folder, source, environ, connection) for _ in range(ROUNDS)]
    return _ratio(rounds)


def _round(
    folder: Path, source: Path, environ: Mapping[str, str], connection: psycopg.Connection[Any]
) -> _Round:
    connection.execute(_LEFT)
    connection.execute("CHECKPOINT")
    began = time.perf_counter()
    convert(source, folder / "out")
    convert_s = time.perf_counter() - began
    told = _ours(environ)
    if told["counts"]["rows_sent"] != FEES:
        raise RuntimeError(f"Of {FEES:,} fees the run sent {told['counts']['rows_sent']:,}.")
    copied = [_copied(connection, table, folder) for table in TABLES]
    return _Round(convert_s, sum(each[0] for each in copied), sum(each[1] for each in copied), told)


def _ours(environ: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bursar_run_worker", _STORE_KEY, LAYOUT],
        env=environ,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


def _copied(connection: psycopg.Connection[Any], table: str, folder: Path) -> tuple[float, float]:
    """Seconds to COPY a table's rows into its like without row security and references; and without indexes."""
    rows = folder / table
    with (
        rows.open("wb") as file,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} TO STDOUT") as out,
    ):
        for chunk in out:
            file.write(chunk)
    return _copy_s(connection, f"LIKE {table} INCLUDING ALL", rows), _copy_s(
        connection, f"LIKE {table}", rows
    )


def _copy_s(connection: psycopg.Connection[Any], like: str, rows: Path) -> float:
    connection.execute("DROP TABLE IF EXISTS bare")
    connection.execute(f"CREATE TABLE bare ({like})")
    connection.execute("CHECKPOINT")
    began = time.perf_counter()
    with (
        rows.open("rb") as file,
        connection.cursor() as cursor,
        cursor.copy("COPY bare FROM STDIN") as into,
    ):
        while chunk := file.read(1 << 18):
            into.write(chunk)
    return time.perf_counter() - began


def _ratio(rounds: list[_Round]) -> Ratio:
    middle = sorted(rounds, key=lambda each: each.ours_s)[len(rounds) // 2]
    rss_mib = max(each.told["rss_mib"] for each in rounds)
    no_index = middle.ours_s / (middle.convert_s + COPIES * middle.no_index_s)
    laps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in middle.told["laps"].items())
    note = (
        f"{FEES:,} fees; {laps} s; convert {middle.convert_s:.1f} s, COPY {middle.copy_s:.1f} s; "
        f"{no_index:.2f} of the same without indexes; "
        f"worker {rss_mib} MiB of {RSS_LIMIT_MIB}"
    )
    if rss_mib > RSS_LIMIT_MIB:
        raise RuntimeError(f"The worker needed {rss_mib} MiB; {RSS_LIMIT_MIB} MiB are promised. {note}")
    return Ratio(
        f"whole bursar run / convert + {COPIES} x COPY",
        statistics.median(each.ours_s for each in rounds),
        statistics.median(each.bare_s for each in rounds),
        1.0,
        note,
    )


if __name__ == "__main__":
    print(whole_run().row())
