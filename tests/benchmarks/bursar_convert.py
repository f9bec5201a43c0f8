"""``feebridge convert`` on a year of a large campus at once, against an XML parser that only looks at the file.

Ours: the whole command in a process of its own, from the file to files on the disk, with both processors.
Bare: one expat pass over the same file without handlers. Said beside it: expat with handlers that do nothing, and a
plain converter that loads the file with xml.etree (on a tenth of the fees, scaled, since it needs gigabytes).
"""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers import expat

import psutil

from tests.benchmarks.bursar_file import NS, write_bursar_file
from tests.benchmarks.ratio import Ratio

if TYPE_CHECKING:
    from collections.abc import Callable

FEES = int(os.environ.get("FEEBRIDGE_BENCH_FEES", "1000000"))
ROUNDS = 3
TARGET = 2.5
RSS_LIMIT_MIB = 128
LAYOUT = "humboldt-bursar"
_COMMAND = "import sys; from webapp.cli import main; main(sys.argv[1:])"


def conversion() -> Ratio:
    """Wall-clock medians, alternating."""
    with tempfile.TemporaryDirectory(prefix="fb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        source, tenth = folder / "BURSAR-1-1.xml", folder / "tenth.xml"
        write_bursar_file(source, FEES)
        write_bursar_file(tenth, max(FEES // 10, 1))
        ours, bare, empty = [], [], []
        for _ in range(ROUNDS):
            bare.append(_timed(lambda: _expat(source, handlers=False)))
            ours.append(_timed(lambda: convert(source, folder / "out")))
            empty.append(_timed(lambda: _expat(source, handlers=True)))
        etree_s = _timed(lambda: _etree_converter(tenth, folder / "etree.csv")) * FEES / max(FEES // 10, 1)
        ours_s, empty_s = statistics.median(ours), statistics.median(empty)
        note = (
            f"{FEES:,} fees, {source.stat().st_size / 1e9:.2f} GB; {ours_s / empty_s:.2f} of expat with empty handlers "
            f"({empty_s:.1f} s); xml.etree about {etree_s:.0f} s"
        )
        return Ratio("bursar file converted / bare expat pass", ours_s, statistics.median(bare), TARGET, note)


def memory() -> Ratio:
    """The most that one process holds, at a hundredth, a tenth and all of the fees."""
    peaks = []
    with tempfile.TemporaryDirectory(prefix="fb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for fees in (FEES // 100, FEES // 10, FEES):
            source = folder / "BURSAR-1-1.xml"
            write_bursar_file(source, fees)
            peaks.append(convert(source, folder / "out"))
    note = (
        " / ".join(f"{peak:.0f}" for peak in peaks)
        + f" MiB at {FEES // 100:,} / {FEES // 10:,} / {FEES:,} fees"
    )
    return Ratio("converting: largest process", max(peaks), 1.0, RSS_LIMIT_MIB, note, unit="MiB")


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def convert(source: Path, out: Path) -> float:
    """Run the command; returns the largest resident size of any of its processes in MiB."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, "convert", str(source), "--layout", LAYOUT, "--out", str(out)],
        stdout=subprocess.DEVNULL,
    )
    peak = _Peak(process.pid)
    if process.wait() != 0:
        raise RuntimeError(f"feebridge convert ended with {process.returncode}")
    return peak.stop()


class _Peak:
    """Looks at a process and its children twenty times a second."""

    def __init__(self, process_id: int) -> None:
        self._root = psutil.Process(process_id)
        self._most = 0
        self._is_over = threading.Event()
        self._looker = threading.Thread(target=self._look)
        self._looker.start()

    def stop(self) -> float:
        """The most seen, in MiB."""
        self._is_over.set()
        self._looker.join()
        return self._most / 2**20

    def _look(self) -> None:
        while not self._is_over.wait(0.05):
            try:
                for process in (self._root, *self._root.children()):
                    self._most = max(self._most, process.memory_info().rss)
            except psutil.NoSuchProcess:
                continue


def _expat(source: Path, *, handlers: bool) -> None:
    parser = expat.ParserCreate()
    if handlers:
        parser.StartElementHandler = lambda _name, _attributes: None
        parser.EndElementHandler = lambda _name: None
        parser.CharacterDataHandler = lambda _text: None
    with source.open("rb") as opened:
        parser.ParseFile(opened)


def _etree_converter(source: Path, target: Path) -> None:
    """What a script in an afternoon does: load everything, loop, write."""
    ns = f"{{{NS}}}"
    root = ET.parse(source).getroot()  # noqa: S314 - our own file
    with target.open("w", newline="") as out:
        writer = csv.writer(out)
        for entry in root.iter(f"{ns}userExportedFineFeesList"):
            emplid = entry.findtext(f"{ns}user/{ns}value")
            for fee in entry.iter(f"{ns}userFineFee"):
                amount = float(fee.findtext(f"{ns}compositeSum/{ns}sum") or 0)
                kind, when = fee.findtext(f"{ns}fineFeeType"), fee.findtext(f"{ns}lastTransactionDate") or ""
                writer.writerow([emplid, kind, f"{amount:07.2f}", when[:10]])
