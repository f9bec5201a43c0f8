"""Everything a layout can get wrong beyond its structure, found in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.domain.layouts.calendars import calendar_faults
from webapp.domain.layouts.catalogue import SUBJECTS, Catalogue
from webapp.domain.layouts.check_file import file_faults, table_faults
from webapp.domain.layouts.check_set import find_set_faults
from webapp.domain.layouts.faults import Fault, LayoutError
from webapp.domain.layouts.read import read_layout, read_layout_set

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.domain.layouts.model import Layout, LayoutSet


def load_layout(document: Mapping[str, object]) -> Layout:
    """The layout of one file that a JSON document describes, checked as far as that goes without the row's fields.

    Raises: LayoutError with every fault and its place, whatever the document holds.
    """
    layout, faults = read_layout(document)
    faults = errors_of(_with_deeper(faults, find_faults(layout, None)))
    if faults:
        raise LayoutError(faults)
    return layout


def load_layout_set(document: Mapping[str, object]) -> LayoutSet:
    """The set of files that a JSON document describes, checked whole against the fields of its subject.

    Raises: LayoutError with every fault and its place, whatever the document holds.
    """
    layouts, faults = read_layout_set(document)
    faults = errors_of(_with_deeper(faults, find_set_faults(layouts, SUBJECTS[layouts.subject])))
    if faults:
        raise LayoutError(faults)
    return layouts


def check_layout(document: Mapping[str, object], catalogue: Catalogue | None = None) -> list[Fault]:
    """All faults and warnings of a JSON document; it can be used when none of them is an error.

    With a ``catalogue`` it is a layout of one file over rows of these fields; without, a set about its subject.
    """
    if catalogue is not None:
        layout, faults = read_layout(document)
        return _with_deeper(faults, find_faults(layout, catalogue))
    layouts, faults = read_layout_set(document)
    return _with_deeper(faults, find_set_faults(layouts, SUBJECTS[layouts.subject]))


def errors_of(faults: list[Fault]) -> list[Fault]:
    """Those faults that keep a layout from being used."""
    return [fault for fault in faults if fault.severity == "error"]


def find_faults(layout: Layout, catalogue: Catalogue | None) -> list[Fault]:
    """The faults of a readable layout; without a catalogue, names and kinds of row fields are taken on trust."""
    faults: list[Fault] = []
    for table in layout.tables.values():
        faults += table_faults(table, catalogue)
    for calendar in layout.calendars.values():
        faults += calendar_faults(calendar)
    return [*file_faults(layout, catalogue), *faults]


def _with_deeper(structural: list[Fault], deeper: list[Fault]) -> list[Fault]:
    """Both lists, without those deeper faults that may only be an echo of a structural one."""
    broken = [fault.path for fault in structural]
    if "$" in broken or any(path.endswith(".mode") for path in broken):
        return structural
    return structural + [fault for fault in deeper if not any(_related(fault.path, path) for path in broken)]


def _related(path: str, other: str) -> bool:
    return path.startswith(other) or other.startswith(path)
