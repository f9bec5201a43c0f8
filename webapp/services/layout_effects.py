"""What another version of a layout would have made of the campus's newest runs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from webapp.domain.layouts import LayoutError, RenderError, RowRefusedError, apply_overrides
from webapp.domain.layouts.file_names import FileNameError
from webapp.models.scope import ScopedSession
from webapp.services.golden import make_golden_files
from webapp.store.layout_effects import SentRun, newest_sent_runs, sent_rows

RUNS = 3
ROWS_OF_A_RUN = 500
LINES_SHOWN = 60


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a file: only in the older version's, only in the newer one's, or in both. ``number`` counts there."""

    kind: Literal["gone", "new", "same"]
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class FileEffect:
    """One file as both versions write it; ``name`` is the newer one's where both write it."""

    name: str
    older_name: str
    lines: int
    changed: int
    shown: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class RunEffect:
    """The files of one run. ``fault`` says why a version cannot write them at all; ``refused`` are rows of the newer."""

    run: SentRun
    rows: int
    files: tuple[FileEffect, ...]
    refused: tuple[str, ...]
    no_longer_refused: int
    fault: str = ""

    @property
    def changed(self) -> int:
        """Lines that differ, whichever side they are on."""
        return sum(file.changed for file in self.files)


@dataclass(frozen=True, slots=True)
class CampusFrame:
    """What files say about the campus, with its own tables and calendars."""

    slug: str
    name: str
    time_zone: str
    tables: Mapping[str, Any]
    calendars: Mapping[str, Any]


def effects_on_newest_runs(
    session: ScopedSession, older: Mapping[str, Any], newer: Mapping[str, Any], campus: CampusFrame
) -> list[RunEffect]:
    """The newest ``RUNS`` runs that sent charges, written again with either document; newest run first.

    Of each run the first ``ROWS_OF_A_RUN`` rows are taken. Nothing is stored and nothing is sent.
    """
    return [
        _effect(run, sent_rows(session, run.run_id, ROWS_OF_A_RUN), older, newer, campus)
        for run in newest_sent_runs(session, RUNS)
    ]


def _effect(
    run: SentRun,
    rows: list[dict[str, Any]],
    older: Mapping[str, Any],
    newer: Mapping[str, Any],
    campus: CampusFrame,
) -> RunEffect:
    try:
        before, refused_before = _files(older, rows, run.started_at, campus)
    except _CannotWriteError as err:
        return RunEffect(run, len(rows), (), (), 0, f"The older version cannot write these fees: {err}")
    try:
        after, refused = _files(newer, rows, run.started_at, campus)
    except _CannotWriteError as err:
        return RunEffect(run, len(rows), (), (), 0, f"The newer version cannot write these fees: {err}")
    files = [_compare(*pair) for pair in _pairs(before, after)]
    fresh = tuple(words for words in refused if words not in refused_before)
    gone = sum(words not in refused for words in refused_before)
    return RunEffect(run, len(rows), tuple(files), fresh, gone)


class _CannotWriteError(Exception):
    """A version has a fault; the message names it."""


def _files(
    document: Mapping[str, Any], rows: list[dict[str, Any]], at: datetime, campus: CampusFrame
) -> tuple[dict[str, str], list[str]]:
    example = {
        "rows": rows,
        "run_at": at.astimezone(ZoneInfo(campus.time_zone)).isoformat(),
        "campus": campus.slug,
        "campus_name": campus.name,
    }
    try:
        return make_golden_files(apply_overrides(document, campus.tables, campus.calendars), example)
    except LayoutError as err:
        raise _CannotWriteError(str(err.faults[0])) from err
    except (RenderError, RowRefusedError, FileNameError, ValueError) as err:
        raise _CannotWriteError(str(err)) from err


def _pairs(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """Files that belong together: of the same name, else in the order they are made."""
    same = [name for name in before if name in after]
    left, right = (
        [name for name in before if name not in after],
        [name for name in after if name not in before],
    )
    pairs = [(name, before[name], name, after[name]) for name in same]
    length = max(len(left), len(right))
    for older, newer in zip(
        left + [""] * (length - len(left)), right + [""] * (length - len(right)), strict=True
    ):
        pairs.append((older, before.get(older, ""), newer, after.get(newer, "")))
    return pairs


def _compare(older_name: str, older: str, newer_name: str, newer: str) -> FileEffect:
    was, now = _lines(older), _lines(newer)
    shown: list[DiffLine] = []
    changed = 0
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        changed += max(i2 - i1, j2 - j1)
        shown += [DiffLine("gone", n + 1, was[n]) for n in range(i1, i2)]
        shown += [DiffLine("new", n + 1, now[n]) for n in range(j1, j2)]
    return FileEffect(
        newer_name, older_name, max(len(was), len(now)), changed, _side_by_side(shown)[:LINES_SHOWN]
    )


def _side_by_side(lines: Sequence[DiffLine]) -> tuple[DiffLine, ...]:
    """What was and what would be of the same line beside each other, so that the few lines shown tell both."""
    return tuple(sorted(lines, key=lambda line: (line.number, line.kind == "new")))


def _lines(text: str) -> list[str]:
    """Lines with their ends, since a change of line end is a change."""
    return text.splitlines(keepends=True)
