"""Look which delivered files PeopleSoft took; a step of its own pipeline, and the first thing a bursar run does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.services.watch_acknowledgements import Look, watch_acknowledgements
from worker.steps import Continue

if TYPE_CHECKING:
    from worker.steps import StepContext


def look(ctx: StepContext) -> Continue:
    """The names of files taken since the last look, of those still lying there, and what could not be seen."""
    seen = look_now(ctx)
    ctx.counts({"files_taken": len(seen.taken), "files_not_taken": len(seen.waiting)})
    return Continue({"taken": list(seen.taken), "waiting": list(seen.waiting), "words": seen.words})


def look_now(ctx: StepContext) -> Look:
    """The same inside another step; a rehearsal looks at nothing. What could not be seen is noted on the run."""
    if ctx.run.dry_run:
        return Look()
    ctx.progress(0, 0, "Looking which files were taken")
    seen = watch_acknowledgements(ctx.tenant_id, ctx.settings, ctx.vault)
    for note in seen.notes:
        ctx.note(note)
    return seen
