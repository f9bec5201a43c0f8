"""A person decides about a run that asked."""

from __future__ import annotations

from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.services.cancel_run import RunRefusedError
from webapp.services.submit_run import ring
from webapp.store import runs


def approve_run(tenant_id: int, run_id: int, actor: Actor, note: str = "") -> None:
    """Let the run go on at its next step. Raises: RunRefusedError when it does not wait (any more); LookupError."""
    with tenant_scope(tenant_id) as session:
        queue = _decide(session, run_id, "approved", "queued", actor, note, None)
        session.commit()
    ring(queue, run_id)


def reject_run(tenant_id: int, run_id: int, actor: Actor, note: str = "") -> None:
    """End the run; nothing of it is sent. Raises: RunRefusedError when it does not wait (any more); LookupError."""
    because = f": {note}" if note else "."
    with tenant_scope(tenant_id) as session:
        story = f"Rejected by {actor.name}{because} Nothing was sent."
        _decide(session, run_id, "rejected", "cancelled", actor, note, story)
        session.commit()


def _decide(
    session: ScopedSession,
    run_id: int,
    decision: str,
    to_state: str,
    actor: Actor,
    note: str,
    story: str | None,
) -> str:
    run = runs.run_by_id(session, run_id)
    if run is None:
        raise LookupError(f"run {run_id}")
    words = f"{decision.capitalize()} by {actor.name}" + (f": {note}" if note else ".")
    moved = runs.move_run(
        session,
        run_id,
        to_state,
        actor=actor.name,
        note=words,
        only_from=("awaiting_approval",),
        story=story or words,
    )
    if moved is None:
        raise RunRefusedError(f"Run {run_id} does not wait for a decision; somebody may have been faster.")
    runs.close_approval(session, run_id, decision, person_id=actor.person_id, note=note)
    audit.record(
        session, actor=actor, action=f"run.{decision}", subject=f"run/{run_id}", after={"note": note}
    )
    return run.queue
