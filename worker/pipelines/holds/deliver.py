"""Hand the files over. With each confirmed file the register advances by exactly what it tells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from webapp.store import files
from worker.pipelines.holds.mail import send_report
from worker.pipelines.holds.story import tell
from worker.pipelines.shared.delivery import (
    MAIL,
    SFTP,
    carrier_of,
    confirm_all,
    current_settings,
    leave_for_download,
    open_drop,
    put_files,
)
from worker.pipelines.shared.mail import Cargo
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.adapters.sftp import SftpTarget
    from webapp.domain.campus_settings import CampusSettings
    from webapp.models import File


def deliver(ctx: StepContext) -> Continue:
    """Every file by SFTP, or all of them by the report mail, or left in the portal for somebody to fetch."""
    campus = current_settings(ctx)
    carrier = carrier_of(campus)
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
        files.overtake_waiting(session, ctx.tenant_id, ctx.run.id)
    if carrier == SFTP:
        deliver_by_sftp(ctx, campus, made)
    elif carrier == MAIL:
        send_report(ctx, campus, tell(ctx, ["files with this mail"]), Cargo(made, partial(confirm_all, made)))
    else:
        leave_for_download(ctx, made)
    return Continue({"carrier": carrier})


def deliver_by_sftp(ctx: StepContext, campus: CampusSettings, made: list[File]) -> None:
    """Put each file into the campus's drop, once. Raises: RetryableError, PermanentError, UnknownOutcomeError."""
    put_files(ctx, current_drop(ctx, campus), made)


def current_drop(ctx: StepContext, campus: CampusSettings) -> SftpTarget:
    """The campus's SFTP drop for holds as the settings name it now."""
    return open_drop(ctx, campus, campus["files"])
