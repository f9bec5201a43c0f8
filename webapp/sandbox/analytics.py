"""Alma Analytics reports over REST: sessions, paging and the XML, with the quirks real reports have.

Sources: Ex Libris OpenAPI analytics (2026-05) and the developer blog "Working with Analytics REST APIs"; quirks as
seen in public clients' stored answers. A report is "still loading" first (no token); the token comes with the first
page only and is a cursor: asking twice with it moves on twice. The schema stands on page 1 only, Column0 is a dummy,
empty cells are left out, and after the end error 420033 comes. A filter is accepted and ignored, because the
report has no prompted column.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from webapp.sandbox.alma_errors import AlmaRefusalError
from webapp.sandbox.report_rows import COLUMNS, Column, Row, report_rows, row_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.sandbox.faults import Fault
    from webapp.sandbox.institution import Institution
    from webapp.sandbox.settings import World

PLACE = "alma.analytics.reports"
ROW_FAULTS = ("stale_report", "missing_column", "bad_row", "unknown_fee_type")
SESSIONS_KEPT = 64
ROWSET = "urn:schemas-microsoft-com:xml-analysis:rowset"
STILL_LOADING = "<QueryResult><IsFinished>false</IsFinished><ResultXml/></QueryResult>"


@dataclass(slots=True)
class ReportSession:
    """One reading of a report, from the first page to the last. ``waiting`` is the row that follows the last page."""

    institution_code: str
    columns: tuple[tuple[str, Column], ...]
    rows: Iterator[Row]
    with_headings: bool
    waiting: Row | None = None
    is_finished: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_rows(self, limit: int) -> list[Row]:
        """Up to ``limit`` rows, moving the cursor on.

        Raises:
            AlmaRefusalError: 420033 when the last page has been given already.
        """
        if self.is_finished:
            raise AlmaRefusalError("420033", "No more rows to fetch")
        page = [] if self.waiting is None else [self.waiting]
        page.extend(islice(self.rows, limit - len(page)))
        self.waiting = next(self.rows, None)
        self.is_finished = self.waiting is None
        return page


class Analytics:
    """The reports of all institutions; safe to use from many threads at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, ReportSession] = OrderedDict()
        self._loading: dict[str, int] = {}

    def first_page(self, institution: Institution, path: str, limit: int, *, with_headings: bool) -> str:
        """The QueryResult of page 1, or of "still loading".

        Raises:
            AlmaRefusalError: there is no report at ``path``.
        """
        settings, board = self._world.settings, self._world.board
        if path != settings.report_path or board.take(PLACE, "report_not_found"):
            raise AlmaRefusalError("INTERNAL_SERVER_ERROR", f"Path not found ({path})")
        if board.take(PLACE, "still_loading") or self._is_loading(institution.spec.code):
            return STILL_LOADING
        session = self._open(institution, board.take_each(PLACE, *ROW_FAULTS), with_headings=with_headings)
        token = secrets.token_hex(64).upper()
        with self._lock:
            self._sessions[token] = session
            while len(self._sessions) > SESSIONS_KEPT:
                self._sessions.popitem(last=False)
        with session.lock:
            return _query_result(session, session.next_rows(_page_size(limit)), token=token)

    def next_page(self, institution: Institution, token: str, limit: int) -> str:
        """The QueryResult of the next page; without schema and without token.

        Raises:
            AlmaRefusalError: 420033 after the end; an unknown token.
        """
        with self._lock:
            session = self._sessions.get(token)
        if session is None or session.institution_code != institution.spec.code:
            raise AlmaRefusalError("402119", "General error: the resumption token is not valid.")
        with session.lock:
            if self._world.board.take(PLACE, "empty_page"):
                return _query_result(session, [])
            return _query_result(session, session.next_rows(_page_size(limit)))

    def _is_loading(self, institution_code: str) -> bool:
        with self._lock:
            left = self._loading.get(institution_code, self._world.settings.analytics_loading_answers)
            if left > 0:
                self._loading[institution_code] = left - 1
                return True
            self._loading.pop(institution_code, None)
            return False

    def _open(
        self, institution: Institution, faults: tuple[Fault, ...], *, with_headings: bool
    ) -> ReportSession:
        wrong = row_faults(faults)
        if self._world.settings.analytics_live:
            institution.take_extract()
        updated_at = institution.extracted_at - timedelta(days=wrong.stale_days)
        columns = [column for column in COLUMNS if column.heading not in wrong.missing_headings]
        numbered = tuple((f"Column{number}", column) for number, column in enumerate(columns, start=1))
        rows = report_rows(institution.extract(), institution.spec, updated_at, wrong)
        return ReportSession(institution.spec.code, numbered, rows, with_headings)


def report_xml(query_result: str) -> str:
    """The XML answer around a QueryResult."""
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><report>{query_result}</report>'


def _page_size(limit: int) -> int:
    """Rows per page: 25 to 1000; what is no multiple of 25 over-delivers."""
    return min(1000, max(25, -(-limit // 25) * 25))


def _query_result(session: ReportSession, rows: list[Row], token: str | None = None) -> str:
    parts = ["<QueryResult>"]
    if token:
        parts.append(f"<ResumptionToken>{token}</ResumptionToken>")
    parts.append(
        f"<IsFinished>{str(session.is_finished).lower()}</IsFinished><ResultXml><rowset xmlns={quoteattr(ROWSET)}>"
    )
    if token:
        parts.append(_schema(session))
    for row in rows:
        parts.append("<Row><Column0>0</Column0>")
        for name, column in session.columns:
            text = row[column.heading]
            if text is not None:
                parts.append(f"<{name}>{escape(text)}</{name}>")
        parts.append("</Row>")
    parts.append("</rowset></ResultXml></QueryResult>")
    return "".join(parts)


def _schema(session: ReportSession) -> str:
    dummy = Column("0", "", "integer", "xsd:int")
    elements = []
    for number, (name, column) in enumerate((("Column0", dummy), *session.columns)):
        headings = f" saw-sql:columnHeading={quoteattr(column.heading)}" if session.with_headings else ""
        table = f" saw-sql:tableHeading={quoteattr(column.table)}" if session.with_headings else ""
        elements.append(
            f'<xsd:element maxOccurs="1" minOccurs="0" name="{name}"{headings} saw-sql:displayFormula="saw_{number}"'
            f'{table} saw-sql:type="{column.sql_type}" type="{column.xsd_type}"/>'
        )
    return (
        '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:saw-sql="urn:saw-sql" '
        f'targetNamespace="{ROWSET}"><xsd:complexType name="Row"><xsd:sequence>{"".join(elements)}'
        "</xsd:sequence></xsd:complexType></xsd:schema>"
    )
