"""Rows on their way into the run's staged table: as lines of COPY text, and back as a layout's row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import orjson

from webapp.domain.layouts import FEE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from webapp.domain.bursar.policy import Verdict

FeeRow = dict[str, Any]

_LINES_PER_WRITE = 500
_DAYS = tuple(name for name, kind in FEE_FIELDS.items() if kind == "date")
_MOMENTS = tuple(name for name, kind in FEE_FIELDS.items() if kind == "datetime")
_TABS = 10


@dataclass(slots=True)
class Stager:
    """Takes judged rows, numbers them from 1 and hands COPY text to ``write``; counts what came in.

    ``rows`` and ``cents`` are the input side of conservation: they are counted here, before anything is decided.
    """

    write: Callable[[str], object]
    rows: int = 0
    cents: int = 0
    _lines: list[str] = field(default_factory=list)

    def add(
        self, row: Mapping[str, Any], verdict: Verdict, origin: str, origin_id: int | None = None
    ) -> None:
        """Stage one row with what was decided about it."""
        self.rows += 1
        self.cents += row.get("amount_cents") or 0
        self._lines.append(
            row_line(self.rows, origin, origin_id, row, verdict.kind, verdict.rule, verdict.words)
        )
        if len(self._lines) >= _LINES_PER_WRITE:
            self.flush()

    def flush(self) -> None:
        """Hand over what is left."""
        self.write("".join(self._lines))
        self._lines.clear()


def row_line(
    n: int, origin: str, origin_id: int | None, row: Mapping[str, Any], verdict: str, rule: str, words: str
) -> str:
    """One line of COPY text in the order of ``webapp.store.staged_rows.ROW_COLUMNS``."""
    reason = words if verdict != "send" else ""
    cells = "\t".join(
        (
            str(n),
            origin,
            "\\N" if origin_id is None else str(origin_id),
            row.get("fee_ref") or "",
            row.get("patron_id") or "",
            row.get("item_barcode") or "",
            row.get("kind") or "charge",
            str(row.get("amount_cents") or 0),
            verdict,
            rule,
            reason,
        )
    )
    # Hardly any row needs it, and looking is a tenth of the work of escaping.
    if cells.count("\t") != _TABS or "\n" in cells or "\r" in cells or _has_backslash(cells, origin_id):
        cells = _escaped(n, origin, origin_id, row, verdict, rule, reason)
    kept = dict(row)
    kept.pop("n", None)
    # Days and moments as isoformat writes them.
    body = orjson.dumps(kept).decode()
    if "\\" in body:
        body = body.replace("\\", "\\\\")
    return f"{cells}\t{body}\n"


def thaw(body: Mapping[str, Any]) -> FeeRow:
    """A staged or parked body as the row it was made of: days and moments are dates again."""
    row = dict(body)
    for name in _DAYS:
        if row.get(name):
            row[name] = date.fromisoformat(row[name])
    for name in _MOMENTS:
        if row.get(name):
            row[name] = datetime.fromisoformat(row[name])
    return row


def _has_backslash(cells: str, origin_id: int | None) -> bool:
    return cells.count("\\") != (1 if origin_id is None else 0)


def _escaped(
    n: int, origin: str, origin_id: int | None, row: Mapping[str, Any], verdict: str, rule: str, reason: str
) -> str:
    texts = (
        row.get("fee_ref") or "",
        row.get("patron_id") or "",
        row.get("item_barcode") or "",
        row.get("kind") or "charge",
        str(row.get("amount_cents") or 0),
        verdict,
        rule,
        reason,
    )
    head = (str(n), origin, "\\N" if origin_id is None else str(origin_id))
    return "\t".join((*head, *map(copy_cell, texts)))


def copy_cell(value: str) -> str:
    """One text as COPY text."""
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
