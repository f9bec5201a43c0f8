"""Hand the journal over."""

from __future__ import annotations

from functools import partial

from webapp.store import files
from worker.pipelines.journal.mail import send_report
from worker.pipelines.journal.settle import journal_drop
from worker.pipelines.journal.story import tell
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
    """By SFTP, by the report mail, or left in the portal for somebody to fetch."""
    campus = current_settings(ctx)
    carrier = carrier_of(campus)
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
    if carrier == SFTP:
        put_files(ctx, journal_drop(ctx, campus), made)
    elif carrier == MAIL:
        send_report(
            ctx, campus, tell(ctx, ["the file with this mail"]), Cargo(made, partial(confirm_all, made))
        )
    else:
        leave_for_download(ctx, made)
    return Continue({"carrier": carrier})
