"""End a dispute in Alma because a person decided so; then the fee takes payments again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webapp.adapters.alma.errors import RefusedError
from webapp.store import effects
from worker.effects import SETTLED_BY_LOOKING, perform_effect

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.adapters.alma.client import AlmaClient
    from webapp.adapters.alma.records import AlmaFee
    from webapp.domain.payments.posting import Look
    from webapp.store.posting import LineToPost
    from worker.steps import StepContext


def end_dispute(ctx: StepContext, client: AlmaClient, line: LineToPost, fee: AlmaFee) -> AlmaFee:
    """The fee after its dispute was ended. Doing it twice does no harm, so a lost answer is settled by reading.

    Raises: RefusedError, also when it was ended by us before and there is one again; OutsideError.
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
        key=_key(line, fee),
        kind="alma_restore",
        detail={"fee_id": fee.fee_id, "patron_id": line.patron_key},
        send=send,
        look=look,
        on_confirm=lambda *_: None,
    )
    now = seen[-1] if seen else client.fee(line.patron_key, fee.fee_id)
    if now.status == "INDISPUTE":
        raise RefusedError(f"the dispute about fee {fee.fee_id} was ended before, and Alma shows one again.")
    return now


def note_ended(ctx: StepContext, line: LineToPost, fee: AlmaFee) -> None:
    """Alma shows no dispute about the fee: whatever try of ours was left open is settled by that."""
    with ctx.transaction() as session:
        effect = effects.effect_of_key(session, _key(line, fee))
        if effect is not None and effect.state != "confirmed":
            effects.settle(session, effect.id, "confirmed", SETTLED_BY_LOOKING)


def _key(line: LineToPost, fee: AlmaFee) -> str:
    return f"restore:{fee.fee_id}:{line.external_id}"
