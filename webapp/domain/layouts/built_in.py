"""Ready-made layouts to begin with; a campus copies one and changes what differs."""

from __future__ import annotations

import json
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOLDS: Final = ("opscom-holds", "population-ids", "holds-delimited-rich", "holds-positional")
_CHARGES: Final = (
    "ps-external-file",
    "ps-mass-select",
    "humboldt-bursar",
    "cornell-lib02",
    "mit-csv",
    "cashnet-balance",
)
_JOURNALS: Final = ("cfs-journal-csv", "ps-journal-flat")


def _documents() -> dict[str, dict[str, Any]]:
    folder = resources.files(__package__) / "ready_made"
    return {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in (*_HOLDS, *_CHARGES, *_JOURNALS)
    }


BUILT_IN: Final[Mapping[str, dict[str, Any]]] = MappingProxyType(_documents())
"""Layout documents by name: "opscom-holds" is the default for holds, "population-ids" the poorest (ids alone, for
PeopleSoft's Population Selection), "holds-delimited-rich" carries every column of a service indicator with a heading,
"holds-positional" the same in fixed columns with header and trailer totals.

For charges: "ps-external-file" is the default (fixed columns, header and trailer totals), "ps-mass-select" has id, item
type and amount, "humboldt-bursar", "cornell-lib02" and "mit-csv" are what those campuses load, "cashnet-balance" what
each patron owes. For general ledger journals: "cfs-journal-csv" is the sheet that Common Financial System users upload,
"ps-journal-flat" the H and L records of PeopleSoft's flat file. Each of them has a golden example in ``ready_made/golden``."""
