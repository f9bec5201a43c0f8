"""A person decides about a run that asked."""

from __future__ import annotations

from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.services.cancel_run import RunRefusedError
from webapp.services.submit_run import ring
from webapp.store import bursar, runs

# In the result of the step that asks: two people must agree, and who asked for the run is one of them.
FOUR_EYES = "four_eyes"


def approve_run(tenant_id: int, run_id: int, actor: Actor, note: str = "") -> None:
    """Let the run go on at its next step; where two must agree and nobody asked for it, at the second agreement.

    Raises: RunRefusedError when it does not wait (any more), or this person's word is not enough; LookupError.
    """
    with tenant_scope(tenant_id) as session:
        if _asks_for_another(session, run_id, actor, note):
            session.commit()
            return
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


def _asks_for_another(session: ScopedSession, run_id: int, actor: Actor, note: str) -> bool:
    """Whether this agreement was written down and a second person's is still needed. Raises: RunRefusedError."""
    run = runs.run_by_id(session, run_id)
    if run is None or run.state != "awaiting_approval":
        return False
    if not any(step.result.get(FOUR_EYES) for step in runs.steps_of(session, run_id)):
        return False
    if actor.person_id is None:
        raise RunRefusedError(f"Run {run_id} needs two people who signed in to the portal; approve it there.")
    first = bursar.asked_for_by(session, run) or runs.approved_by(session, run_id)
    if first == actor.person_id:
        raise RunRefusedError(
            f"Run {run_id} needs two people, and you are the first of them. Somebody else must approve it."
        )
    if first is not None:
        return False
    words = f"Approved by {actor.name}" + (f": {note}" if note else ".")
    runs.close_approval(session, run_id, "approved", person_id=actor.person_id, note=note)
    runs.add_approval(session, run_id, [f"{words} A second person must agree as well."])
    runs.add_event(session, run_id, actor=actor.name, note=f"{words} A second person must agree as well.")
    audit.record(
        session, actor=actor, action="run.approved_first", subject=f"run/{run_id}", after={"note": note}
    )
    return True


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
