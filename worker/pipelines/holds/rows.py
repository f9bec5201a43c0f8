"""The rows of one file, as its layout asks for them: one per patron, or one per item owed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from webapp.domain.holds import fold
from webapp.models.scope import tenant_scope
from webapp.store import holds, leases
from worker.pipelines.holds.plan import SNAPSHOT, PlannedFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from webapp.domain.layouts import Row, Value
    from worker.pipelines.holds.frame import HoldFrame
    from worker.steps import StepContext


class LayoutRows:
    """Reads the rows as often as they are needed, always in the same order.

    ``refused`` collects (EMPLID, hold code, reason, cents) of patrons whose items cannot be told one by one.
    """

    def __init__(self, ctx: StepContext, frame: HoldFrame, file: PlannedFile, *, per_item: bool) -> None:
        self._ctx = ctx
        self._file = file
        self._per_item = per_item
        mapping = frame.settings["mapping"]
        self._user_types: dict[str, str] = {
            fold(code): name for code, name in mapping["user_type_names"].items()
        }
        self._fee_types: dict[str, str] = {
            fold(code): name for code, name in mapping["violation_type_names"].items()
        }
        self._constant: dict[str, Value] = {
            "currency": "USD",
            "institution": mapping["institution"],
            "department": mapping["department"],
            "contact": mapping["contact"],
            "start_term": mapping["start_term"],
        }
        self.refused: list[tuple[str, str, str, int]] = []

    def read(self) -> Iterator[Row]:
        """The rows, a batch at a time; memory does not grow with their number."""
        self.refused = []
        with tenant_scope(self._ctx.tenant_id) as session:
            # The cursor is open while lines are rendered and stored: should this process freeze, it must not stay so.
            leases.mark_transaction(
                session,
                self._ctx.run.id,
                self._ctx.lease_token,
                silence_limit_s=self._ctx.settings.lease_s / 2,
            )
            place: dict[str, Any] = {
                "tenant_id": self._ctx.tenant_id,
                "run_id": self._ctx.run.id,
                "hold_code": self._file.hold_code,
            }
            if self._file.kind == SNAPSHOT:
                changes = holds.stream_register_after(session, **place)
            else:
                changes = holds.stream_changes(session, actions=self._file.actions, **place)
            for change in changes:
                yield from self._rows(change)

    def cents_of(self, row: Row) -> int:
        """What a row tells the patron to owe."""
        cents = row["total_cents"]
        return cents if isinstance(cents, int) else 0

    def _rows(self, change: Any) -> Iterator[Row]:
        row: dict[str, Value] = {
            **self._constant,
            "emplid": change["emplid"],
            "total_cents": change["amount_cents"],
            "user_type": self._user_types.get(fold(change["user_type"]), change["user_type"]),
            "violation_type": self._fee_type(change["violation_type"]),
            "violation_on": change["violation_on"],
            "hold_code": change["hold_code"],
            "hold_reason": change["hold_reason"],
            "action": change["action"],
            "reference": change["reference"],
            "item_count": change["item_count"],
            "patron_name": change["patron_name"],
            "fee_id": change["reference"],
            "item_title": "",
            "item_barcode": "",
            "library": "",
            "item_cents": change["amount_cents"],
        }
        items = change["items"]
        if not items or not self._per_item:
            yield row | _item_texts(items[0]) if items else row
        elif sum(item["cents"] for item in items) != change["amount_cents"]:
            reason = f"its {change['item_count']} items cannot be told one by one, because they do not add up to the total"
            self.refused.append((change["emplid"], change["hold_code"], reason, change["amount_cents"]))
        else:
            for item in items:
                yield (
                    row
                    | _item_texts(item)
                    | {
                        "fee_id": item["fee_id"],
                        "item_cents": item["cents"],
                        "violation_type": self._fee_type(item["type"]),
                        "violation_on": date.fromisoformat(item["billed_on"]) if item["billed_on"] else None,
                    }
                )

    def _fee_type(self, fee_type: str) -> str:
        return self._fee_types.get(fold(fee_type), fee_type)


def _item_texts(item: Mapping[str, Any]) -> dict[str, Value]:
    return {"item_title": item["title"], "item_barcode": item["barcode"], "library": item["library"]}
