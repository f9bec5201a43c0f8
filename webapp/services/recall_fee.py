"""Take a fee back: out of a run that has not built its files yet, else by a credit in the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from webapp.domain.money import format_cents
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.store import bursar_tasks, ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.services.audit import Actor
    from webapp.store.ledger import ToldCharge

LONGEST_REASON = 500


class RecallRefusedError(Exception):
    """The fee was not recalled; the message is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Recall:
    """What became of it. ``pulled``: it stays out of run ``run_id``; ``credit_queued``: the next run takes it back."""

    state: Literal["pulled", "credit_queued"]
    task_id: int
    amount_cents: int
    run_id: int | None = None


def recall_fee(tenant_id: int, fee_ref: str, reason: str, actor: Actor) -> Recall:
    """Pull the fee out of the run that is about to send it, or queue a credit for what the bursar was told.

    Both, where a run is about to tell more of a fee of which the bursar was told a part. A run that is about to take the
    fee back itself is left to it.

    Raises: RecallRefusedError; LookupError when no run is about to send it and the bursar was never told.
    """
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not reason:
        raise RecallRefusedError("A fee is recalled only for a reason; say why. Nothing was changed.")
    with tenant_scope(tenant_id) as session:
        if bursar_tasks.open_task(session, fee_ref) is not None:
            raise RecallRefusedError(
                f"Fee {fee_ref} is recalled already; the next run takes it back. Nothing was changed."
            )
        charge = ledger.told(session, tenant_id, [fee_ref]).get(fee_ref)
        recall = _pull(session, fee_ref, charge, reason, actor)
        if recall is None or (charge is not None and charge.remaining_cents > 0):
            recall = _queue_credit(session, fee_ref, charge, reason, actor)
        audit.record(
            session,
            actor=actor,
            action="fee.recalled",
            subject=f"fee/{fee_ref}",
            after={
                "state": recall.state,
                "reason": reason,
                "run_id": recall.run_id,
                "task_id": recall.task_id,
            },
        )
        session.commit()
    return recall


def _pull(
    session: ScopedSession, fee_ref: str, charge: ToldCharge | None, reason: str, actor: Actor
) -> Recall | None:
    """The fee's row leaves a run whose files are not begun; the run's own row is locked meanwhile."""
    found = bursar_tasks.row_before_build(session, fee_ref)
    if found is None:
        return None
    if found.amount_cents < 0 and charge is not None:
        raise RecallRefusedError(
            f"Run {found.run_id} takes {format_cents(-found.amount_cents)} of fee {fee_ref} back already; recall what is "
            "left of it when that run is over. Nothing was changed."
        )
    bursar_tasks.leave_out(session, found.run_id, found.n, f"recalled: {reason}")
    task_id = bursar_tasks.add_task(
        session,
        kind="recall",
        fee_ref=fee_ref,
        amount_cents=found.amount_cents,
        reason=reason,
        person_id=actor.person_id,
        run_id=found.run_id,
    )
    return Recall("pulled", task_id, found.amount_cents, found.run_id)


def _queue_credit(
    session: ScopedSession, fee_ref: str, charge: ToldCharge | None, reason: str, actor: Actor
) -> Recall:
    if charge is None:
        raise LookupError(f"fee {fee_ref}")
    if charge.remaining_cents <= 0:
        raise RecallRefusedError(
            f"Nothing is left of fee {fee_ref}: its {format_cents(charge.amount_cents)} were credited already."
        )
    sent = bursar_tasks.body_of_entry(session, charge.entry_id)
    task_id = bursar_tasks.add_task(
        session,
        kind="credit",
        fee_ref=fee_ref,
        amount_cents=-charge.remaining_cents,
        entry_id=charge.entry_id,
        body=_credit_body(charge, sent, reason),
        reason=reason,
        person_id=actor.person_id,
    )
    return Recall("credit_queued", task_id, -charge.remaining_cents)


def _credit_body(charge: ToldCharge, sent: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """The credit's row: what was sent of the fee, turned round, naming its charge. Its reference is given with the task."""
    return {
        "patron_id": charge.patron_id,
        "emplid": charge.emplid,
        "fee_type": charge.fee_type,
        "item_barcode": charge.barcode,
        **sent,
        "kind": "credit",
        "debit_credit": "C",
        "comment": reason,
        "original_reference": charge.fee_ref,
    }
