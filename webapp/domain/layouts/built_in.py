"""Ready-made layouts to begin with; a campus copies one and changes what differs."""

from __future__ import annotations

import json
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: Final = ("opscom-holds", "population-ids", "holds-delimited-rich", "holds-positional")


def _documents() -> dict[str, dict[str, Any]]:
    folder = resources.files(__package__) / "ready_made"
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in _NAMES}


BUILT_IN: Final[Mapping[str, dict[str, Any]]] = MappingProxyType(_documents())
"""Layout documents by name: "opscom-holds" is the default for holds, "population-ids" the poorest (ids alone, for
PeopleSoft's Population Selection), "holds-delimited-rich" carries every column of a service indicator with a heading,
"holds-positional" the same in fixed columns with header and trailer totals."""
