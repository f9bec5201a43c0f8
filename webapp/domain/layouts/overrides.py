"""A campus's own tables and calendars in a layout that it shares with others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def apply_overrides(
    document: Mapping[str, Any], tables: Mapping[str, Any], calendars: Mapping[str, Any]
) -> dict[str, Any]:
    """The document with the campus's own in place of its tables and calendars of the same name; others stay.

    Each may be given whole, as it stands in a layout, or as bare rows: a table's rows of texts; a calendar's
    ``[code, first day, last day, career]`` or ``[first month, last month, pattern]``, months also as text. Names that
    the document lacks are left out. The result is checked when it is loaded.
    """
    changed = dict(document)
    for key, own, replace in (("tables", tables, _table), ("calendars", calendars, _calendar)):
        there = document.get(key)
        if isinstance(there, Mapping):
            changed[key] = {
                name: replace(item, own[name]) if name in own else item for name, item in there.items()
            }
    return changed


def _table(there: object, own: object) -> object:
    if isinstance(own, Mapping) or not isinstance(there, Mapping):
        return own
    return {**there, "rows": own}


def _calendar(there: object, own: object) -> object:
    if isinstance(own, Mapping) or not isinstance(own, (list, tuple)):
        return own
    kept = {"missing": there["missing"]} if isinstance(there, Mapping) and "missing" in there else {}
    if all(_is_months(row) for row in own):
        return {**kept, "months": [[int(row[0]), int(row[1]), row[2]] for row in own]}
    return {**kept, "terms": list(own)}


def _is_months(row: object) -> bool:
    return (
        isinstance(row, (list, tuple))
        and len(row) == 3
        and all(str(cell).isascii() and str(cell).isdigit() and len(str(cell)) <= 2 for cell in row[:2])
    )
