"""A file's name: from the campus's pattern, the same for the same run, and nobody else's."""

from __future__ import annotations

from webapp.adapters.errors import PermanentError
from webapp.domain.layouts.file_names import (
    FileNameContext,
    FileNameError,
    file_name,
    with_suffix_on_collision,
)
from webapp.models.scope import ScopedSession
from webapp.store import files
from worker.pipelines.holds.frame import HoldFrame
from worker.pipelines.holds.plan import PlannedFile
from worker.steps import StepContext

MOST_SUFFIXES = 99


def choose_name(
    ctx: StepContext, session: ScopedSession, frame: HoldFrame, file: PlannedFile, in_run: set[str]
) -> tuple[str, int]:
    """The file's name and its sequence number of the day. Raises: PermanentError naming what to correct."""
    settings = frame.settings["files"]
    sequence = files.next_sequence(session, ctx.tenant_id, run_id=ctx.run.id, kind=file.kind, day=frame.day)
    context = FileNameContext(
        campus=ctx.tenant.slug,
        kind=file.kind,
        run_on=frame.run_on,
        run_at=frame.run_at,
        sequence=sequence,
        hold_code=file.hold_code or frame.policy.default_code.code,
    )
    try:
        name = file_name(settings["file_name"], context)
        for number in range(2, MOST_SUFFIXES + 1):
            if not _is_taken(ctx, session, name, in_run):
                return name, sequence
            if settings["collision"] != "suffix":
                break
            name = with_suffix_on_collision(file_name(settings["file_name"], context), number)
    except FileNameError as err:
        raise PermanentError(
            f"The file name cannot be made: {err}. Correct it in the settings, page Files."
        ) from err
    raise PermanentError(
        f"The name {name} was given to another file already. Add {{kind}}, {{hold_code}} or {{sequence:4}} to the file "
        "name in the settings, or allow a number to be added. Nothing was sent."
    )


def _is_taken(ctx: StepContext, session: ScopedSession, name: str, in_run: set[str]) -> bool:
    if name in in_run:
        return True
    return not ctx.run.dry_run and files.name_is_taken(session, ctx.tenant_id, name=name, run_id=ctx.run.id)
