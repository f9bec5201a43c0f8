"""Ask for a run: one row, then the bell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app

from webapp.adapters.queue import RunQueue
from webapp.config import Settings
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM, Actor
from webapp.store import runs


def submit_run(
    tenant_id: int,
    pipeline: str,
    *,
    trigger: str = "person",
    requested_by: int | None = None,
    dry_run: bool = False,
    options: Mapping[str, Any] | None = None,
    queue: str | None = None,
    parent_run_id: int | None = None,
    actor: Actor = SYSTEM,
) -> int:
    """Write the run down, due now, and ring for a worker; returns its id. Should Redis be away, the reconciler rings.

    ``queue`` is ``interactive`` for what a person waits for (the default of their runs), else ``batch``.
    """
    queue = queue or ("interactive" if trigger == "person" else "batch")
    new = runs.NewRun(pipeline, trigger, queue, requested_by, dry_run, options, parent_run_id)
    with tenant_scope(tenant_id) as session:
        run_id = runs.insert_run(session, new, actor=actor.name)
        session.commit()
    ring(queue, run_id)
    return run_id


def ring(queue: str, run_id: int) -> None:
    """Wake a worker for a run that can be claimed now."""
    settings: Settings = current_app.config["FEEBRIDGE"]
    bell = RunQueue(settings.redis_url)
    try:
        bell.ring(queue, [run_id])
    finally:
        bell.close()
