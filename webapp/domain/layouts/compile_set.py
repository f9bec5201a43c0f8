"""A set of file layouts made ready for one run: which file takes a row, and how each is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from webapp.domain.layouts.catalogue import SUBJECTS
from webapp.domain.layouts.check import errors_of
from webapp.domain.layouts.check_set import fields_layout, find_set_faults, set_catalogue
from webapp.domain.layouts.compile import CompiledLayout
from webapp.domain.layouts.compile_conditions import Test, compile_condition
from webapp.domain.layouts.compile_pieces import PieceCompiler, RenderContext, Write
from webapp.domain.layouts.faults import LayoutError, RowRefusedError
from webapp.domain.layouts.file_names import FileNameContext, file_name, with_suffix_on_collision
from webapp.domain.layouts.own_totals import OwnTotal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from webapp.domain.layouts.catalogue import Row, Value
    from webapp.domain.layouts.model import Condition, FileLayout, LayoutSet


@dataclass(frozen=True, slots=True)
class SetContext:
    """What a run knows. ``run_at`` is aware and in campus time: its zone is the zone of every date written.

    ``campus`` is the short name that goes into file names, ``sequence`` counts this campus's runs from 1.
    """

    run_at: datetime
    campus: str
    campus_name: str
    sequence: int = 1
    profile_code: str = ""
    export_number: str = ""


@dataclass(frozen=True, slots=True)
class PartTotals:
    """What a file name may say about the lines of its file; money in cents, ``term`` that of its first row."""

    count: int
    total_cents: int
    aggregates: Mapping[str, int] = field(default_factory=dict)
    term: str = ""


@dataclass(frozen=True, slots=True)
class CompiledFile:
    """One file of the set, ready to be written."""

    file: FileLayout
    takes: Test | None
    lines: CompiledLayout
    totals: dict[str, OwnTotal]


class CompiledSet:
    """Derives and routes rows and names files; made by ``compile_set``, written by ``render_set``."""

    def __init__(self, layouts: LayoutSet, context: SetContext) -> None:
        self.layouts = layouts
        self.context = context
        self.catalogue = set_catalogue(layouts, SUBJECTS[layouts.subject])
        self.is_plain = not layouts.fields and layouts.subject == "holds"
        shared = self._render_context("")
        totals = {
            name: OwnTotal(rule, self._condition(rule.where, shared), self.catalogue)
            for name, rule in layouts.aggregates.items()
        }
        self.files = tuple(self._file(file, totals) for file in layouts.files)
        made_by = fields_layout(layouts.files[0].layout)
        self.fields: list[tuple[str, Write]] = [
            (name, PieceCompiler(made_by, shared, name, as_is=True).compile(piece, None, ""))
            for name, piece in layouts.fields.items()
        ]

    def derive(self, row: Row) -> Row:
        """The row with its derived fields; for fees also ``total_cents`` and ``reference_out``, where absent.

        Raises: RowRefusedError, when a derived field cannot be made of this row.
        """
        if self.is_plain:
            return row
        derived: dict[str, Value] = dict(row)
        if self.layouts.subject == "charges":
            cents = derived.get("amount_cents")
            if type(cents) is not int:
                raise RowRefusedError("amount_cents", f"there is no amount in whole cents: {cents!r}")
            derived.setdefault("total_cents", cents)
            derived.setdefault("reference_out", derived.get("reference"))
        for name, make in self.fields:
            derived[name] = make(derived)
        return derived

    def route(self, row: Row) -> int:
        """The index of the file that takes a derived row: the first whose condition holds.

        Raises: RowRefusedError, when none does.
        """
        for index, compiled in enumerate(self.files):
            try:
                if compiled.takes is None or compiled.takes(row):
                    return index
            except ValueError as error:
                raise RowRefusedError(f"{compiled.file.kind} (when)", str(error)) from error
        kinds = ", ".join(compiled.file.kind for compiled in self.files)
        raise RowRefusedError("files", f"no file of the layout takes this row (files: {kinds})")

    def file_name(self, index: int, part: int, totals: PartTotals) -> str:
        """The name of one part (from 1) of one file; further parts get a number where the name does not say it.

        Raises: FileNameError, when a token has no value or the name is none a receiver should be given.
        """
        file, context = self.files[index].file, self.context
        own = {
            name: _money(number) if total.kind == "cents" else str(number)
            for name, number in totals.aggregates.items()
            if (total := self.files[index].totals[name])
        }
        extra = {
            "part": str(part),
            "count": str(totals.count),
            "total": _money(totals.total_cents),
            "term": totals.term,
            "profile": context.profile_code,
            "export_number": context.export_number,
            **own,
        }
        wall = context.run_at.replace(tzinfo=None)
        name = file_name(
            file.layout.file_name,
            FileNameContext(context.campus, file.kind, wall.date(), wall, context.sequence, extra=extra),
        )
        return (
            name if part == 1 or "{part}" in file.layout.file_name else with_suffix_on_collision(name, part)
        )

    def _file(self, file: FileLayout, totals: dict[str, OwnTotal]) -> CompiledFile:
        context = self._render_context(file.kind)
        return CompiledFile(
            file, self._condition(file.when, context), CompiledLayout(file.layout, context), totals
        )

    def _condition(self, condition: Condition | None, context: RenderContext) -> Test | None:
        if condition is None:
            return None
        return compile_condition(condition, self.catalogue, context.run_values())

    def _render_context(self, kind: str) -> RenderContext:
        known = self.context
        return RenderContext(
            run_at=known.run_at,
            campus=known.campus,
            kind=kind,
            sequence=known.sequence,
            catalogue=self.catalogue,
            campus_name=known.campus_name,
            profile_code=known.profile_code,
            export_number=known.export_number,
        )


def compile_set(layouts: LayoutSet, context: SetContext) -> CompiledSet:
    """The set ready for one run.

    Raises: LayoutError when it does not fit its subject's fields, FileNameError when a file name asks for what this
    run does not have.
    """
    faults = errors_of(find_set_faults(layouts, SUBJECTS[layouts.subject]))
    if faults:
        raise LayoutError(faults)
    compiled = CompiledSet(layouts, context)
    for index in range(len(compiled.files)):
        numbers = {name: 1 for name, total in compiled.files[index].totals.items() if total.is_number}
        sample = PartTotals(1, 100, numbers, "0000")
        compiled.file_name(index, 1, sample)
    return compiled


def _money(cents: int) -> str:
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{part:02d}"
