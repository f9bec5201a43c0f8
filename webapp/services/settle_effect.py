"""Settle a delivery of which nobody knows whether it arrived: once, in one transaction, with a name under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.cancel_run import RunRefusedError
from webapp.services.confirm_delivery import confirm_delivered_file
from webapp.store import bursar, effects, files, import_lines, runs

if TYPE_CHECKING:
    from webapp.services.audit import Actor
    from webapp.store.effects import Doubt


def settle_effect(tenant_id: int, run_id: int, file_id: int, *, arrived: bool, actor: Actor) -> int:
    """Write down a person's word about the run's unknown delivery of a file; returns how many lines count as told now.

    Arrived: the register advances by the file's lines, except where PeopleSoft has been told something newer. Not
    arrived: the delivery failed, and the next run tells whatever still differs. Nothing is sent either way.

    Raises: LookupError when the campus has no such run; RunRefusedError when that delivery is not unknown (any more)
    or a run is at work on the register.
    """
    with tenant_scope(tenant_id) as session:
        if runs.run_by_id(session, run_id) is None:
            raise LookupError(f"run {run_id}")
        at_work = runs.at_work_beside(session, run_id)
        if at_work is not None:
            raise RunRefusedError(
                f"Run {at_work} is at work on the same holds or charges. Nothing was settled; do it when that run waits or is over."
            )
        doubt = effects.lock_doubt(session, run_id, file_id)
        if doubt is None:
            raise RunRefusedError(
                f"Run {run_id} has no unknown delivery of file {file_id}; somebody may have been faster."
            )
        lines = settle_doubt(session, doubt, arrived=arrived, actor=actor, how=f"{actor.name} said so")
        session.commit()
    return lines


def settle_doubt(session: ScopedSession, doubt: Doubt, *, arrived: bool, actor: Actor, how: str) -> int:
    """The same in the caller's transaction; ``how`` it became known is kept. Returns the lines that count as told."""
    effect = doubt.effect
    lines = (
        sum(confirm_delivered_file(session, file, learned_late=True) for file in doubt.files)
        if arrived
        else 0
    )
    if not arrived:
        for file in doubt.files:
            # Payments in a file for Alma's import wait for the next one.
            import_lines.take_back_file(session, file.id, f"{file.name} did not arrive.")
    effects.settle(session, effect.id, "confirmed" if arrived else "failed", {"settled_by": how})
    words = f"{doubt.names} {'arrived' if arrived else 'did not arrive'}: {how}."
    file_ids: list[int | None] = [file.id for file in doubt.files] if effect.kind == "sftp" else [None]
    for file_id in file_ids:
        delivery = files.delivery_of(
            session, effect.tenant_id, run_id=effect.run_id, file_id=file_id, target=effect.kind
        )
        delivery.state, delivery.message = "delivered" if arrived else "failed", words
        if arrived:
            files.stamp_delivered(session, effect.tenant_id, delivery.id)
    runs.add_event(session, effect.run_id, actor=actor.name, note=words)
    if runs.is_over(session, effect.run_id):
        # What the run had taken up waited for this answer.
        bursar.give_back(session, effect.run_id)
    audit.record(
        session,
        actor=actor,
        action="delivery.arrived" if arrived else "delivery.not_arrived",
        subject=f"run/{effect.run_id}",
        after={"files": doubt.names, "lines_told": lines, "how": how},
    )
    return lines
