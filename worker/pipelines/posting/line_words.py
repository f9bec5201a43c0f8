"""What is written down of a line before it is sent, and said of it when nobody knows whether it arrived."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from webapp.adapters.alma.fee_now import as_now
from webapp.domain.payments.posting import IMPORT_OP, PAY_OP, Part, before_of

if TYPE_CHECKING:
    from webapp.adapters.alma.records import AlmaFee
    from webapp.store.posting import LineToPost


def part_of(line: LineToPost) -> Part:
    """The line as the rules see it."""
    return Part(line.external_id, line.amount_cents, line.op)


def detail_of(line: LineToPost, fee: AlmaFee) -> dict[str, Any]:
    """What must be known later to look for the line: where it went, and the fee as it was before."""
    return {
        "payment_id": line.payment_id,
        "n": line.n,
        "op": line.op,
        "amount_cents": line.amount_cents,
        "patron_id": line.patron_key,
        "fee_id": fee.fee_id,
        "before": asdict(before_of(part_of(line), as_now(fee))),
    }


def open_question(line: LineToPost) -> str:
    """What a person reads beside a line that stays unknown."""
    if line.op == IMPORT_OP:
        return "It was given to Alma in a file for its bursar import, and Alma does not show it yet."
    what = "payment" if line.op == PAY_OP else "waiver"
    return (
        f"Alma's answer to this {what} was lost, and whether Alma carried it out cannot be told yet. It is looked for "
        "again before anything else is done, and never sent blindly."
    )
