"""End a dispute in Alma because a person decided so; then the fee takes payments again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import RetryableError
from worker.effects import perform_effect

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.adapters.alma.client import AlmaClient
    from webapp.adapters.alma.records import AlmaFee
    from webapp.domain.payments.posting import Look
    from webapp.store.posting import LineToPost
    from worker.steps import StepContext


def end_dispute(ctx: StepContext, client: AlmaClient, line: LineToPost, fee: AlmaFee) -> AlmaFee:
    """The fee after its dispute was ended. Doing it twice does no harm, so a lost answer is settled by reading.

    Raises: OutsideError.
    """
    seen: list[AlmaFee] = []

    def send(before_effect: Callable[[], None]) -> dict[str, Any]:
        answer = client.restore_fee(line.patron_key, fee.fee_id, before_send=before_effect)
        seen.append(answer)
        return {"status": answer.status}

    def look() -> Look:
        seen.append(client.fee(line.patron_key, fee.fee_id))
        return "did_not_happen" if seen[-1].status == "INDISPUTE" else "happened"

    perform_effect(
        ctx,
        key=f"restore:{fee.fee_id}:{line.external_id}",
        kind="alma_restore",
        detail={"fee_id": fee.fee_id, "patron_id": line.patron_key},
        send=send,
        look=look,
        on_confirm=lambda *_: None,
    )
    now = seen[-1] if seen else client.fee(line.patron_key, fee.fee_id)
    if now.status == "INDISPUTE":
        raise RetryableError(f"The dispute about fee {fee.fee_id} was ended, but Alma still shows it.")
    return now
