"""Reading an Analytics report page by page.

Alma keeps the place in a report by the token of the first answer, which is sent unchanged for every further page
(https://developers.exlibrisgroup.com/blog/Working-with-Analytics-REST-APIs/). A report may still be loading at first:
then it is asked for again by its path.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from webapp.adapters.alma.calls import AlmaCalls, UnreadableAnswerError
from webapp.adapters.alma.errors import ReportInterruptedError
from webapp.adapters.alma.freshness import find_updated_at
from webapp.adapters.alma.page import Column, Heading, PageFault, ReportPage, read_page
from webapp.adapters.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from webapp.adapters.alma.transport import Answer

_NO_MORE_ROWS = "420033"
_DUMMY_COLUMN = "Column0"


class AnalyticsReport:
    """A report whose first page is read. ``headings`` leaves out Column0, which Alma adds and is always "0".

    Its pages can be taken once, either by ``pages`` or by ``rows``.
    """

    def __init__(
        self, calls: AlmaCalls, path: str, limit: int, first: ReportPage, token: str, *, ended: bool
    ) -> None:
        self.path = path
        self.headings: tuple[Heading, ...] = tuple(
            heading for heading in first.headings if heading.name != _DUMMY_COLUMN
        )
        self._names = [heading.name for heading in first.headings]
        self._calls = calls
        self._limit = limit
        self._first = first
        self._token = token
        self._ended = ended

    @property
    def is_empty(self) -> bool:
        """Whether Alma said that there is not one row."""
        return not self._first.has_rows and (self._first.finished or self._ended)

    def data_updated_at(self, zone: str) -> datetime | None:
        """When Alma's Analytics copied its data, in UTC, if the report says so; its clock stands in ``zone``.

        Raises:
            PermanentError: it says so, but not readably.
        """
        first_row = self._first.columns(self._names, [heading.name for heading in self.headings])
        cells = [column[0] if column else "" for column in first_row]
        return find_updated_at(self.headings, cells, zone)

    @property
    def rows(self) -> Iterator[dict[str, str]]:
        """Every row by heading, null cells left out. A heading that occurs twice is ``Table::Heading``."""
        texts = [heading.heading for heading in self.headings]
        keys = [
            f"{heading.table}::{heading.heading}" if texts.count(heading.heading) > 1 else heading.heading
            for heading in self.headings
        ]
        for columns in self.pages([heading.name for heading in self.headings]):
            for cells in zip(*columns, strict=True):
                yield {key: cell for key, cell in zip(keys, cells, strict=True) if cell}

    def pages(self, wanted: Sequence[str]) -> Iterator[list[Column]]:
        """The wanted columns (by name, such as "Column3") of each page that has rows.

        Raises:
            ReportInterruptedError: a page was lost; begin the report anew. PermanentError, RetryableError.
        """
        page: ReportPage | None = self._first
        number = 1
        while page is not None:
            if page.has_rows:
                yield self._columns(page, wanted, number)
            if page.finished or self._ended:
                return
            if not self._token:
                raise RetryableError(
                    f"Alma gave page {number} of the report {self.path} without saying that it was the last and without "
                    "a token for the next. Nothing was changed; it is read again from its beginning later."
                )
            number += 1
            page = next_page(self._calls, self.path, self._token, self._limit, number)

    def _columns(self, page: ReportPage, wanted: Sequence[str], number: int) -> list[Column]:
        try:
            return page.columns(self._names, wanted)
        except PageFault as err:
            raise ReportInterruptedError(
                f"Page {number} of the report {self.path} cannot be read: {err}. Nothing was changed; the report is read "
                "again from its beginning."
            ) from err


def open_report(calls: AlmaCalls, path: str, *, filter_xml: str, limit: int) -> AnalyticsReport:
    """The report with its first page, waited for while it is loading.

    Raises:
        NotFoundError: no report under that path. RetryableError: still loading when the time was up.
    """
    if not path.strip():
        raise PermanentError("The path of the Analytics report is missing in the settings.")
    params = {"path": path, "limit": str(limit), "col_names": "true"}
    if filter_xml:
        params["filter"] = filter_xml
    patience = _Patience(calls)
    while True:
        first = calls.get(
            "/almaws/v1/analytics/reports",
            _read,
            what=f"reading the report {path}",
            params=params,
            accept="application/xml",
        )
        if first.loading and not first.token:
            patience.wait(path)
            continue
        page: ReportPage | None = first
        if first.loading and not first.headings:  # under way, but the headings come with the first rows only
            page = next_page(calls, path, first.token, limit, 1)
        return AnalyticsReport(calls, path, limit, page or first, first.token, ended=page is None)


def next_page(calls: AlmaCalls, path: str, token: str, limit: int, number: int) -> ReportPage | None:
    """The next page with rows or an end, or None when Alma says that there are no more rows.

    Raises:
        ReportInterruptedError: it was lost, and Alma will not give it again. PermanentError, RetryableError.
    """
    patience = _Patience(calls)
    while True:
        try:
            page = calls.get(
                "/almaws/v1/analytics/reports",
                _read,
                what=f"reading page {number} of the report {path}",
                params={"token": token, "limit": str(limit)},
                accept="application/xml",
                repeatable=False,
            )
        except PermanentError as err:
            if err.evidence.get("alma_code") == _NO_MORE_ROWS:
                return None
            raise
        if not page.loading:
            return page
        patience.wait(path)


class _Patience:
    """How long a report that is still loading is waited for."""

    def __init__(self, calls: AlmaCalls) -> None:
        self._calls = calls
        self._until = time.monotonic() + calls.retry.loading_s

    def wait(self, path: str) -> None:
        """Pause before the report is asked for again.

        Raises:
            RetryableError: the time is up.
        """
        pause_s = self._calls.retry.loading_pause_s
        if time.monotonic() + pause_s > self._until:
            raise RetryableError(
                f"Alma was still loading the report {path} after {self._calls.retry.loading_s:.0f} s. Nothing was "
                "changed; it is tried again later. A report with fewer columns or a filter loads faster."
            )
        self._calls.sleep(pause_s)


def _read(answer: Answer) -> ReportPage:
    try:
        return read_page(answer.body)
    except PageFault as err:
        raise UnreadableAnswerError(f"the answer cannot be read: {err}") from err
