"""Lists as CSV for people: quoted, with a mark Excel understands, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from flask import Response

# A cell that starts so is read as a formula by spreadsheets (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
Cell = str | int | Decimal | date | datetime | None


def csv_response(file_name: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """A download that streams. ``file_name`` is ours (letters, digits, ``-``, ``_``), without the ending.

    Amounts go out as ``Decimal`` dollars, times as ISO 8601 in UTC. For people only: files for machines have
    layouts of their own and must not be altered like this.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", file_name).strip("-") or "list"
    response = Response(csv_lines(headings, rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def csv_lines(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The lines of such a file, the first with a byte order mark."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    buffer.write("\ufeff")
    writer.writerow([neutral(cell) for cell in headings])
    yield buffer.getvalue()
    for row in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([neutral(cell) for cell in row])
        yield buffer.getvalue()


def neutral(cell: Cell) -> str:
    """A cell's text; text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(cell, str):
        return "'" + cell if cell.startswith(FORMULA_STARTS) else cell
    return str(cell)


def dollars(cents: int | None) -> Decimal | None:
    """Cents as a number of dollars, for a cell that a spreadsheet can add up."""
    return None if cents is None else Decimal(cents).scaleb(-2)
