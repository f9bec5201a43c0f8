"""Streaming the rows of a run through a compiled set into its files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from webapp.domain.layouts.faults import RowRefusedError
from webapp.domain.layouts.file_writer import FileWriter, OnLine, OnRefused, OpenPart, RenderedFile

if TYPE_CHECKING:
    from webapp.domain.layouts.catalogue import Row
    from webapp.domain.layouts.compile_set import CompiledSet

_CHUNK_ROWS: Final = 1_000


def render_set(
    compiled: CompiledSet,
    rows: Iterable[Row],
    open_part: OpenPart,
    *,
    on_refused: OnRefused,
    on_line: OnLine | None = None,
    presorted: bool = False,
) -> list[RenderedFile]:
    """Write every file of the set in one pass; the same rows give the same bytes.

    ``open_part(kind, part)`` gives the sink of a part (from 1) when its first line is ready; a file without rows is
    not opened. The sink of a finished part is closed; after an error, closing and dropping the sinks is the caller's.
    A row that cannot be written goes to ``on_refused`` (with its derived fields, where it got that far) and leaves
    nothing behind. ``on_line(derived row, file index, part, line)`` is told each row that was written; ``line`` is the
    number of the detail line in its part, from 1. ``presorted`` says that rows come in the order of each file's
    "sort"; else files that ask for an order are sorted through temporary files.

    Memory does not grow with the rows, but for files with "one_per", which remember the values they have seen
    unless "sort" begins with one of them.
    Raises: RenderError, RowRefusedError (when a header or trailer cannot be written), FileNameError; then nothing of
    what was written may be used.
    """
    writers = [
        FileWriter(compiled, index, open_part, on_refused, on_line, presorted=presorted)
        for index in range(len(compiled.files))
    ]
    try:
        _distribute(compiled, rows, writers, on_refused)
        return [part for writer in writers for part in writer.finish()]
    finally:
        for writer in writers:
            writer.release()


def _distribute(
    compiled: CompiledSet, rows: Iterable[Row], writers: list[FileWriter], on_refused: OnRefused
) -> None:
    derive, route = compiled.derive, compiled.route
    waiting: list[list[Row]] = [[] for _ in writers]
    for row in rows:
        try:
            derived = derive(row)
            index = route(derived)
        except RowRefusedError as error:
            on_refused(row, error)
            continue
        mine = waiting[index]
        mine.append(derived)
        if len(mine) >= _CHUNK_ROWS:
            writers[index].add(mine)
            mine.clear()
    for writer, mine in zip(writers, waiting, strict=True):
        writer.add(mine)
