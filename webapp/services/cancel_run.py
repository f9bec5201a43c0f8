"""Cancel a run before anything of it has left."""

from __future__ import annotations

from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.store import runs

STOPPABLE = ("queued", "awaiting_approval")


class RunRefusedError(Exception):
    """What was asked of the run cannot be done; the message is a sentence for the person who asked."""


def cancel_run(tenant_id: int, run_id: int, actor: Actor) -> str:
    """Cancel the run, or ask the worker that carries it out to stop; returns the state it is now in.

    A running run stops within a second or at the end of its step. Raises: RunRefusedError when it is over, is being
    delivered, or part of it has left already; LookupError when the campus has no such run.
    """
    story = f"Cancelled by {actor.name} before anything was sent."
    with tenant_scope(tenant_id) as session:
        run = runs.run_by_id(session, run_id)
        if run is None:
            raise LookupError(f"run {run_id}")
        if runs.has_left_the_house(session, run_id):
            raise RunRefusedError(f"Run {run_id} was not cancelled: part of what it sends has already left.")
        moved = runs.move_run(
            session, run_id, "cancelled", actor=actor.name, only_from=STOPPABLE, story=story
        )
        if moved is not None:
            runs.close_approval(session, run_id, "cancelled", person_id=actor.person_id, note="")
            audit.record(session, actor=actor, action="run.cancelled", subject=f"run/{run_id}")
            session.commit()
            return "cancelled"
        if runs.request_cancel(session, run_id):
            runs.add_event(session, run_id, actor=actor.name, note="Asked to cancel the run.")
            audit.record(session, actor=actor, action="run.cancel_asked", subject=f"run/{run_id}")
            session.commit()
            return "running"
        session.refresh(run)
        raise RunRefusedError(f"Run {run_id} was not cancelled: it is {run.state.replace('_', ' ')}.")
