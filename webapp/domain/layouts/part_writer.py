"""Writing one part of one file: header, heading, detail and text lines, groups, trailer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Final, Protocol

from webapp.domain.layouts.catalogue import Row, Value
from webapp.domain.layouts.faults import RenderError
from webapp.domain.layouts.output import Output, Tally

if TYPE_CHECKING:
    from webapp.domain.layouts.compile_set import CompiledFile

_SPOOL_IN_MEMORY_BYTES: Final = 1 << 20
_COPY_BYTES: Final = 1 << 16


class Sink(Protocol):
    """Where the bytes of one part go."""

    def write(self, octets: bytes, /) -> object:
        """Take the next bytes."""

    def close(self) -> object:
        """Everything was written."""


class PartWriter:
    """One part; ``number`` counts from 1. The sink is opened with the first line."""

    def __init__(self, compiled: CompiledFile, number: int, open_sink: Callable[[], Sink]) -> None:
        self.number = number
        self.tally = Tally(compiled.file.layout.total_of)
        self.own_totals = {name: total.begin for name, total in compiled.totals.items()}
        self.first_row: Row | None = None
        self._file = compiled
        self._lines = compiled.lines
        self._open_sink = open_sink
        self._sink: Sink | None = None
        self._spool: IO[bytes] | None = None
        self._out: Output | None = None
        self._is_finished = False
        self._extra_lines = sum(
            part is not None
            for part in (self._lines.header_text, self._lines.heading_text, self._lines.trailer_text)
        )

    @property
    def rows(self) -> int:
        """How many rows were written so far."""
        return self.tally.count

    @property
    def size(self) -> int:
        """Bytes that have left."""
        return self._out.size if self._out else 0

    @property
    def sha256(self) -> str:
        """The hash of the bytes that have left."""
        return self._out.digest.hexdigest() if self._out else ""

    def write(self, texts: list[str], rows: list[Row], extra_lines: int = 0) -> None:
        """Write lines that stand for these rows; ``extra_lines`` of them are not detail lines.

        Raises: RowRefusedError before anything is written, when the header cannot be made with the first of the rows.
        """
        if self._out is None:
            self._begin(rows[0])
        self.tally.add(rows)
        for name, total in self._file.totals.items():
            try:
                self.own_totals[name] = total.add(self.own_totals[name], rows)
            except ValueError as error:
                raise RenderError(f"the total {name!r} cannot be made: {error}") from error
        self._extra_lines += extra_lines
        end = self._lines.line_end
        self._emit((end.join(texts) + end).encode(self._lines.layout.encoding))

    def finish(self) -> None:
        """Write what stands behind the rows, and what stands before them if it had to wait for their totals.

        Raises: RowRefusedError, when a header or trailer cannot be written.
        """
        if self._out is None or self._sink is None or self._is_finished:
            return
        self._is_finished = True
        totals = self._totals()
        trailer = self._lines.trailer_text
        if trailer is not None:
            self._emit((trailer(totals) + self._lines.line_end).encode(self._lines.layout.encoding))
        if self._spool is not None:
            self._out.write(self._before({**(self.first_row or {}), **totals}))
            self._spool.seek(0)
            shutil.copyfileobj(self._spool, self._out, _COPY_BYTES)
        self._out.close()
        self._sink.close()
        self.release()

    def release(self) -> None:
        """Drop the temporary file, if there is one."""
        if self._spool is not None:
            self._spool.close()

    def _begin(self, first_row: Row) -> None:
        waits = bool(self._lines.header_totals)
        if waits:
            # Whether the row can be a header's first row is known now, though the header is written at the end.
            self._lines.header_of_row(first_row)
        before = b"" if waits else self._before(first_row)
        self.first_row = first_row
        self._sink = self._open_sink()
        layout = self._lines.layout
        self._out = Output(
            self._sink.write, self._lines.line_end.encode(), final_newline=layout.final_newline
        )
        if waits:
            self._spool = tempfile.SpooledTemporaryFile(_SPOOL_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by release
        self._out.write(before)

    def _before(self, row: Row) -> bytes:
        lines = self._lines
        texts = [] if lines.header_text is None else [lines.header_text(row)]
        texts += [] if lines.heading_text is None else [lines.heading_text]
        return (lines.bom + "".join(text + lines.line_end for text in texts)).encode(lines.layout.encoding)

    def _emit(self, octets: bytes) -> None:
        if self._spool is not None:
            self._spool.write(octets)
        elif self._out is not None:
            self._out.write(octets)

    def _totals(self) -> dict[str, Value]:
        return {**self.tally.aggregates().values(self._extra_lines), **self.own_totals}
