"""A PeopleSoft query of a million items read into COPY text, against the csv module that only splits the same file.

Ours: every line understood (ids, money, moments in the campus's time, faults set aside) and written as COPY text.
Bare: ``csv.reader`` over the same file, its cells thrown away. Both in one process, to a sink that keeps nothing.
"""

from __future__ import annotations

import csv
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.benchmarks.memory import peak_mib
from tests.benchmarks.ratio import Ratio
from webapp.domain.layouts.inbound import READY_MADE_INBOUND, load_inbound
from webapp.domain.payments.staging import copy_payments

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = int(os.environ.get("FEEBRIDGE_BENCH_PAYMENTS", "1000000"))
ROUNDS = 3
TARGET = 7.0
RSS_LIMIT_MIB = 100
PEOPLE = 100_000
HEADING = (
    "Unit,ID,Item Nbr,Item Type,Acct Term,Reference Nbr,Item Amount,Applied Amount,Item Balance,Due Date,"
    "DateTime Updated\r\n"
)


def write_query_file(path: Path, rows: int) -> None:
    """One line an item in no order of time: half of them unpaid, a quarter paid in part, a quarter paid."""
    chance = random.Random(20260921)
    began = datetime(2026, 1, 5)  # noqa: DTZ001 - a clock on a campus's wall
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(HEADING)
        for n in range(rows):
            at = began + timedelta(seconds=chance.randrange(250 * 86_400))
            amount = chance.choice((500, 1250, 2500, 9000, 120450)) + chance.randrange(0, 100, 5)
            applied = chance.choice((0, 0, amount // 2, amount))
            money = ",".join(_money(cents) for cents in (amount, applied, amount - applied))
            clock = f"{at.hour % 12 or 12:2d}:{at:%M:%S%p}"
            out.write(
                f'"LKCMP","{chance.randrange(1, PEOPLE):09d}","{n:015d}","30000000691{n % 3}","226{n % 5}",'
                f'"2220014{n:010d}",{money},{at:%m/%d/%Y},{at:%m/%d/%Y} {clock}\r\n'
            )


def reading() -> Ratio:
    """Processor time, medians, alternating."""
    with tempfile.TemporaryDirectory(prefix="fb-", ignore_cleanup_errors=True) as name:
        source = Path(name) / "payments.csv"
        write_query_file(source, ROWS)
        ours, bare = [], []
        for _ in range(ROUNDS):
            bare.append(_timed(lambda: _split(source)))
            ours.append(_timed(lambda: stage(source)))
        ours_s = statistics.median(ours)
        note = f"{ROWS:,} lines, {source.stat().st_size / 1e6:.0f} MB; {ours_s / ROWS * 1e6:.1f} µs a line"
        return Ratio("payments read into COPY text / bare csv", ours_s, statistics.median(bare), TARGET, note)


def memory() -> Ratio:
    """The most that a process of its own holds, at a tenth and all of the lines."""
    peaks = []
    with tempfile.TemporaryDirectory(prefix="fb-", ignore_cleanup_errors=True) as name:
        source = Path(name) / "payments.csv"
        for rows in (ROWS // 10, ROWS):
            write_query_file(source, rows)
            told = subprocess.run(
                [sys.executable, "-m", __name__, str(source)], capture_output=True, text=True, check=True
            )
            peaks.append(float(told.stdout))
    note = " / ".join(f"{peak:.0f}" for peak in peaks) + f" MiB at {ROWS // 10:,} / {ROWS:,} lines"
    return Ratio("payments read: the process", max(peaks), 1.0, RSS_LIMIT_MIB, note, unit="MiB")


def stage(source: Path) -> None:
    """Read the whole file to a sink that keeps nothing."""
    layout, zone = load_inbound(READY_MADE_INBOUND["ps-query-payments"]), ZoneInfo("America/Los_Angeles")
    with source.open("rb") as opened:
        copied = copy_payments(opened, layout, len, emplid_digits=9, emplid_pad=True, zone=zone)
    if copied.faults:
        raise RuntimeError(f"{copied.faults} lines of the benchmark's own file could not be read")


def _split(source: Path) -> None:
    with source.open(encoding="utf-8", newline="") as opened:
        for _ in csv.reader(opened):
            pass


def _timed(do: Callable[[], object]) -> float:
    began = time.process_time()
    do()
    return time.process_time() - began


def _money(cents: int) -> str:
    """As a query writes it: nothing before the point below one dollar, a quoted comma above a thousand."""
    text = f"{cents // 100:,}.{cents % 100:02d}"
    return f'"{text}"' if "," in text else text.removeprefix("0")


if __name__ == "__main__":
    stage(Path(sys.argv[1]))
    print(peak_mib())
