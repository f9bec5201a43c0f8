"""Take in payment files that wait at the campus's place, and choose the one of this run."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import OutsideError, PermanentError
from webapp.services.audit import Actor
from webapp.services.fetch_payments import fetch_payments
from webapp.services.submit_run import submit_run
from webapp.store import inbound
from worker.steps import Continue, Finish, StepContext

if TYPE_CHECKING:
    from webapp.models import InboundFile
    from webapp.services.receive_file import Received

KIND, PIPELINE = "payments", "payment_import"
PAUSE_AFTER_FAILURE = timedelta(hours=20)
_SLICE_S = 0.5


def receive(ctx: StepContext) -> Continue | Finish:
    """The file of this run: the named one, or the oldest that waits. Other waiting files get runs of their own."""
    named = ctx.run.options.get("inbound_file_id") or _parents(ctx)
    came = _fetch(ctx) if named is None and not ctx.run.dry_run else []
    with ctx.transaction() as session:
        if named is not None:
            row = inbound.file_of_id(session, int(named))
            taken = row if ctx.run.dry_run else inbound.take_named(session, ctx.run.id, int(named))
        elif ctx.run.dry_run:
            row = taken = inbound.oldest_waiting(session, KIND)
        else:
            pause = timedelta(0) if ctx.run.trigger == "person" else PAUSE_AFTER_FAILURE
            row = taken = inbound.take_oldest(session, ctx.run.id, KIND, PIPELINE, pause_after_failure=pause)
        others = [] if ctx.run.dry_run else inbound.waiting_without_run(session, KIND, PIPELINE)
    for inbound_file_id in others:
        submit_run(
            ctx.tenant_id, PIPELINE, trigger="file_arrival", options={"inbound_file_id": inbound_file_id},
            actor=Actor(None, f"run {ctx.run.id}"),
        )  # fmt: skip
    if named is not None and taken is None:
        raise PermanentError(_why_not(int(named), row))
    if taken is None:
        again = [one.message for one in came if one.state == "duplicate"]
        ctx.story(" ".join(again) or "No file of payments has come.")
        return Finish("nothing_to_send", {"inbound_file_id": None})
    return Continue(_result(taken))


def _parents(ctx: StepContext) -> int | None:
    if not ctx.run.parent_run_id:
        return None
    with ctx.transaction() as session:
        return inbound.file_of_run(session, ctx.run.parent_run_id)


def _fetch(ctx: StepContext) -> list[Received]:
    def wait(seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            ctx.progress(0, 1, "Waiting whether new files are complete")
            time.sleep(min(_SLICE_S, left))

    ctx.progress(0, 1, "Looking for files")
    try:
        return fetch_payments(
            ctx.tenant_id, ctx.settings, ctx.vault, actor=Actor(None, f"run {ctx.run.id}"), wait=wait
        )
    except OutsideError as err:
        with ctx.transaction() as session:
            has_other = inbound.oldest_waiting(session, KIND) is not None
        # What was uploaded can be read all the same, and the next look will find the others.
        if not has_other:
            raise
        ctx.note(f"Files of payments could not be fetched. {err.message}")
        return []


def _why_not(inbound_file_id: int, row: InboundFile | None) -> str:
    if row is None or row.kind != KIND:
        return f"There is no file of payments {inbound_file_id}."
    if row.purged_at is not None:
        return f"{row.name} is past its retention time and its bytes were deleted."
    if row.state == "refused":
        return f"{row.name} was refused. {row.message}"
    return f"{row.name} was already taken by run {row.run_id}. Its payments count once."


def _result(taken: InboundFile) -> dict[str, Any]:
    written_at = taken.modified_at or taken.received_at
    return {
        "inbound_file_id": taken.id,
        "store_key": taken.store_key,
        "sha256": taken.sha256,
        "name": taken.name,
        "size": taken.size,
        "file_at": min(written_at, taken.received_at).isoformat(),
    }
