"""The lines of one part where they depend on each other: numbers, continuation lines, groups of a patron."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from webapp.domain.layouts.catalogue import Row, Value
from webapp.domain.layouts.compile_pieces import group_key
from webapp.domain.layouts.external_sort import Key, sort_key
from webapp.domain.layouts.faults import RenderError, RowRefusedError
from webapp.domain.layouts.output import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.domain.layouts.compile_set import CompiledFile
    from webapp.domain.layouts.part_writer import PartWriter

MOST_GROUP_LINES: Final = 10_000
Numbers = tuple[int, int, dict[tuple[str, ...], tuple[Key, int]]]


@dataclass(slots=True)
class _Group:
    """Rows with equal values of group_by and their lines, held until the last of them has come."""

    values: Key
    numbers_before: Numbers
    rows: list[Row] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class PartLines:
    """Makes the lines of rows that come in order, and hands them to their part; a group is written whole."""

    def __init__(
        self,
        compiled: CompiledFile,
        part: PartWriter,
        on_written: Callable[[PartWriter, list[Row]], object],
        on_refused: Callable[[Row, RowRefusedError], object],
    ) -> None:
        self.part = part
        self._compiled = compiled
        self._lines = compiled.lines
        self._on_written = on_written
        self._on_refused = on_refused
        self._numbers: Numbers = (0, 0, {})
        self._group: _Group | None = None
        catalogue = compiled.lines.context.catalogue
        group_by = compiled.file.layout.group_by
        self._group_of = sort_key(group_by, catalogue) if group_by else None
        self._equal_of = {
            value.fields: sort_key(value.fields, catalogue)
            for value in compiled.lines.line_values
            if value.scope == "equal"
        }

    @property
    def rows(self) -> int:
        """How many rows stand in the part, those of an unfinished group included."""
        return self.part.rows + (len(self._group.rows) if self._group else 0)

    def add(self, row: Row) -> None:
        """Write a row, or keep it until its group is whole.

        Raises: RowRefusedError, when the row cannot be written; nothing is left behind then.
        """
        values = self._group_of(row) if self._group_of else None
        if self._group is not None and self._group.values != values:
            self.end_group()
        numbers = self._next(row)
        texts = self._texts(row, numbers)
        if values is None:
            self.part.write(texts, [row], len(texts) - 1)
            self._on_written(self.part, [row])
        else:
            self._hold(values, row, texts)
        self._numbers = numbers

    def end_group(self) -> None:
        """Write the group at hand with its header and trailer; if those cannot be made, its rows are refused."""
        group, self._group = self._group, None
        if group is None:
            return
        try:
            totals = self._group_totals(group.rows)
            texts = group.texts
            if header := self._lines.patron_header_text:
                texts = [header({**group.rows[0], **totals}), *texts]
            if trailer := self._lines.patron_trailer_text:
                texts = [*texts, trailer({**group.rows[-1], **totals})]
            self.part.write(texts, group.rows, len(texts) - len(group.rows))
        except RowRefusedError as error:
            self._numbers = group.numbers_before
            for row in group.rows:
                self._on_refused(row, error)
        else:
            _, _, equal = self._numbers
            self._numbers = (self._numbers[0], 0, equal)
            self._on_written(self.part, group.rows)

    def finish(self) -> None:
        """Write the last group and what stands behind it.

        Raises: RowRefusedError, when the header or trailer of the file cannot be written.
        """
        self.end_group()
        self.part.finish()

    def _hold(self, values: Key, row: Row, texts: list[str]) -> None:
        if self._group is None:
            self._group = _Group(values, self._numbers)
        if len(self._group.rows) >= MOST_GROUP_LINES:
            raise RenderError(
                f"more than {MOST_GROUP_LINES:,} lines have the same {', '.join(self._compiled.file.layout.group_by)}"
            )
        self._group.rows.append(row)
        self._group.texts += texts

    def _next(self, row: Row) -> Numbers:
        in_file, in_group, equal = self._numbers
        if self._equal_of:
            following = {}
            for names, key in self._equal_of.items():
                values = key(row)
                last, number = equal.get(names, (None, 0))
                following[names] = (values, number + 1 if last == values else 1)
            equal = following
        return in_file + 1, in_group + 1, equal

    def _texts(self, row: Row, numbers: Numbers) -> list[str]:
        lines = self._lines.context.lines
        lines.file, lines.group = numbers[0], numbers[1]
        lines.equal = {names: number for names, (_, number) in numbers[2].items()}
        texts = [self._lines.detail_text(row)]
        for number, (holds, write) in enumerate(self._lines.text_lines, 1):
            try:
                wanted = holds is None or holds(row)
            except ValueError as error:
                raise RowRefusedError(f"text {number} (when)", str(error)) from error
            if wanted:
                texts.append(write(row))
        return texts

    def _group_totals(self, rows: list[Row]) -> dict[str, Value]:
        tally = Tally(self._compiled.file.layout.total_of)
        tally.add(rows)
        try:
            own = {name: total.add(total.begin, rows) for name, total in self._compiled.totals.items()}
        except ValueError as error:
            raise RowRefusedError("aggregates", str(error)) from error
        totals: dict[str, Value] = {"count": tally.count, "total": tally.total_cents, **own}
        return {**{group_key(name): value for name, value in totals.items()}, **own}
