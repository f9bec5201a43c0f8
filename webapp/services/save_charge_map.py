"""A campus's own rows for the tables and calendars of its layout of charges: read, checked, stored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from webapp.adapters.errors import PermanentError
from webapp.domain.campus_settings.parse import MOST_ROWS
from webapp.domain.layouts import Fault, apply_overrides, check_layout
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import campus_settings
from webapp.services.audit import Actor
from webapp.services.choose_layout_set import choose_layout_set

Part = Literal["tables", "calendars"]
Rows = list[list[str]]
SECTION = "charge_maps"
TERM_HEADINGS = ("Term", "First day", "Last day", "Career")
MONTH_HEADINGS = ("First month", "Last month", "Term")


@dataclass(frozen=True, slots=True)
class ChargeMap:
    """One table or calendar as runs use it. ``headings`` name its cells, the first ``keys`` of them what is looked up.

    ``key_fields`` are the fields of a row that a table's keys compare with; ``is_own``: the campus has rows of its own.
    """

    part: Part
    name: str
    headings: tuple[str, ...]
    key_fields: tuple[str, ...]
    rows: Rows
    is_own: bool

    @property
    def is_by_months(self) -> bool:
        """Whether a calendar says months of any year instead of days."""
        return self.part == "calendars" and self.headings == MONTH_HEADINGS


@dataclass(frozen=True, slots=True)
class ChargeMaps:
    """The campus's layout of charges with its tables and calendars. ``trouble`` says why there is none.

    ``faults`` are of the document with the campus's rows in it; ``version`` is of the stored rows.
    """

    layout_name: str
    document: Mapping[str, Any]
    maps: tuple[ChargeMap, ...]
    faults: tuple[Fault, ...]
    version: int
    trouble: str = ""

    def find(self, part: str, name: str) -> ChargeMap | None:
        """The table or calendar of that name."""
        return next((found for found in self.maps if (found.part, found.name) == (part, name)), None)


class MapRefusedError(Exception):
    """The rows were not stored. ``faults`` by place: row from 0 and cell from 0; None where it is about more."""

    def __init__(self, faults: Sequence[tuple[int | None, int | None, str]]) -> None:
        super().__init__(" ".join(said for _, _, said in faults))
        self.faults = tuple(faults)


def read_charge_maps(session: ScopedSession, on: date) -> ChargeMaps:
    """The tables and calendars that a run of the day would use."""
    settings = campus_settings.read_all(session)
    own, version = campus_settings.read_section(session, SECTION)
    name = settings["bursar"]["layout"]
    try:
        document = choose_layout_set(session, name, on).document
    except PermanentError as err:
        return ChargeMaps(name, {}, (), (), version, err.message)
    merged = apply_overrides(document, own["tables"], own["calendars"])
    maps = (
        *(_table(key, item, key in own["tables"]) for key, item in _named(merged, "tables")),
        *(_calendar(key, item, key in own["calendars"]) for key, item in _named(merged, "calendars")),
    )
    return ChargeMaps(name, document, maps, tuple(check_layout(merged)), version)


def save_charge_map(
    tenant_id: int,
    part: Part,
    name: str,
    rows: Rows | None,
    *,
    on: date,
    actor: Actor,
    expected_version: int,
) -> list[str]:
    """Store the campus's own rows, or with None go back to the layout's; returns what to know about them, in sentences.

    Raises: MapRefusedError with every fault at its place; SettingsChangedMeanwhileError; LookupError when the layout
    has no such table or calendar. Nothing is stored then.
    """
    with tenant_scope(tenant_id) as session:
        found = read_charge_maps(session, on)
        known = found.find(part, name)
        if known is None:
            raise LookupError(f"{part} {name}")
        own, _ = campus_settings.read_section(session, SECTION)
        changed = {key: value for key, value in own[part].items() if key != name}
        if rows is not None:
            changed[name] = rows
        warnings = _check(found, own, part, changed, known, rows)
        campus_settings.store_values(
            session, SECTION, {part: changed}, actor=actor, expected_version=expected_version
        )
        session.commit()
    return warnings


def place_of(fault: Fault, part: Part, name: str) -> tuple[int | None, int | None]:
    """The row and cell (from 0) of a table's or calendar's fault; None for one that is about the whole."""
    inner = "rows" if part == "tables" else "(?:terms|months)"
    match = re.match(rf"\$\.{part}\.{re.escape(name)}\.{inner}\[(\d+)\](?:\[(\d+)\])?", fault.path)
    if match is None:
        return None, None
    return int(match[1]), int(match[2]) if match[2] else None


def _check(
    found: ChargeMaps,
    own: Mapping[str, Any],
    part: Part,
    changed: Mapping[str, Any],
    known: ChargeMap,
    rows: Rows | None,
) -> list[str]:
    """Warnings of the document as it would be. Raises: MapRefusedError."""
    if rows is not None and not rows:
        raise MapRefusedError(
            [(None, None, "At least one row is needed. To use the layout's rows, go back to them below.")]
        )
    if rows is not None and len(rows) > MOST_ROWS:
        raise MapRefusedError(
            [(None, None, f"At most {MOST_ROWS:,} rows can be kept; these are {len(rows):,}.")]
        )
    faults = _empty_cells(known, rows or [])
    merged = apply_overrides(
        found.document, **{**{key: own[key] for key in ("tables", "calendars")}, part: changed}
    )
    mine = [fault for fault in check_layout(merged) if fault.path.startswith(f"$.{part}.{known.name}")]
    faults += [
        (*place_of(fault, part, known.name), fault.message) for fault in mine if fault.severity == "error"
    ]
    if faults:
        raise MapRefusedError(faults)
    return [f"{fault.message[:1].upper()}{fault.message[1:]}." for fault in mine]


def _empty_cells(known: ChargeMap, rows: Rows) -> list[tuple[int | None, int | None, str]]:
    """A term without a code or a day. In a table an empty key is meant: it fits fees that have nothing there."""
    if known.part == "tables":
        return []
    return [
        (n, cell, f"{known.headings[cell]} is empty.")
        for n, row in enumerate(rows)
        for cell in range(3)
        if not (row[cell] if cell < len(row) else "")
    ]


def _named(document: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    there = document.get(key)
    return list(there.items()) if isinstance(there, Mapping) else []


def _table(name: str, item: Any, is_own: bool) -> ChargeMap:
    keys, columns = tuple(item["keys"]), tuple(item["columns"])
    rows = [[str(cell) for cell in row] for row in item["rows"]]
    return ChargeMap("tables", name, (*keys, *columns), keys, rows, is_own)


def _calendar(name: str, item: Any, is_own: bool) -> ChargeMap:
    headings = MONTH_HEADINGS if "months" in item else TERM_HEADINGS
    rows = [[str(cell) for cell in row] for row in item.get("months") or item.get("terms") or []]
    padded = [[*row, *([""] * (len(headings) - len(row)))] for row in rows]
    return ChargeMap("calendars", name, headings, (), padded, is_own)
