"""What a layout's text is worth: its faults at their places, or the file it makes of sample rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from webapp.domain.layouts import (
    HOLD_FIELDS,
    LayoutError,
    RenderContext,
    Row,
    RowRefusedError,
    check_layout,
    compile_layout,
    load_layout,
    measure_rows,
    render,
)
from webapp.domain.layouts.file_names import FileNameContext, FileNameError, file_name
from webapp.domain.layouts.place import Places

LONGEST_TEXT = 200_000
# Whoever has more faults than this has pasted something else.
MOST_FAULTS = 50


@dataclass(frozen=True, slots=True)
class PlacedFault:
    """One thing wrong: the line of the text (0: the text as a whole), the place in the layout, and a sentence."""

    line: int
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class LayoutPreview:
    """Either ``faults`` or a sample of the file. ``refused`` are sample rows that the layout cannot write."""

    document: Mapping[str, Any] | None = None
    faults: list[PlacedFault] = field(default_factory=list)
    sample: str = ""
    sample_name: str = ""
    refused: list[str] = field(default_factory=list)


def preview_layout(text: str, *, campus: str, slug: str, time_zone: str) -> LayoutPreview:
    """Check the text of a layout and write three invented patrons with it. Raises nothing, whatever the text is."""
    document, fault = _read(text)
    if document is None:
        return LayoutPreview(faults=[fault] if fault else [])
    places = Places(text)
    faults = [
        PlacedFault(places.line_of(found.path), found.path, found.message)
        for found in check_layout(document, HOLD_FIELDS)[:MOST_FAULTS]
    ]
    if faults:
        return LayoutPreview(document, sorted(faults, key=lambda placed: placed.line))
    run_at = datetime.now(UTC).astimezone(ZoneInfo(time_zone))
    try:
        layout = load_layout(document)
        compiled = compile_layout(layout, RenderContext(run_at, campus, "added", 1, "LIB"))
        name = file_name(
            layout.file_name,
            FileNameContext(slug, "added", run_at.date(), run_at.replace(tzinfo=None), 1, "LIB"),
        )
    except (LayoutError, FileNameError) as err:
        return LayoutPreview(document, [PlacedFault(places.line_of("$.file_name"), "$.file_name", str(err))])
    refused: list[str] = []

    def refuse(_row: Row, err: RowRefusedError) -> None:
        refused.append(str(err))

    rows = sample_rows(run_at.date())
    pieces: list[bytes] = []
    try:
        aggregates = measure_rows(compiled, rows, lambda _row, _err: None)
        render(compiled, rows, pieces.append, aggregates, on_refused=refuse)
    except RowRefusedError as err:
        refused.append(str(err))
    sample = b"".join(pieces).decode(layout.encoding, "replace")
    return LayoutPreview(document, sample=sample, sample_name=name, refused=refused)


def _read(text: str) -> tuple[Mapping[str, Any] | None, PlacedFault | None]:
    if len(text) > LONGEST_TEXT:
        return None, PlacedFault(0, "$", f"The text is longer than {LONGEST_TEXT:,} characters.")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as err:
        return None, PlacedFault(err.lineno, f"column {err.colno}", f"This is not JSON: {err.msg}.")
    except (ValueError, RecursionError):
        return None, PlacedFault(
            0, "$", "This is JSON that cannot be used: nested too deep, or a number too long."
        )
    if not isinstance(document, Mapping):
        return None, PlacedFault(1, "$", "A layout is an object in braces.")
    return document, None


def sample_rows(today: date) -> list[Row]:
    """Three invented patrons: a plain one, one with strange letters and a long title, one who owes a lot."""
    return [
        _row("012345678", 12_500, "Student", "Overdue fine", date(today.year, 1, 9), "Rivera, Ana", "Calculus", "LIB"),
        _row("098765432", 4_095, "Staff", "Lost item", date(today.year, 2, 3), "Nuñez-O’Hara, José", 'A title\twith a tab, a "quote" and much more after it', "LIB"),
        _row("100000007", 1_234_567, "Faculty", "Recalled item", date(today.year - 1, 11, 30), "Li, Wei", "Maps", "LIB"),
    ]  # fmt: skip


def _row(
    emplid: str, cents: int, user_type: str, violation: str, on: date, name: str, title: str, code: str
) -> Row:
    return {
        "emplid": emplid,
        "total_cents": cents,
        "currency": "USD",
        "user_type": user_type,
        "violation_type": violation,
        "violation_on": on,
        "hold_code": code,
        "hold_reason": "LFINE",
        "action": "A",
        "institution": "CSUSM",
        "department": "LIBRARY",
        "contact": "Library Billing",
        "start_term": "0000",
        "reference": "17251880460004601",
        "item_count": 1,
        "patron_name": name,
        "fee_id": "17251880460004601",
        "item_title": title,
        "item_barcode": "31205000112233",
        "library": "MAIN",
        "item_cents": cents,
    }
