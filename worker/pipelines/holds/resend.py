"""The one step of sending a file again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import PermanentError
from webapp.services.audit import SYSTEM
from webapp.services.resend_file import why_not_again
from webapp.services.settle_effect import settle_doubt
from webapp.store import files
from worker.pipelines.holds.deliver import deliver_by_sftp
from worker.pipelines.holds.settle import doubts_of_holds
from worker.pipelines.shared.delivery import current_settings
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.models import File


def deliver_again(ctx: StepContext) -> Continue:
    """Put the file into the campus's drop. A file that had not arrived before advances the register now."""
    campus = current_settings(ctx)
    if not campus["delivery"]["sftp_enabled"]:
        raise PermanentError(
            "Delivery by SFTP is switched off in the settings; download the file from its run instead."
        )
    with ctx.transaction() as session:
        file = files.file_by_id(session, ctx.tenant_id, int(ctx.run.options["file_id"]))
        reason = why_not_again(session, file) if file is not None else ""
    if reason:
        raise PermanentError(reason)
    if file is None:
        raise PermanentError("The file to send again does not exist any more. Nothing was sent.")
    deliver_by_sftp(ctx, campus, [file])
    _settle_earlier_doubts(ctx, file)
    ctx.story(
        f"{file.name} (from run {file.run_id}) was sent again, {file.row_count:,} lines, the same bytes."
    )
    return Continue({"file_id": file.id})


def _settle_earlier_doubts(ctx: StepContext, file: File) -> None:
    """Whether it had arrived before does not matter any more: the same bytes are there now."""
    with ctx.transaction() as session:
        for doubt in doubts_of_holds(session):
            if [each.id for each in doubt.files] == [file.id]:
                how = f"run {ctx.run.id} delivered the same bytes"
                settle_doubt(session, doubt, arrived=True, actor=SYSTEM, how=how)
