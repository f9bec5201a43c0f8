"""Collecting 1,000,000 Analytics rows, the network apart, against a bare expat pass over the same pages.

Ours: pages read, checked, converted to fees, held until the report is known to be whole, and written as the run's
frozen snapshot. Bare: every page through expat with empty handlers. What expat needs without any handler, that is
without looking at the data at all, is printed beside it.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from tests.benchmarks.ratio import Ratio
from tests.unit.alma.pages import TOKEN, page
from webapp.adapters.alma.analytics_source import AnalyticsSourceConfig, ReportTally, analytics_batches
from webapp.adapters.alma.budget import CallBudget
from webapp.adapters.alma.client import AlmaClient
from webapp.adapters.alma.config import AlmaConfig
from webapp.adapters.alma.fee_batch import FeeBatch
from webapp.adapters.alma.limits import LocalRateLimiter
from webapp.adapters.alma.transport import Answer

ROWS = 1_000_000
ROWS_A_PAGE = 1000
PAGES = ROWS // ROWS_A_PAGE
# Replaced by the page's number, so that every fee has an id of its own.
MARK = "#####"
HEADINGS = [
    ("Fine and Fee", heading)
    for heading in (
        "Fine Fee Id",
        "Primary Identifier",
        "User Group",
        "Fine Fee Type",
        "Fine Fee Status",
        "Fine Fee Creation Date",
        "Remaining Amount",
        "Original Amount",
        "Title",
        "Barcode",
        "Library Name",
        "Last Name",
    )
]


class PagesOnDisk:
    """Stands where the line to Alma is: answers each call with the next page, and counts the calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.calls = 0

    def exchange(self, *_arguments: Any, **_named: Any) -> Answer:
        """The next page."""
        self.calls += 1
        body = (self._folder / f"{self.calls:05}.xml").read_bytes()
        return Answer(200, {"content-type": "application/xml", "x-exl-api-remaining": "300000"}, body)

    def close(self) -> None:
        """Nothing is held."""


@functools.cache
def _measured() -> tuple[float, float, float, int, int]:
    """Seconds: ours, expat with empty handlers, expat without; then calls and fees."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_pages(folder)
        with_handlers = _expat_s(folder, handlers=True)
        without_handlers = _expat_s(folder, handlers=False)
        started = time.perf_counter()
        calls, fees = _collect(folder)
        return time.perf_counter() - started, with_handlers, without_handlers, calls, fees


def collect_analytics() -> Ratio:
    """Seconds to a written snapshot over seconds of the expat pass."""
    ours_s, bare_s, blind_s, _calls, fees = _measured()
    note = f"{fees:,} fees; expat without handlers {blind_s:.3f} s, ours is {ours_s / blind_s:.2f} x that"
    return Ratio("collect 1,000,000 Analytics rows", ours_s, bare_s, 2.0, note)


def alma_calls() -> Ratio:
    """Calls used over the least possible (rows / 1000) plus two; numbers of calls, not seconds."""
    calls = _measured()[3]
    return Ratio(
        "Alma calls for 1,000,000 rows", calls, PAGES + 2, 1.0, "⌈rows/1000⌉ + 2 at most", unit="calls"
    )


def _collect(folder: Path) -> tuple[int, int]:
    config = AlmaConfig(
        base_url="https://api-na.hosted.exlibrisgroup.com", api_key="x" * 20, institution_code="01CALS_USM"
    )
    client = AlmaClient(config, LocalRateLimiter(1_000_000), CallBudget("01CALS_USM", 0))
    line = PagesOnDisk(folder)
    client._calls._transport = line
    tally = ReportTally()
    with (folder / "snapshot").open("wb") as snapshot:
        for found in analytics_batches(client, AnalyticsSourceConfig("/shared/report"), tally):
            assert isinstance(found, FeeBatch), found
            snapshot.write(found.copy_text())
    assert tally.fees == ROWS, tally
    return line.calls, tally.fees


def _expat_s(folder: Path, *, handlers: bool) -> float:
    started = time.perf_counter()
    for body in _bodies(folder):
        parser = expat.ParserCreate()
        if handlers:
            parser.StartElementHandler = lambda _name, _attributes: None
            parser.EndElementHandler = lambda _name: None
            parser.CharacterDataHandler = lambda _text: None
        parser.Parse(body, True)
    return time.perf_counter() - started


def _bodies(folder: Path) -> Iterator[bytes]:
    for number in range(1, PAGES + 1):
        yield (folder / f"{number:05}.xml").read_bytes()


def _write_pages(folder: Path) -> None:
    cells = [_row(number) for number in range(ROWS_A_PAGE)]
    first = page(cells, HEADINGS, token=TOKEN, finished=False)
    middle = page(cells, finished=False)
    last = page(cells, finished=True)
    for number in range(1, PAGES + 1):
        body = first if number == 1 else last if number == PAGES else middle
        (folder / f"{number:05}.xml").write_bytes(body.replace(MARK.encode(), b"%05d" % number))


def _row(number: int) -> list[str | None]:
    cents = 50 + number * 37 % 20_000
    return [
        f"1{MARK}{number:05}0006381",
        f"{100_000_000 + number * 7919 % 800_000_000:09}",
        ("UG", "GR", "FAC")[number % 3],
        ("Overdue fine", "Lost item replacement fee", "Lost item process fee")[number % 3],
        "Active",
        f"2026-{1 + number % 10:02}-{1 + number % 28:02}T00:00:00",
        f"{cents / 100:.2f}",
        f"{(cents + 500) / 100:.2f}",
        f"An invented title & its history, volume {number} : with a subtitle",
        None if number % 11 == 0 else f"31142{number:09}",
        "Kellogg Library",
        f"Invented{number}",
    ]
