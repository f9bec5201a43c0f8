"""A cell's text as the value of its column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from webapp.domain.layouts.catalogue import Value
from webapp.domain.layouts.inbound_model import InboundColumn
from webapp.domain.layouts.inbound_moments import moment_of, parse_moment
from webapp.domain.money import MAX_CENTS, MoneyError, parse_cents
from webapp.domain.violations.dates import parse_date

_SPREADSHEET_NUMBER: Final = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+")
_IMPLIED: Final = re.compile(
    r"(?P<open>\()?(?P<lead>[-+])?(?P<digits>[0-9]{1,15})(?P<trail>[-+])?(?P<close>\))?"
)
# A spreadsheet's way to keep an id as text, and its accounting form: $(12.50), and - for nothing.
_KEPT_AS_TEXT: Final = re.compile(r'="([^"]*)"')
_ACCOUNTING: Final = re.compile(r"\$\s*(\(.*\))")
_NOTHING: Final = re.compile(r"\$?\s*-")
_TOKEN: Final = re.compile(r"\[[^\[\]]*\]|MON|Mon|YYYY|YY|MM|M|DD|D|HH|mm|ss|.", re.DOTALL)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PATTERNS: Final = {
    "YYYY": "(?P<year>[0-9]{4})",
    "YY": "(?P<short>[0-9]{2})",
    "MM": "(?P<month>[0-9]{2})",
    "M": "(?P<month>[0-9]{1,2})",
    "MON": "(?P<name>[A-Za-z]{3})",
    "Mon": "(?P<name>[A-Za-z]{3})",
    "DD": "(?P<day>[0-9]{2})",
    "D": "(?P<day>[0-9]{1,2})",
    "HH": "(?P<hour>[0-9]{2})",
    "mm": "(?P<minute>[0-5][0-9])",
    "ss": "(?P<second>[0-5][0-9])",
}


class CellError(ValueError):
    """The text cannot be the value of its column; the message is a sentence's part that follows the column's name."""


def cell_text(cell: str) -> str:
    """A delimited cell without blanks around it, and without what a spreadsheet puts around an id to keep its zeros."""
    bare = cell.strip()
    kept = _KEPT_AS_TEXT.fullmatch(bare) if bare.startswith("=") else None
    return kept[1].strip() if kept else bare


def read_cell(column: InboundColumn, cell: str, cells: Mapping[str, str]) -> Value:
    """The value of a cell that is not empty; ``cells`` are the line's cells by column name.

    Raises: CellError.
    """
    try:
        match column.kind:
            case "cents":
                return _cents(column, cell, cells)
            case "count":
                return _count(cell)
            case "date":
                return _day(column, cell)
            case "moment":
                return _moment(column, cell)
            case _:
                return _text(column, cell)
    except MoneyError as err:
        raise CellError(str(err)) from err


def _text(column: InboundColumn, cell: str) -> str:
    if _SPREADSHEET_NUMBER.fullmatch(cell) and (column.digits or column.field != "message"):
        raise CellError(f"{cell[:40]!r} was rewritten by a spreadsheet; export ids as text")
    if not column.digits:
        return cell
    if not (cell.isascii() and cell.isdigit()):
        raise CellError(f"{cell[:40]!r} is not made of digits only")
    if len(cell) > column.digits:
        raise CellError(f"{cell[:40]!r} has {len(cell)} digits, and {column.digits} is the most")
    return cell.zfill(column.digits)


def _count(cell: str) -> int:
    bare = cell.replace(",", "")
    if not (bare.isascii() and bare.isdigit() and len(bare) <= 12):
        raise CellError(f"{cell[:40]!r} is not a whole number")
    return int(bare)


def _cents(column: InboundColumn, cell: str, cells: Mapping[str, str]) -> int:
    reading = column.amount
    cents = _implied_cents(cell) if reading.implied else _pointed_cents(cell)
    if reading.sign_from and cells.get(reading.sign_from, "").casefold() in reading.negative:
        if cents < 0:
            raise CellError(f"{cell[:40]!r} is below zero, and {reading.sign_from!r} says so again")
        cents = -cents
    return abs(cents) if reading.absolute else cents


def _pointed_cents(cell: str) -> int:
    if _NOTHING.fullmatch(cell):
        return 0
    accounting = _ACCOUNTING.fullmatch(cell)
    return parse_cents(accounting[1] if accounting else cell)


def _implied_cents(cell: str) -> int:
    match = _IMPLIED.fullmatch(cell)
    if match is None or bool(match["open"]) != bool(match["close"]):
        raise CellError(f"{cell[:40]!r} is not an amount in cents such as 0001250")
    signs = [sign for sign in (match["open"], match["lead"], match["trail"]) if sign]
    cents = int(match["digits"])
    if len(signs) > 1 or cents > MAX_CENTS:
        raise CellError(f"{cell[:40]!r} is not an amount in cents such as 0001250")
    return -cents if signs and signs[0] != "+" else cents


def _day(column: InboundColumn, cell: str) -> date:
    if not column.date_format:
        try:
            return parse_date(cell, day_first=column.day_first)
        except ValueError as err:
            raise CellError(str(err)) from err
    return _dated(column.date_format, cell)[0]


def _moment(column: InboundColumn, cell: str) -> datetime:
    try:
        if not column.date_format:
            return parse_moment(cell, day_first=column.day_first)
        return moment_of(*_dated(column.date_format, cell))
    except ValueError as err:
        raise CellError(str(err)) from err


def _dated(date_format: str, cell: str) -> tuple[date, dict[str, str | None]]:
    """The day in a cell written in a pattern, and the parts of its time."""
    match = re.fullmatch(_pattern(date_format), cell)
    if match is None:
        raise CellError(f"{cell[:40]!r} is not a date written {date_format}")
    found = match.groupdict()
    month = found.get("month") or str(_month_of(found.get("name") or ""))
    year = found.get("year") or f"20{found.get('short') or ''}"
    clock = {part: found.get(part) for part in ("hour", "minute", "second")}
    try:
        return date(int(year), int(month), int(found.get("day") or 1)), clock
    except ValueError as err:
        raise CellError(f"{cell[:40]!r} is not a date in any calendar") from err


def _month_of(name: str) -> int:
    return _MONTHS.index(name.lower()) + 1 if name.lower() in _MONTHS else 0


def reading_fault(date_format: str) -> str | None:
    """Why a pattern that can write a date cannot read one, or None."""
    tokens = [token for token in _TOKEN.findall(date_format) if token in _PATTERNS]
    parts = [_PATTERNS[token][:6] for token in tokens]
    if len(parts) != len(set(parts)) or re.search("DDD|GGGG|WW|Q", re.sub(r"\[[^\]]*\]", "", date_format)):
        return f"cannot be read backwards: {date_format!r} tells a part twice, or counts days or weeks of the year"
    if not {"YYYY", "YY"} & set(tokens):
        return f"cannot be read backwards: {date_format!r} has no year"
    return None


def _pattern(date_format: str) -> str:
    return "".join(
        _PATTERNS.get(token) or re.escape(token.removeprefix("[").removesuffix("]"))
        for token in _TOKEN.findall(date_format)
    )
