"""Streaming rows through a compiled layout into bytes, a thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from webapp.domain.layouts.catalogue import Aggregates, Row
from webapp.domain.layouts.faults import RowRefusedError, TotalsDifferError
from webapp.domain.layouts.output import Output, Tally

if TYPE_CHECKING:
    from webapp.domain.layouts.compile import CompiledLayout

_CHUNK_ROWS: Final = 1_000
OnRefused = Callable[[Row, RowRefusedError], object]


@dataclass(frozen=True, slots=True)
class RenderSummary:
    """What was written: detail lines, the sum in cents of the layout's ``total_of`` field, bytes, their SHA-256."""

    rows: int
    total_cents: int
    size: int
    sha256: str


def render(
    compiled: CompiledLayout,
    rows: Iterable[Row],
    write: Callable[[bytes], object],
    aggregates: Aggregates,
    *,
    on_refused: OnRefused | None = None,
) -> RenderSummary:
    """Write the whole file piece by piece; memory does not grow with it, and the same rows give the same bytes.

    ``aggregates`` are the totals of the rows to come; where header or trailer state them they are compared with what
    was really written. A refused row goes to ``on_refused`` and is left out, or ends the rendering without it.
    Raises: RowRefusedError with its row number, TotalsDifferError. What was written until then must not be used.
    """
    out = Output(write, compiled.line_end.encode(), final_newline=compiled.layout.final_newline)
    tally = Tally(compiled.layout.total_of)
    out.write(compiled.header(aggregates))
    for lines in _written(compiled, rows, tally, on_refused):
        out.write((compiled.line_end.join(lines) + compiled.line_end).encode(compiled.layout.encoding))
    out.write(compiled.trailer(aggregates))
    _compare_totals(compiled, aggregates, tally.aggregates())
    out.close()
    return RenderSummary(tally.count, tally.total_cents, out.size, out.digest.hexdigest())


def measure_rows(
    compiled: CompiledLayout, rows: Iterable[Row], on_refused: OnRefused | None = None
) -> Aggregates:
    """The totals of the rows that can be written, found by trying each: what a header may state beforehand.

    Raises: RowRefusedError with its row number, when there is no ``on_refused`` to hand the row to.
    """
    tally = Tally(compiled.layout.total_of)
    for _ in _written(compiled, rows, tally, on_refused):
        pass
    return tally.aggregates()


def _compare_totals(compiled: CompiledLayout, stated: Aggregates, counted: Aggregates) -> None:
    said, found = compiled.totals(stated), compiled.totals(counted)
    wrong = [
        f"{name} {said[name]} and not {found[name]}"
        for name in sorted(compiled.shown_totals)
        if said[name] != found[name]
    ]
    if wrong:
        raise TotalsDifferError(
            f"header or trailer would state {', '.join(wrong)}, which is what the lines are (amounts in cents)"
        )


def _written(
    compiled: CompiledLayout, rows: Iterable[Row], tally: Tally, on_refused: OnRefused | None
) -> Iterator[list[str]]:
    """Lines without their ends, in chunks; the tally is brought up to date for each."""
    remaining, text, seen = iter(rows), compiled.detail_text, 0
    while chunk := list(islice(remaining, _CHUNK_ROWS)):
        kept = chunk
        try:
            lines = [text(row) for row in chunk]
        except RowRefusedError:
            lines, kept = _one_by_one(text, chunk, seen, on_refused)
        seen += len(chunk)
        tally.add(kept)
        if lines:
            yield lines


def _one_by_one(
    text: Callable[[Row], str], chunk: list[Row], seen: int, on_refused: OnRefused | None
) -> tuple[list[str], list[Row]]:
    lines, kept = [], []
    for number, row in enumerate(chunk, seen + 1):
        try:
            lines.append(text(row))
        except RowRefusedError as error:
            refusal = RowRefusedError(error.field, error.reason, number)
            if on_refused is None:
                raise refusal from error
            on_refused(row, refusal)
        else:
            kept.append(row)
    return lines, kept
