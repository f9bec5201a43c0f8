"""What can be wrong with a set of files beyond each file by itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from webapp.domain.layouts.calendars import calendar_faults
from webapp.domain.layouts.catalogue import Catalogue, unknown_name
from webapp.domain.layouts.check_file import file_faults, table_faults
from webapp.domain.layouts.check_pieces import PieceChecker
from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.model import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.domain.layouts.model import AggregateRule, FileLayout, Layout, LayoutSet, Piece


def fields_layout(layout: Layout) -> Layout:
    """The layout by which derived fields are made: no delimiter, no encoding; columns do that to them later."""
    return replace(layout, mode="delimited", quote="all", encoding="utf-8", width_in="chars", heading=False)


def patron_fields(subject: str, layout: Layout) -> tuple[str, ...]:
    """By which fields the fees of a patron become one line; none where each fee is a line."""
    if subject != "charges" or layout.rows != "per_patron":
        return ()
    return layout.group_by or ("emplid",)


def set_catalogue(layouts: LayoutSet, catalogue: Catalogue) -> Catalogue:
    """The fields of a row together with the derived ones."""
    return {**catalogue, **dict.fromkeys(layouts.fields, "text")}


def find_set_faults(layouts: LayoutSet, catalogue: Catalogue) -> list[Fault]:
    """The faults and warnings of a readable set over rows of these fields."""
    known = set_catalogue(layouts, catalogue)
    faults = [*_field_faults(layouts, catalogue), *_file_name_faults(layouts), *_unreached(layouts)]
    for rule in layouts.aggregates.values():
        faults += _aggregate_faults(layouts, rule, known)
    for table in layouts.tables.values():
        faults += table_faults(table, known)
    for calendar in layouts.calendars.values():
        faults += calendar_faults(calendar)
    for file in layouts.files:
        faults += _split_faults(file, known, patron_fields(layouts.subject, file.layout))
        faults += file_faults(file.layout, known, layouts.fields)
    return list(dict.fromkeys(faults))


def _field_faults(layouts: LayoutSet, catalogue: Catalogue) -> list[Fault]:
    """Each derived field may use the row and the derived fields before it."""
    faults: list[Fault] = []
    layout, known, earlier = fields_layout(layouts.files[0].layout), dict(catalogue), dict[str, "Piece"]()
    for name, piece in layouts.fields.items():
        known.pop(name, None)
        checker = PieceChecker(layout, "detail", known, earlier)
        checker.check_column(Column(name, piece))
        faults += checker.faults
        known[name] = "text"
        earlier[name] = piece
    return faults


def _aggregate_faults(layouts: LayoutSet, rule: AggregateRule, known: Catalogue) -> Iterator[Fault]:
    fields = [name for name, kind in known.items() if rule.kind != "sum" or kind in {"cents", "count"}]
    if rule.kind != "count" and rule.field not in fields:
        what = "amount field" if rule.kind == "sum" else "field"
        yield Fault(f"{rule.path}.{rule.kind}", unknown_name(what, rule.field, fields))
    if rule.where is not None:
        checker = PieceChecker(layouts.files[0].layout, "detail", known, layouts.fields)
        checker.check_condition(rule.where)
        yield from checker.faults


def _split_faults(file: FileLayout, known: Catalogue, patron: tuple[str, ...]) -> list[Fault]:
    layout = file.layout
    faults = []
    if file.when is not None:
        checker = PieceChecker(layout, "detail", known, {})
        checker.check_condition(file.when)
        faults += checker.faults
    for line in layout.text:
        if line.when is not None:
            checker = PieceChecker(layout, "text", known, {})
            checker.check_condition(line.when)
            faults += checker.faults
    for key, names in (("one_per", file.one_per), ("group_by", layout.group_by)):
        faults += [
            Fault(f"{file.path}.{key}[{index}]", unknown_name("field", name, known))
            for index, name in enumerate(names)
            if name not in known
        ]
    grouped = layout.group_by or patron
    if grouped and layout.sort and layout.sort[: len(grouped)] != grouped:
        faults.append(
            Fault(f"{file.path}.sort", f"must begin with {', '.join(grouped)}, by which the rows are grouped")
        )
    if (layout.patron_header or layout.patron_trailer) and not layout.group_by:
        faults.append(Fault(f"{file.path}.group_by", "is missing: patron_header and patron_trailer need it"))
    return faults


def _unreached(layouts: LayoutSet) -> Iterator[Fault]:
    for earlier, file in pairwise(layouts.files):
        if earlier.when is None:
            yield Fault(
                file.path,
                f"takes no row: the file {earlier.kind!r} before it has no condition and takes them all",
            )


def _file_name_faults(layouts: LayoutSet) -> Iterator[Fault]:
    """Two files of a run must not get one name, and {term} needs the derived field."""
    seen: dict[str, str] = {}
    for file in layouts.files:
        pattern = file.layout.file_name
        if "{term}" in pattern and "term" not in layouts.fields:
            yield Fault(f"{file.path}.file_name", '{term} needs a derived field "term" under fields')
        earlier = seen.setdefault(pattern, file.kind)
        if pattern and earlier != file.kind and "{kind}" not in pattern:
            yield Fault(
                f"{file.path}.file_name",
                f"the files {earlier!r} and {file.kind!r} would have the same name; put {{kind}} into it",
            )
