"""Item types and terms: the tables and calendars of the layout of charges, with the campus's own rows in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus.blueprint import blueprint
from webapp.campus.change_words import change_lines
from webapp.campus.charge_words import sentence
from webapp.campus.map_lines import timelines
from webapp.campus.settings import seen_version
from webapp.campus.words import counted
from webapp.domain.campus_settings.parse import MOST_ROWS
from webapp.domain.layouts import FEE_FIELDS
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import SettingsChangedMeanwhileError
from webapp.services.save_charge_map import (
    ChargeMap,
    ChargeMaps,
    MapRefusedError,
    Part,
    Rows,
    place_of,
    read_charge_maps,
    save_charge_map,
)
from webapp.store import settings_pages

# More rows than this are edited as text, pasted from a spreadsheet.
MOST_IN_GRID = 200
LONGEST_PASTE = 1_000_000
PARTS = "any(tables, calendars)"
# A row and a cell, both from 0; None where a fault is about more.
Spot = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class MapForm:
    """What the editor shows: the rows as typed or stored, what is wrong at each place, and whether they are stored."""

    rows: Rows
    faults: Mapping[Spot, str]
    is_typed: bool = False
    is_stale: bool = False
    focus_row: int | None = None
    pasted: str | None = None


@blueprint.get("/settings/charge_maps")
@campus_role("viewer")
def charge_maps() -> ResponseReturnValue:
    """The tables and calendars that runs use, each in a line, with terms drawn on a line of days."""
    with tenant_scope(g.tenant.tenant_id) as session:
        found = read_charge_maps(session, _today())
        events = settings_pages.changes(session, ["charge_maps"])
    return render_template(
        "campus/charge_maps.html",
        found=found,
        lines={m.name: timelines(m.rows, _today()) for m in found.maps if _has_days(m)},
        faults_of=lambda part, name: _messages(found, part, name),
        changes=change_lines(events),
    )


@blueprint.get(f"/settings/charge_maps/<{PARTS}:part>/<name>")
@campus_role("viewer")
def charge_map(part: Part, name: str) -> ResponseReturnValue:
    """One table or calendar to look at and, for editors, to change. ``?key=`` (again and again) begins a new row."""
    found = _read(part, name)
    known = found.find(part, name)
    if known is None:
        abort(404)
    keys = [key[:200] for key in request.args.getlist("key")][: len(known.headings)]
    rows = known.rows
    if keys:
        rows = [*rows, [*keys, *([""] * (len(known.headings) - len(keys)))]]
    faults = _stored_faults(found, known)
    return _page(
        found, known, MapForm(rows, faults, is_typed=bool(keys), focus_row=len(rows) - 1 if keys else None)
    )


@blueprint.post(f"/settings/charge_maps/<{PARTS}:part>/<name>")
@campus_role("editor")
def change_charge_map(part: Part, name: str) -> ResponseReturnValue:
    """Store the rows, or for the other buttons show them with a row more, fewer, or moved; nothing is stored then."""
    found = _read(part, name)
    known = found.find(part, name)
    if known is None:
        abort(404)
    act, _, place = request.form.get("act", "save").partition(":")
    if act in {"add", "remove", "up"}:
        rows, focus = changed_rows(_typed_cells(known), act, place, len(known.headings))
        return _page(found, known, MapForm(rows, {}, is_typed=True, focus_row=focus))
    pasted = request.form.get("pasted", "")[: LONGEST_PASTE + 1] if act == "paste" else None
    rows = pasted_rows(pasted) if pasted is not None else _typed_cells(known)
    if known.part == "calendars":
        rows = [_without_empty_end(row) for row in rows]
    return _save(found, known, None if act == "layout" else rows, pasted)


def changed_rows(rows: Rows, act: str, place: str, cells: int) -> tuple[Rows, int | None]:
    """The rows after one button: "add" at the end, "remove" one, move one "up"; and the row to go on with."""
    rows = [list(row) for row in rows]
    if act == "add":
        return [*rows, [""] * cells], len(rows)
    n = int(place) if place.isascii() and place.isdigit() and len(place) < 6 else -1
    if not 0 <= n < len(rows):
        return rows, None
    if act == "remove":
        del rows[n]
        return rows, min(n, len(rows) - 1) if rows else None
    target = max(n - 1, 0)
    rows.insert(target, rows.pop(n))
    return rows, target


def pasted_rows(text: str) -> Rows:
    """Rows as a spreadsheet gives them: cells apart by tabs, or by commas where there is no tab; blanks cut."""
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    if any("\t" in line for line in lines):
        return [[cell.strip() for cell in line.split("\t")] for line in lines]
    return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO("\n".join(lines)))]


def _save(found: ChargeMaps, known: ChargeMap, rows: Rows | None, pasted: str | None) -> ResponseReturnValue:
    try:
        notes = save_charge_map(
            g.tenant.tenant_id,
            known.part,
            known.name,
            rows,
            on=_today(),
            actor=g.actor,
            expected_version=seen_version(),
        )
    except MapRefusedError as err:
        faults = _by_place(((row, cell), said) for row, cell, said in err.faults)
        return _page(
            found, known, MapForm(_squared(rows or [], known), faults, is_typed=True, pasted=pasted)
        ), 422
    except SettingsChangedMeanwhileError:
        typed = _squared(rows if rows is not None else known.rows, known)
        return _page(found, known, MapForm(typed, {}, is_typed=True, is_stale=True, pasted=pasted)), 409
    flash(
        f"{known.name}: back to the layout's rows."
        if rows is None
        else f"{known.name}: saved, {counted(len(rows), 'row')}. It counts from the next run on.",
        "good",
    )
    for note in notes:
        flash(note, "ask")
    return redirect(url_for("campus.charge_map", part=known.part, name=known.name), 303)


def _page(found: ChargeMaps, known: ChargeMap, form: MapForm) -> str:
    has_grid = len(form.rows) <= MOST_IN_GRID and form.pasted is None
    return render_template(
        "campus/charge_map.html",
        found=found,
        known=known,
        form=form,
        has_grid=has_grid,
        pasted=form.pasted if form.pasted is not None else "\n".join("\t".join(row) for row in form.rows),
        lines=timelines(form.rows, _today()) if _has_days(known) else [],
        version=seen_version() if request.method == "POST" else found.version,
        fields=FEE_FIELDS,
        most_rows=MOST_ROWS,
    )


def _read(part: Part, name: str) -> ChargeMaps:
    with tenant_scope(g.tenant.tenant_id) as session:
        found = read_charge_maps(session, _today())
    if found.find(part, name) is None:
        abort(404)
    return found


def _typed_cells(known: ChargeMap) -> Rows:
    """The grid as it came: cells one after the other, a row's worth at a time; rows without a word are left out."""
    cells = [cell.strip() for cell in request.form.getlist("cell")]
    width = len(known.headings)
    rows = [cells[n : n + width] for n in range(0, len(cells) - width + 1, width)]
    return [row for row in rows if any(row)]


