"""What a layout's text is worth: its faults at their places, or the files it makes, with the reason of every value."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from webapp.domain.layouts import (
    CompiledSet,
    LayoutError,
    RenderContext,
    RenderError,
    Row,
    RowRefusedError,
    SetContext,
    compile_layout,
    compile_set,
    explain,
    load_layout,
    load_layout_set,
    measure_rows,
    render,
    render_set,
)
from webapp.domain.layouts.either_way import check_either, subject_of
from webapp.domain.layouts.explain import ExplainedLine
from webapp.domain.layouts.file_names import FileNameContext, FileNameError, file_name
from webapp.domain.layouts.inbound import is_inbound
from webapp.domain.layouts.place import Places
from webapp.services.sample_rows import sample_fees, sample_journal, sample_rows

LONGEST_TEXT = 200_000
# Whoever has more faults than this has pasted something else.
MOST_FAULTS = 50
MOST_EXPLAINED = 25


@dataclass(frozen=True, slots=True)
class PlacedFault:
    """One thing wrong: the line of the text (0: the text as a whole), the place in the layout, and a sentence."""

    line: int
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file that the layout makes of the rows; ``ruler`` counts its columns where they have fixed places."""

    kind: str
    name: str
    text: str
    ruler: str = ""


@dataclass(frozen=True, slots=True)
class ExplainedRow:
    """One row with the lines it becomes; ``kind`` is the file that takes it."""

    about: str
    kind: str
    lines: tuple[ExplainedLine, ...]


@dataclass(frozen=True, slots=True)
class LayoutPreview:
    """Either ``faults`` or samples of the files. ``refused`` are rows that the layout cannot write.

    ``warnings`` do not keep a layout from being saved.
    """

    document: Mapping[str, Any] | None = None
    faults: list[PlacedFault] = field(default_factory=list)
    warnings: list[PlacedFault] = field(default_factory=list)
    files: list[SampleFile] = field(default_factory=list)
    explained: list[ExplainedRow] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    # The rows it was shown with, and whether they are the campus's own.
    rows: list[Row] = field(default_factory=list)
    is_own: bool = False

    @property
    def subject(self) -> str:
        """What the layout is about: what goes out, or of what comes in payments, hold_list or answers."""
        return subject_of(self.document or {})

    @property
    def is_incoming(self) -> bool:
        """Whether the file comes in, so that nothing is written with it."""
        return is_inbound(self.document)


def preview_layout(
    text: str, *, campus: str, slug: str, time_zone: str, fees: Sequence[Row] = ()
) -> LayoutPreview:
    """Check the text of a layout and write rows with it: ``fees`` where it is about charges, else invented ones.

    Raises nothing, whatever the text is.
    """
    document, fault = _read(text)
    if document is None:
        return LayoutPreview(faults=[fault] if fault else [])
    places = Places(text)
    found = check_either(document)
    faults = [PlacedFault(places.line_of(f.path), f.path, f.message) for f in found if f.severity == "error"]
    warnings = [
        PlacedFault(places.line_of(f.path), f.path, f.message) for f in found if f.severity != "error"
    ]
    if faults:
        return LayoutPreview(document, sorted(faults, key=lambda placed: placed.line)[:MOST_FAULTS])
    preview = LayoutPreview(document, warnings=warnings[:MOST_FAULTS])
    if preview.is_incoming:
        return preview
    run_at = datetime.now(UTC).astimezone(ZoneInfo(time_zone))
    try:
        if preview.subject != "holds":
            context = SetContext(run_at, slug, campus, 1, "BURSAR", "17492217040006761")
            rows = (
                sample_journal(run_at.date())
                if preview.subject == "journal"
                else fees or sample_fees(run_at.date())
            )
            _make_set(preview, compile_set(load_layout_set(document), context), rows)
        else:
            _make_holds(preview, document, campus, slug, run_at)
    except (LayoutError, FileNameError) as err:
        return LayoutPreview(document, [PlacedFault(places.line_of("$.file_name"), "$.file_name", str(err))])
    except RenderError as err:
        preview.refused.append(str(err))
    return preview


def _make_set(preview: LayoutPreview, compiled: CompiledSet, rows: Sequence[Row]) -> None:
    preview.rows.extend(rows)
    parts: dict[tuple[str, int], _Kept] = {}

    def refuse(row: Row, err: RowRefusedError) -> None:
        preview.refused.append(f"{about_row(row)}: {err.field}: {err.reason}")

    made = render_set(
        compiled, rows, lambda kind, part: parts.setdefault((kind, part), _Kept()), on_refused=refuse
    )
    layouts = {file.file.kind: file.file.layout for file in compiled.files}
    for file in made:
        layout = layouts[file.kind]
        text = parts[file.kind, file.part].getvalue().decode(layout.encoding, "replace")
        widest = max((len(line) for line in text.splitlines()), default=0)
        ruler = "" if layout.mode == "delimited" else _ruler(widest)
        preview.files.append(SampleFile(file.kind, file.name, text, ruler))
    for row in rows[:MOST_EXPLAINED]:
        try:
            told = explain(compiled, row)
        except RowRefusedError:
            continue
        preview.explained.append(
            ExplainedRow(about_row(row), compiled.files[told.file_index].file.kind, told.lines)
        )


def about_row(row: Row) -> str:
    """A row in few words."""
    cents = row.get("amount_cents")
    amount = f"{cents / 100:,.2f}" if isinstance(cents, int) else ""
    named = (row.get("patron_id"), row.get("fee_type"), row.get("account"), amount)
    return " ".join(str(word) for word in named if word)


def _make_holds(
    preview: LayoutPreview, document: Mapping[str, Any], campus: str, slug: str, run_at: datetime
) -> None:
    layout = load_layout(document)
    compiled = compile_layout(layout, RenderContext(run_at, campus, "added", 1, "LIB"))
    name = file_name(
        layout.file_name,
        FileNameContext(slug, "added", run_at.date(), run_at.replace(tzinfo=None), 1, "LIB"),
    )

    def refuse(_row: Row, err: RowRefusedError) -> None:
        preview.refused.append(str(err))

    rows = sample_rows(run_at.date())
    pieces: list[bytes] = []
    try:
        aggregates = measure_rows(compiled, rows, lambda _row, _err: None)
        render(compiled, rows, pieces.append, aggregates, on_refused=refuse)
    except RowRefusedError as err:
        preview.refused.append(str(err))
    preview.files.append(SampleFile("added", name, b"".join(pieces).decode(layout.encoding, "replace")))


def _ruler(width: int) -> str:
    """Tens above units, as far as the widest line reaches."""
    tens = "".join(f"{ten * 10:>10}" for ten in range(1, width // 10 + 1))
    units = ("1234567890" * (width // 10 + 1))[:width]
    return f"{tens}\n{units}"


class _Kept(io.BytesIO):
    """The bytes of one part; closing it does not lose them."""

    def close(self) -> None:
        """Nothing: the bytes are still read."""


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
