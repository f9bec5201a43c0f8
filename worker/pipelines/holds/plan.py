"""Which files a run builds: by style, by hold code, and which of its changes each of them tells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from webapp.services.confirm_delivery import TOLD_BY
from webapp.store.holds import ChangeTotals

ADDED, RELEASED, SNAPSHOT = "added", "released", "snapshot"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file to build. An empty ``hold_code`` means that every code goes into it."""

    kind: str
    hold_code: str
    rows: int
    cents: int

    @property
    def actions(self) -> tuple[str, ...]:
        """The changes that this file tells."""
        return TOLD_BY[self.kind]


def plan_files(
    totals: Sequence[ChangeTotals],
    *,
    style: str,
    per_code: bool,
    empty_file: bool,
    default_code: str,
    in_force: Sequence[tuple[str, int, int]] = (),
) -> list[PlannedFile]:
    """The files of a run, in a stable order; none when there is nothing to tell.

    ``in_force`` are (hold code, rows, cents) once the changes are told, for the style *snapshot*.
    """
    if style == SNAPSHOT:
        return _snapshots(
            totals, in_force, per_code=per_code, empty_file=empty_file, default_code=default_code
        )
    # PeopleSoft's mass assignment of an id list takes one code per run.
    per_code = per_code or style == "ids"
    files = []
    for kind in (ADDED, RELEASED):
        mine = [total for total in totals if total.action in TOLD_BY[kind]]
        for code in _codes({total.hold_code for total in mine}, default_code, per_code=per_code):
            of_code = [total for total in mine if code in {"", total.hold_code}]
            planned = PlannedFile(
                kind, code, sum(total.rows for total in of_code), sum(total.cents for total in of_code)
            )
            if planned.rows or empty_file:
                files.append(planned)
    return files


def _snapshots(
    totals: Sequence[ChangeTotals],
    in_force: Sequence[tuple[str, int, int]],
    *,
    per_code: bool,
    empty_file: bool,
    default_code: str,
) -> list[PlannedFile]:
    changed = {total.hold_code for total in totals}
    files = []
    for code in _codes(changed | {code for code, _, _ in in_force}, default_code, per_code=per_code):
        mine = [(rows, cents) for held, rows, cents in in_force if code in {"", held}]
        rows, cents = sum(rows for rows, _ in mine), sum(cents for _, cents in mine)
        # The last hold was released: only an empty list can say so.
        if rows or empty_file or (changed if code == "" else code in changed):
            files.append(PlannedFile(SNAPSHOT, code, rows, cents))
    return files


def _codes(found: Collection[str], default_code: str, *, per_code: bool) -> list[str]:
    return sorted(found or {default_code}) if per_code else [""]
