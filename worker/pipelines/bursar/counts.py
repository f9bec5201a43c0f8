"""What a run's rows add up to, under names; and that nothing is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import PermanentError
from webapp.domain.money import format_cents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from webapp.domain.layouts import RenderedFile
    from webapp.store.bursar import Tally
    from worker.pipelines.bursar.lines import LedgerLines

_NAMES = {"send": "sent", "quarantined": "quarantined", "excluded": "excluded"}


def counts_of(tallies: Sequence[Tally]) -> dict[str, int]:
    """The run's named counts and cents; ``quarantined`` is read by the pages that know holds."""
    counts = {
        "rows_in": sum(tally.rows for tally in tallies),
        "cents_in": sum(tally.cents for tally in tallies),
    }
    for verdict, name in _NAMES.items():
        mine = [tally for tally in tallies if tally.verdict == verdict]
        counts[f"rows_{name}"] = sum(tally.rows for tally in mine)
        counts[f"cents_{name}"] = sum(tally.cents for tally in mine)
        if verdict == "excluded":
            for rule in {tally.rule for tally in mine}:
                counts[f"rows_excluded_{rule}"] = sum(tally.rows for tally in mine if tally.rule == rule)
                counts[f"cents_excluded_{rule}"] = sum(tally.cents for tally in mine if tally.rule == rule)
    counts["quarantined"] = counts["rows_quarantined"]
    return counts


def check_conservation(tallies: Sequence[Tally], rows: int, cents: int) -> None:
    """Rows and cents in = sent + quarantined + excluded, each under its name. Raises: PermanentError."""
    counts = counts_of(tallies)
    unnamed = [tally for tally in tallies if tally.verdict != "send" and not tally.rule]
    if (counts["rows_in"], counts["cents_in"]) != (rows, cents) or unnamed:
        raise PermanentError(
            f"{rows:,} rows with {format_cents(cents)} came in, but {counts['rows_in']:,} rows with "
            f"{format_cents(counts['cents_in'])} are accounted for. Nothing was sent. Give this run's number to the "
            "people who look after Feebridge."
        )


def check_lines(counts: Mapping[str, int], rendered: Sequence[RenderedFile], lines: LedgerLines) -> None:
    """Every row to send stands in a file, and no other; to the cent. Raises: PermanentError."""
    written = sum(file.lines for file in rendered)
    if (
        lines.rows != counts["rows_sent"]
        or lines.cents != counts["cents_sent"]
        or written != lines.in_files
        or any(file.rows == 0 for file in rendered)
    ):
        raise PermanentError(
            f"{counts['rows_sent']:,} rows with {format_cents(counts['cents_sent'])} were to be sent, and the files hold "
            f"{lines.rows:,} of them with {format_cents(lines.cents)} in {written:,} lines. Nothing was sent. Give this "
            "run's number to the people who look after Feebridge."
        )
