"""One page of an Analytics report: its envelope and, at the speed of compiled code, its columns.

Shape (Ex Libris OpenAPI "analytics" and https://developers.exlibrisgroup.com/blog/Working-with-Analytics-REST-APIs/):
``report/QueryResult/{ResumptionToken?, IsFinished, ResultXml/rowset}``, the rowset in Oracle's namespace, prefixed or
not; on the first page only a schema naming each ColumnN; then ``Row/ColumnN``, where a null cell is absent.

The rows are nearly all of a page and always look the same, so they are cut out and taken apart by one regular
expression that must account for every character. Whatever it does not account for is read by lxml instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from webapp.adapters.alma.safe_xml import XmlRefusedError, local_name, parse_xml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.etree import _Element

ROWSET_NS = "urn:schemas-microsoft-com:xml-analysis:rowset"
SAW_SQL_NS = "urn:saw-sql"
SCHEMA_NS = "http://www.w3.org/2001/XMLSchema"

Column = list[str]

_FIRST_ROW = re.compile(rb"<((?:[A-Za-z_][A-Za-z0-9_.-]*:)?)Row>")
_BLANK = "[ \t\n]*+"
# What stands in a cell: no tag, no character that XML forbids, and no & but in a reference by name. References by
# number are left to lxml, which knows which of them are allowed.
_PLAIN = "[^<&\x00-\x08\x0b\x0c\x0e-\x1f]*+"
_CELL = f"{_PLAIN}(?:&(?:lt|gt|quot|apos|amp);{_PLAIN})*+"
# "amp" is last, so that what it leaves is not taken for a reference once more.
_NAMED = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&"}
# A character that no XML 1.0 document can hold, not even as a reference: a separator that no value contains.
_NEVER_IN_XML = "\x1f"


class PageFault(ValueError):  # noqa: N818 - it is a fault of one page
    """The answer is not a page of a report."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of a report: its name in the page ("Column3"), and the headings that people see."""

    name: str
    heading: str
    table: str


@dataclass(slots=True)
class ReportPage:
    """A page. ``headings`` is empty on all but the first."""

    token: str
    finished: bool
    headings: tuple[Heading, ...]
    _body: bytes = field(repr=False)
    _rows: str | None = field(repr=False)
    _prefix: str = ""
    has_rows: bool = True

    @property
    def loading(self) -> bool:
        """Whether Alma has neither rows nor an end to give yet."""
        return not self.finished and not self.has_rows

    def columns(self, names: Sequence[str], wanted: Sequence[str]) -> list[Column]:
        """The wanted columns, each with one text per row, "" for a null cell.

        ``names`` are all columns of the report in the order of its schema.

        Raises:
            PageFault: the rows are not well-formed.
        """
        if not self.has_rows:
            return [[] for _ in wanted]
        if self._rows is not None:
            columns = _cut_columns(self._rows, self._prefix, tuple(names), frozenset(wanted))
            if columns is not None:
                return [columns[name] for name in wanted]
        try:
            return _tree_columns(parse_xml(self._body), wanted)
        except XmlRefusedError as err:
            raise PageFault(str(err)) from err


def read_page(body: bytes) -> ReportPage:
    """A page from the bytes of an answer.

    Raises:
        PageFault: not a page of a report: a HTML page, half a page, a DOCTYPE.
    """
    rows, prefix, envelope = _split(body)
    try:
        root = parse_xml(envelope)
        if rows is not None and not _is_row_of_rowset(root):
            rows, root = None, parse_xml(body)
    except XmlRefusedError as err:
        raise PageFault(str(err)) from err
    result = root if local_name(root) == "QueryResult" else root.find("{*}QueryResult")
    if result is None or result.find("{*}ResultXml") is None:
        raise PageFault(f"it is not a report but <{local_name(root)}>")
    rowset = result.find(f"{{*}}ResultXml/{{{ROWSET_NS}}}rowset")
    return ReportPage(
        token=(result.findtext("{*}ResumptionToken") or "").strip(),
        finished=(result.findtext("{*}IsFinished") or "").strip().lower() == "true",
        headings=() if rowset is None else _headings(rowset),
        _body=body,
        _rows=rows,
        _prefix=prefix,
        has_rows=rowset is not None and rowset.find(f"{{{ROWSET_NS}}}Row") is not None,
    )


