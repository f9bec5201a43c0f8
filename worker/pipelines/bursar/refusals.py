"""Rows that the layout refuses, with reasons; kept on disk, since a wrong table may refuse every row of a night."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, Self

from worker.pipelines.bursar.lines import PART, N

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from webapp.domain.layouts import RowRefusedError

_IN_MEMORY_BYTES = 1 << 20


class Refusals:
    """Iterates as (row number, reason); each row once. ``in_parts``: numbers of refused rows that are two lines."""

    def __init__(self) -> None:
        self._spool = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by __exit__
            _IN_MEMORY_BYTES, mode="w+", encoding="utf-8", newline="\n"
        )
        self.in_parts: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._spool.close()

    def add(self, row: Mapping[str, Any], err: RowRefusedError) -> None:
        """Note one row, as ``render_set`` tells it."""
        if PART in row:
            if row[N] in self.in_parts:
                return
            self.in_parts.add(row[N])
        self._spool.write(f"{row[N]}\t{' '.join(f'{err.field}: {err.reason}'.split())}\n")

    def __iter__(self) -> Iterator[tuple[int, str]]:
        self._spool.seek(0)
        for line in self._spool:
            n, _, reason = line.rstrip("\n").partition("\t")
            yield int(n), f"the line does not fit the file layout: {reason}"
