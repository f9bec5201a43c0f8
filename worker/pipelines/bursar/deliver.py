"""Hand the files over. Once they are, everything the run took is dealt with."""

from __future__ import annotations

from functools import partial

from webapp.store import bursar, files
from worker.pipelines.bursar.frame import first_result
from worker.pipelines.bursar.mail import send_report
from worker.pipelines.bursar.receive import put_aside_original
from worker.pipelines.bursar.settle import current_drop
from worker.pipelines.bursar.story import tell
from worker.pipelines.shared.delivery import (
    MAIL,
    SFTP,
    carrier_of,
    confirm_all,
    current_settings,
    leave_for_download,
    put_files,
)
from worker.pipelines.shared.mail import Cargo
from worker.steps import Continue, StepContext


def deliver(ctx: StepContext) -> Continue:
    """Every file by SFTP, or all of them by the report mail, or left in the portal for somebody to fetch."""
    campus = current_settings(ctx)
    carrier = carrier_of(campus)
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
    if made and carrier == SFTP:
        put_files(ctx, current_drop(ctx, campus), made)
    elif made and carrier == MAIL:
        story = tell(ctx, ["files with this mail"])
        send_report(ctx, campus, story, Cargo(made, partial(confirm_all, made)))
    elif made:
        leave_for_download(ctx, made)
    with ctx.transaction() as session:
        bursar.close_run(session, ctx.run.id)
    inbound_file_id = first_result(ctx).get("inbound_file_id")
    if inbound_file_id is not None:
        put_aside_original(ctx, inbound_file_id)
    return Continue({"carrier": carrier})