def _split(body: bytes) -> tuple[str | None, str, bytes]:
    """The text of the rows, their prefix, and the page with one empty row in their place.

    Rows are None when only lxml may judge: no plain rows, or another encoding.
    """
    first = _FIRST_ROW.search(body)
    if first is None:
        return None, "", body
    prefix = first[1]
    last = b"</" + prefix + b"Row>"
    end = body.rfind(last) + len(last)
    region = body[first.start() : end]
    if end < first.end():
        return None, "", body
    try:
        rows = region.decode("utf-8")
    except UnicodeDecodeError:
        return None, "", body
    if not _says_utf8(body) or "\ufffe" in rows or "\uffff" in rows:
        return None, "", body
    envelope = body[: first.start()] + b"<" + prefix + b"Row/>" + body[end:]
    if "\r" in rows:  # XML reads every kind of line end as one
        rows = rows.replace("\r\n", "\n").replace("\r", "\n")
    return rows, prefix.decode("ascii"), envelope


def _says_utf8(body: bytes) -> bool:
    declaration = body[:200].split(b"?>", 1)[0]
    return b"encoding" not in declaration or b"utf-8" in declaration.lower()


def _is_row_of_rowset(root: _Element) -> bool:
    """Whether the row put in place of all rows stands where rows stand, alone, and with nothing beside it but a schema."""
    rows = list(root.iter("{*}Row"))
    if len(rows) != 1 or rows[0].tag != f"{{{ROWSET_NS}}}Row":
        return False
    rowset = rows[0].getparent()
    return rowset is not None and rowset.tag == f"{{{ROWSET_NS}}}rowset"


def _headings(rowset: _Element) -> tuple[Heading, ...]:
    return tuple(
        Heading(
            element.get("name", ""),
            element.get(f"{{{SAW_SQL_NS}}}columnHeading", ""),
            element.get(f"{{{SAW_SQL_NS}}}tableHeading", ""),
        )
        for element in rowset.iter(f"{{{SCHEMA_NS}}}element")
        if element.get("name", "").startswith("Column")
    )


@lru_cache(maxsize=64)
def _row_pattern(prefix: str, names: tuple[str, ...], wanted: frozenset[str]) -> re.Pattern[str]:
    """A row with its cells in the order of the schema, each perhaps absent or empty; the wanted ones are captured."""
    cells = []
    for name in names:
        tag = re.escape(prefix + name)
        cell = f"({_CELL})" if name in wanted else _CELL
        cells.append(f"(?:<{tag}(?:>{cell}</{tag}>|/>){_BLANK})?+")
    tag = re.escape(prefix + "Row")
    return re.compile(f"<{tag}>{_BLANK}{''.join(cells)}</{tag}>{_BLANK}")


def _cut_columns(
    rows: str, prefix: str, names: tuple[str, ...], wanted: frozenset[str]
) -> dict[str, Column] | None:
    """The columns, or None when the expression does not account for every character of the rows."""
    captured = [name for name in names if name in wanted]
    if len(captured) != len(wanted):
        return None
    parts: list[str | None] = list(_row_pattern(prefix, names, wanted).split(rows))
    stride = len(captured) + 1
    if any(parts[0::stride]):  # what stands between the rows: must be nothing at all
        return None
    columns = {name: _filled(parts[place::stride]) for place, name in enumerate(captured, 1)}
    if "&" not in rows:
        return columns
    return {name: _resolved(column) for name, column in columns.items()}


def _filled(cells: list[str | None]) -> Column:
    try:
        "".join(cells)  # type: ignore[arg-type]  # the quickest way to learn that no cell is missing
    except TypeError:
        return [cell or "" for cell in cells]
    return cells  # type: ignore[return-value]


def _resolved(column: Column) -> Column:
    joined = _NEVER_IN_XML.join(column)
    if "&" not in joined:
        return column
    for name, character in _NAMED.items():
        joined = joined.replace(f"&{name};", character)
    return joined.split(_NEVER_IN_XML)


def _tree_columns(root: _Element, wanted: Sequence[str]) -> list[Column]:
    """The same by lxml: slower, and right for everything that is well-formed."""
    columns: dict[str, Column] = {name: [] for name in wanted}
    for row in root.iter(f"{{{ROWSET_NS}}}Row"):
        cells = {local_name(cell): "".join(cell.itertext()) for cell in row}
        for name, column in columns.items():
            column.append(cells.get(name, ""))
    return [columns[name] for name in wanted]
