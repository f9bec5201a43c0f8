"""Mapping coverage of a layout: the fees of the last year that a look-up table of it has no row for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.domain.charge_maps import first_match
from webapp.domain.layouts import FEE_FIELDS, apply_overrides, load_layout_set
from webapp.domain.money import format_cents
from webapp.models.scope import ScopedSession
from webapp.services.campus_settings import read_all
from webapp.store.coverage import combinations_seen

MOST_SHOWN = 20


def unmapped_fees(session: ScopedSession, document: Mapping[str, Any]) -> list[str]:
    """A sentence for each combination without a row, most frequent first; the campus's own tables count.

    ``document`` is a layout without faults. Tables that are looked up by what the layout derives are left out.
    """
    if document.get("subject") != "charges":
        return []
    maps = read_all(session)["charge_maps"]
    layouts = load_layout_set(apply_overrides(document, maps["tables"], maps["calendars"]))
    found = []
    for name, table in layouts.tables.items():
        if any(key not in FEE_FIELDS for key in table.keys):
            continue
        seen, _ = combinations_seen(session, table.keys)
        for one in seen:
            if first_match(table.rows, one.values) is None:
                told = ", ".join(value or "(nothing)" for value in one.values)
                fees = "1 fee" if one.rows == 1 else f"{one.rows:,} fees"
                found.append(
                    f"Table {name} has no row for {told}: {fees}, {format_cents(one.cents)} in a year"
                )
    return found[:MOST_SHOWN]
