"""The lines of a run: each staged row as its layout sees it, and what is written down of each line in the ledger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from webapp.models.scope import tenant_scope
from webapp.store import bursar, leases
from worker.pipelines.bursar.stage import copy_cell, thaw

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from worker.pipelines.bursar.frame import BursarFrame
    from worker.steps import StepContext

# What a row carries for this module only; a layout has no field of that name.
N, PART, WHOLE = "_n", "_part", "_cents"
_COUNTED = {"charge": "charges", "credit": "credits", "reversal": "reversals"}


class SendRows:
    """The rows to send, in their order, as layout rows; memory does not grow with their number.

    A credit of a campus that reverses whole charges only is two rows: the reversal, and the rest charged again.
    """

    def __init__(self, ctx: StepContext, *, without: Collection[int]) -> None:
        self._ctx = ctx
        self._without = without

    def __iter__(self) -> Iterator[dict[str, Any]]:
        ctx = self._ctx
        with tenant_scope(ctx.tenant_id) as session:
            # The cursor is open while lines are rendered: should this process freeze, it must not stay so.
            leases.mark_transaction(
                session, ctx.run.id, ctx.lease_token, silence_limit_s=ctx.settings.lease_s / 2
            )
            for count, (n, body) in enumerate(bursar.stream_to_send(session, ctx.tenant_id, ctx.run.id)):
                if not count % bursar.BATCH:
                    ctx.progress(count, 0, "Building the files")
                if n in self._without:
                    continue
                row = thaw(body)
                row[N] = n
                if "reverse_cents" in row:
                    yield from _split(row)
                else:
                    yield row


def _split(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    cents = row["amount_cents"]
    reverse_cents, recharge_cents = row.pop("reverse_cents"), row.pop("recharge_cents")
    yield row | {
        "amount_cents": -reverse_cents,
        "kind": "reversal",
        "debit_credit": "C",
        PART: 1,
        WHOLE: cents,
    }
    if recharge_cents:
        yield row | {
            "amount_cents": recharge_cents,
            "kind": "charge",
            "debit_credit": "D",
            "fee_ref": row["original_fee_ref"],
            "reference": row["original_reference"],
            "fee_type": row["original_fee_type"] or row["fee_type"],
            PART: 2,
        }


class LedgerLines:
    """Writes each rendered line down as COPY text in the order of ``webapp.store.ledger.LINE_COLUMNS``.

    ``rows`` are the staged rows that have a line, ``cents`` what all lines add up to, ``in_files`` the lines of the files.
    """

    def __init__(self, write: Callable[[str], object], kinds: list[str], frame: BursarFrame) -> None:
        self._write = write
        self._kinds = kinds
        self._run_on = frame.run_on
        self._lines: list[str] = []
        self.rows = 0
        self.cents = 0
        self.in_files = 0
        self._last: tuple[int, int, int] | None = None
        self.by_kind: dict[str, list[int]] = {}
        self.with_part: set[int] = set()

    def add(self, row: Mapping[str, Any], file_index: int, part: int, line_no: int) -> None:
        """One line of a file, as ``render_set`` tells it."""
        cents = row["amount_cents"]
        event = row.get("kind") or "charge"
        self.cents += cents
        self.rows += row.get(PART) != 2
        # A layout with one line per patron tells the fees behind a line one after another.
        if (line := (file_index, part, line_no)) != self._last:
            self._last = line
            self.in_files += 1
        tally = self.by_kind.setdefault(event, [0, 0])
        tally[0] += 1
        tally[1] += cents
        if PART in row:
            self.with_part.add(row[N])
        self._lines.append(self._line(row, event, file_index, part, line_no))
        if len(self._lines) >= bursar.BATCH:
            self.flush()

    def flush(self) -> None:
        """Hand over what is left."""
        self._write("".join(self._lines))
        self._lines.clear()

    def counts(self) -> dict[str, int]:
        """The run's counts of lines: charges, credits and reversals, and their cents."""
        found: dict[str, int] = {}
        for event, name in _COUNTED.items():
            lines, cents = self.by_kind.get(event, (0, 0))
            found |= {name: lines, f"{name}_cents": cents}
        return found

    def _line(self, row: Mapping[str, Any], event: str, file_index: int, part: int, line_no: int) -> str:
        get = row.get
        evidence = (
            f'{{"n":{row[N]}}}' if WHOLE not in row else json.dumps({"n": row[N], "row_cents": row[WHOLE]})
        )
        texts = (
            get("fee_ref") or "",
            str(row["amount_cents"]),
            get("patron_id") or "",
            get("emplid") or "",
            get("fee_type") or "",
            get("item_barcode") or "",
            get("item_type") or "",
            get("term") or "",
            get("billing_on") or self._run_on.isoformat(),
            get("reference_out") or get("reference") or get("fee_ref") or "",
            get("original_fee_ref") or "" if event != "charge" else "",
            evidence,
        )
        cells = "\t".join(texts)
        if cells.count("\t") != len(texts) - 1 or "\\" in cells or "\n" in cells or "\r" in cells:
            cells = "\t".join(map(copy_cell, texts))
        return f"{self._kinds[file_index]}\t{part}\t{line_no}\t{event}\t{cells}\n"
