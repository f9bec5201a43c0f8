"""Take in what waits at the campus's place, choose the file of this run, and put originals aside once they were read."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from webapp.adapters.errors import OutsideError, PermanentError, RetryableError
from webapp.adapters.sftp.pick_up import Arrival, Aside
from webapp.models import InboundFile
from webapp.models.scope import ScopedSession
from webapp.services import campus_settings
from webapp.services.audit import Actor
from webapp.services.fetch_arrivals import Place, arrival_place, aside_of, fetch_arrivals
from webapp.services.receive_file import PIPELINES
from webapp.services.settle_by_looking import Look
from webapp.services.submit_run import submit_run
from webapp.store import inbound
from worker.effects import perform_effect
from worker.steps import Continue, StepContext

KIND = "bursar_xml"
# Not the kind of a delivery: nothing reaches PeopleSoft by it.
EFFECT_KIND = "put_aside"
SLICE_S = 0.5
# Older originals that could not be put aside are left to people.
PUT_ASIDE_WITHIN = timedelta(days=14)
PUT_ASIDE_AT_ONCE = 50
# With a look every few minutes a file that cannot be converted would fail a hundred times a day.
PAUSE_AFTER_FAILURE = timedelta(hours=20)


def receive(ctx: StepContext) -> Continue:
    """The file of this run: the named one, the one a job of Alma wrote, or the oldest that waits; None when there is none.

    What lies complete at the campus's place is taken in first, and other waiting files get runs of their own. A dry run
    takes in what it finds but leaves it waiting. The result names the file: {"inbound_file_id": number or None,
    "store_key", "sha256", "profile_code", "job_id", "name", "size", "note"}.

    Raises: RetryableError, also when Alma's job has ended and its file is not there yet; PermanentError.
    """
    if ctx.run.options.get("only_desk"):
        return Continue(_result(None, "Only what waited at the desk."))
    named = _named_file(ctx)
    if named is None:
        ctx.progress(0, 1, "Looking for files")
        fetch_arrivals(
            ctx.tenant_id,
            ctx.settings,
            actor=Actor(None, f"run {ctx.run.id}"),
            wait=partial(_wait, ctx),
            submit=False,
        )
        put_aside_what_was_read(ctx)
    taken, note = _take(ctx, named)
    if not ctx.run.dry_run:
        _give_others_runs(ctx)
    ctx.progress(1, 1)
    return Continue(_result(taken, note))


def put_aside_original(ctx: StepContext, inbound_file_id: int) -> None:
    """Rename or move the original of a file that was read to its end, where it arrived; as the campus says.

    Call it when the rows are safe. What the server refuses is noted on the run and stops nothing: the file is known
    by name, size and time, and is not read again.
    """
    if ctx.run.dry_run:
        return
    with ctx.transaction() as session:
        row = inbound.file_of_id(session, inbound_file_id)
        aside = aside_of(campus_settings.read_all(session)["arrival"])
        place = arrival_place(session, ctx.settings)
    if row is None or aside is None or place is None or row.place != place.place or row.put_aside_at:
        return
    try:
        _put_aside(ctx, place, row, aside)
    except OutsideError as err:
        ctx.note(f"{row.name} was read, but not put aside. {err.message}")


def put_aside_what_was_read(ctx: StepContext) -> None:
    """Put aside originals that earlier runs have read and could not put aside, and duplicates."""
    if ctx.run.dry_run:
        return
    with ctx.transaction() as session:
        arrival = campus_settings.read_all(session)["arrival"]
        place = arrival_place(session, ctx.settings) if aside_of(arrival) else None
        left = (
            inbound.read_and_left(
                session, place.place, since=ctx.now - PUT_ASIDE_WITHIN, limit=PUT_ASIDE_AT_ONCE
            )
            if place
            else []
        )
    for row in left:
        put_aside_original(ctx, row.id)


def _put_aside(ctx: StepContext, place: Place, row: InboundFile, aside: Aside) -> None:
    arrival = Arrival(row.name, row.size, row.modified_at)

    def send(before_effect: Callable[[], None]) -> dict[str, Any]:
        return {"new_name": place.put_aside(arrival, aside, before_effect=before_effect)}

    def look() -> Look:
        return "did_not_happen" if place.lies_there(arrival) else "happened"

    def confirmed(session: ScopedSession, _evidence: dict[str, Any]) -> None:
        inbound.stamp_put_aside(session, row.id)

    perform_effect(
        ctx,
        key=f"inbound:{row.id}:{EFFECT_KIND}",
        kind=EFFECT_KIND,
        detail={"place": row.place, "name": row.name, "how": aside.how, "word": aside.word},
        send=send,
        look=look,
        on_confirm=confirmed,
    )


def _named_file(ctx: StepContext) -> int | None:
    """The file that this run is for, by its own options or as the run it repeats had it."""
    named = ctx.run.options.get("inbound_file_id")
    if named is not None:
        return int(named)
    with ctx.transaction() as session:
        own = inbound.file_of_run(session, ctx.run.id)
        if own is None and ctx.run.parent_run_id:
            return inbound.file_of_run(session, ctx.run.parent_run_id)
    return own


def _take(ctx: StepContext, named: int | None) -> tuple[InboundFile | None, str]:
    job_id = str(ctx.run.options.get("job_id") or "")
    with ctx.transaction() as session:
        of_job = inbound.file_of_job(session, job_id) if job_id and named is None else None
        wanted = of_job or named
        if wanted is not None:
            row = inbound.file_of_id(session, wanted)
            taken = row if ctx.run.dry_run else inbound.take_named(session, ctx.run.id, wanted)
            return taken, "" if taken else _why_not(wanted, row)
        if job_id:
            raise _not_there_yet(session, job_id)
        if ctx.run.dry_run:
            return inbound.oldest_waiting(session, KIND), ""
        # Whoever asks for a run has seen why the last one failed; the clock has not.
        pause = timedelta(0) if ctx.run.trigger == "person" else PAUSE_AFTER_FAILURE
        oldest = inbound.take_oldest(session, ctx.run.id, KIND, PIPELINES[KIND], pause_after_failure=pause)
        return oldest, ""


def _not_there_yet(session: ScopedSession, job_id: str) -> OutsideError:
    refused = inbound.refused_file_of_job(session, job_id)
    if refused is not None:
        return PermanentError(f"{refused.name} was not taken in. {refused.message}")
    code = campus_settings.read_all(session)["arrival"]["profile_code"] or "CODE"
    return RetryableError(
        f"Alma says that its job {job_id} has exported fees, but no file {code}-{job_id}-….xml lies where this campus's "
        "files arrive. It is looked for again. If it does not come, look in Alma at the job's report and at the "
        "profile's S/FTP connection."
    )


def _why_not(inbound_file_id: int, row: InboundFile | None) -> str:
    if row is None:
        return f"There is no arrived file {inbound_file_id}."
    if row.purged_at is not None:
        return f"{row.name} is past its retention time and its bytes were deleted."
    if row.state == "refused":
        return f"{row.name} was refused. {row.message}"
    return f"{row.name} was already taken by run {row.run_id}."


def _give_others_runs(ctx: StepContext) -> None:
    with ctx.transaction() as session:
        others = inbound.waiting_without_run(session, KIND, PIPELINES[KIND])
    for inbound_file_id in others:
        submit_run(
            ctx.tenant_id,
            PIPELINES[KIND],
            trigger="file_arrival",
            options={"inbound_file_id": inbound_file_id},
            actor=Actor(None, f"run {ctx.run.id}"),
        )


def _wait(ctx: StepContext, seconds: float) -> None:
    """Let time pass for files still being written, and stop when asked to."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        ctx.progress(0, 1, "Waiting whether new files are complete")
        time.sleep(min(SLICE_S, left))


def _result(taken: InboundFile | None, note: str) -> dict[str, Any]:
    if taken is None:
        empty = dict.fromkeys(("store_key", "sha256", "profile_code", "job_id", "name"), "")
        return {"inbound_file_id": None, **empty, "size": 0, "note": note}
    return {
        "inbound_file_id": taken.id,
        "store_key": taken.store_key,
        "sha256": taken.sha256,
        "profile_code": taken.profile_code,
        "job_id": taken.job_id,
        "name": taken.name,
        "size": taken.size,
        "note": note or taken.message,
    }
