"""Run again what ran before."""

from __future__ import annotations

from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.services.submit_run import submit_run
from webapp.store import runs


def rerun(tenant_id: int, run_id: int, actor: Actor) -> int:
    """A new run of the same pipeline with the same options, on today's facts; returns its id. Raises: LookupError."""
    with tenant_scope(tenant_id) as session:
        former = runs.run_by_id(session, run_id)
        if former is None:
            raise LookupError(f"run {run_id}")
        audit.record(
            session,
            actor=actor,
            action="run.asked_again",
            subject=f"run/{run_id}",
            after={"pipeline": former.pipeline, "dry_run": former.dry_run},
        )
        pipeline, dry_run, options = former.pipeline, former.dry_run, former.options
        session.commit()
    return submit_run(
        tenant_id,
        pipeline,
        trigger="person",
        requested_by=actor.person_id,
        dry_run=dry_run,
        options=options,
        parent_run_id=run_id,
        actor=actor,
    )
