"""Tell people what came, and have it posted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import OutsideError
from webapp.services.audit import Actor
from webapp.services.submit_run import submit_run
from webapp.store import files, payments
from worker.pipelines.shared.delivery import current_settings, open_drop, put_files
from worker.pipelines.shared.mail import day_of, is_mail_wanted, run_link, send_notice
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.domain.campus_settings import CampusSettings
    from worker.steps import RunError


def report(ctx: StepContext) -> Continue:
    """Ask for the posting run, once, and tell people when something waits for them."""
    campus, story, found = (
        current_settings(ctx),
        ctx.result("book")["story"],
        ctx.result("look_again")["found"],
    )
    if found:
        story += f" {found:,} earlier {'payment' if found == 1 else 'payments'} found the fee by now."
        ctx.story(story)
    posting_run = None
    with ctx.transaction() as session:
        known = payments.posting_run_of(session, ctx.run.id)
        waits = payments.waiting_of_run(session, ctx.run.id)
        desk = payments.desk_of_run(session, ctx.run.id)
    if (waits or found) and campus["posting"]["way"] != "none":
        posting_run = known or submit_run(
            ctx.tenant_id,
            "payment_posting",
            trigger="file_arrival",
            options={"import_run_id": ctx.run.id},
            actor=Actor(None, f"run {ctx.run.id}"),
        )
    _send_rejects(ctx, campus)
    if desk and is_mail_wanted(campus):
        text = f"{ctx.tenant.name}, {day_of(ctx)}: payments came, and some wait for a person.\n\n{story}\n\n{run_link(ctx)}"
        send_notice(ctx, campus, "desk", f"Payments: {desk:,} wait for a person – {ctx.tenant.name}", text)
    return Continue({"posting_run_id": posting_run})


def _send_rejects(ctx: StepContext, campus: CampusSettings) -> None:
    """Put the rows that could not be read where their sender finds them, if the campus wants that."""
    with ctx.transaction() as session:
        made = files.files_of(session, ctx.tenant_id, ctx.run.id)
    if not made or campus["payments"]["rejects"] != "send" or not campus["delivery"]["sftp_enabled"]:
        return
    # Beside the sender's own files, where these lie on that server.
    lies_there = campus["payments"]["place"] == "delivery"
    place = {"collision": "suffix", "directory": campus["payments"]["directory"] if lies_there else ""}
    try:
        put_files(ctx, open_drop(ctx, campus, place), made)
    except OutsideError as err:
        # The payments are booked all the same, and the file waits in the portal.
        ctx.note(f"The rows that could not be read were not sent back. {err.message}")


def tell_failure(ctx: StepContext, error: RunError) -> None:
    """A mail that the file could not be booked, and why."""
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = (
            f"{ctx.tenant.name}, {day_of(ctx)}: a file of payments was not booked.\n\n{error.message}\n\n"
            f"No payment of it was posted or lost; the file is kept.\n{run_link(ctx)}"
        )
        send_notice(ctx, campus, "failure", f"Payments: a file was not booked – {ctx.tenant.name}", text)
