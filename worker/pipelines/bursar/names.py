"""The names of a run's files: as the layout or the campus's pattern gives them, and never twice where that would hurt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import PermanentError
from webapp.domain.layouts.file_names import FileNameError, with_suffix_on_collision
from webapp.store import bursar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webapp.domain.layouts import RenderedFile
    from webapp.models.scope import ScopedSession
    from worker.pipelines.bursar.frame import BursarFrame
    from worker.steps import StepContext

MOST_SUFFIXES = 99


def final_names(
    ctx: StepContext, session: ScopedSession, frame: BursarFrame, rendered: Sequence[RenderedFile]
) -> list[str]:
    """One name for each file, in their order. Raises: PermanentError naming what to correct.

    Many receivers want the same name every day, and the server is asked before anything there is overwritten. But the
    same name with the same bytes would look like a file that had arrived already; that one gets a number.
    """
    names: list[str] = []
    for file in rendered:
        names.append(_free(ctx, session, frame, file, names))
    return names


def _free(
    ctx: StepContext, session: ScopedSession, frame: BursarFrame, file: RenderedFile, in_run: list[str]
) -> str:
    name, collision = file.name, frame.settings["bursar"]["collision"]
    try:
        for number in range(2, MOST_SUFFIXES + 1):
            if name not in in_run and not _is_taken(ctx, session, name, file.sha256, collision):
                return name
            name = with_suffix_on_collision(file.name, number)
    except FileNameError as err:
        raise PermanentError(f"The file name cannot be made: {err}. Nothing was sent.") from err
    raise PermanentError(
        f"The name {file.name} was given to too many files already. Add {{sequence:4}} or {{YYYY}}{{MM}}{{DD}} to the "
        "file name in the settings, page Charges to PeopleSoft. Nothing was sent."
    )


def _is_taken(ctx: StepContext, session: ScopedSession, name: str, sha256: str, collision: str) -> bool:
    if ctx.run.dry_run:
        return False
    same_bytes = None if collision == "suffix" else sha256
    return bursar.name_is_taken(session, ctx.tenant_id, ctx.run.id, name, same_bytes)