def _squared(rows: Rows, known: ChargeMap) -> Rows:
    """Rows with as many cells as the table has headings, for the grid."""
    width = len(known.headings)
    return [[*row[:width], *([""] * (width - len(row)))] for row in rows]


def _without_empty_end(row: Sequence[str]) -> list[str]:
    return list(row[:-1]) if len(row) > 3 and not row[-1] else list(row)


def _stored_faults(found: ChargeMaps, known: ChargeMap) -> dict[Spot, str]:
    return _by_place(
        (place_of(fault, known.part, known.name), fault.message)
        for fault in found.faults
        if fault.path.startswith(f"$.{known.part}.{known.name}")
    )


def _by_place(faults: Iterable[tuple[Spot, str]]) -> dict[Spot, str]:
    """Faults of one place as one text."""
    found: dict[Spot, str] = {}
    for spot, said in faults:
        text = sentence(said)
        found[spot] = f"{found[spot]} {text}" if spot in found else text
    return found


def _messages(found: ChargeMaps, part: str, name: str) -> list[tuple[str, str]]:
    """What is wrong or worth knowing: (severity, sentence)."""
    return [(f.severity, f.message) for f in found.faults if f.path.startswith(f"$.{part}.{name}")]


def _has_days(known: ChargeMap) -> bool:
    return known.part == "calendars" and not known.is_by_months


def _today() -> date:
    return datetime.now(ZoneInfo(g.tenant.time_zone)).date()
