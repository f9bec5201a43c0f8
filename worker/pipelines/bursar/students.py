"""The registrar's newest list of students, where the campus has one, for the rules of a run about charges."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from webapp.adapters.errors import OutsideError
from webapp.domain.bursar.students import StudentListError, read_students
from webapp.services.audit import Actor
from webapp.services.fetch_payments import fetch_student_lists
from webapp.store import inbound

if TYPE_CHECKING:
    from datetime import datetime

    from webapp.domain.bursar.students import StudentList
    from webapp.models import InboundFile
    from worker.pipelines.bursar.frame import BursarFrame
    from worker.steps import StepContext

KIND = "student_list"
_SLICE_S = 0.5


def with_students(ctx: StepContext, frame: BursarFrame) -> BursarFrame:
    """The frame whose policy knows the students of the newest list; without a list that counts it knows nobody.

    Whether a fee then waits is the policy's business. What is unusual about the list is noted on the run.
    """
    if not ctx.run.dry_run:
        _fetch(ctx)
    while (newest := _newest(ctx)) is not None:
        file, listed_at = newest
        if _is_too_old(ctx, frame, file, listed_at):
            return frame
        try:
            found = _read(ctx, frame, file)
        except (StudentListError, UnicodeDecodeError) as err:
            why = "it is not UTF-8 text" if isinstance(err, UnicodeDecodeError) else str(err)
            ctx.note(f"The registrar's list {file.name} was not used: {why}.")
            if ctx.run.dry_run:
                return frame
            with ctx.transaction() as session:
                inbound.settle_file(session, file.id, "refused", message=f"Not used: {why}.")
            continue
        _settle(ctx, file, found)
        return replace(frame, policy=replace(frame.policy, students=found.students))
    return frame


def _newest(ctx: StepContext) -> tuple[InboundFile, datetime] | None:
    with ctx.transaction() as session:
        return inbound.newest_list(session, KIND)


def _is_too_old(ctx: StepContext, frame: BursarFrame, file: InboundFile, listed_at: datetime) -> bool:
    days = frame.settings["bursar"]["student_list_days"]
    if not days or ctx.now - listed_at <= timedelta(days=days):
        return False
    policy = frame.policy
    if policy.statuses_only or policy.statuses_never:
        ctx.note(
            f"The registrar's newest list, {file.name} of {listed_at.astimezone(frame.run_at.tzinfo):%Y-%m-%d}, is older "
            f"than {days} days and was not believed. Charges to students wait at the desk until a new one comes."
        )
    return True


def _read(ctx: StepContext, frame: BursarFrame, file: InboundFile) -> StudentList:
    policy = frame.policy
    with (
        ctx.files.open(file.store_key) as source,
        io.TextIOWrapper(source, encoding="utf-8-sig", newline="") as lines,
    ):
        return read_students(lines, emplid_digits=policy.emplid_digits, emplid_pad=policy.emplid_pad)


def _settle(ctx: StepContext, file: InboundFile, found: StudentList) -> None:
    if found.faults:
        ctx.note(f"{found.faults:,} of the {found.lines:,} lines of {file.name} name no usable EMPLID.")
    if not ctx.run.dry_run:
        with ctx.transaction() as session:
            inbound.settle_lists(session, KIND, file, ctx.run.id, found.lines)


def _fetch(ctx: StepContext) -> None:
    def wait(seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            ctx.progress(0, 1, "Waiting whether new files are complete")
            time.sleep(min(_SLICE_S, left))

    try:
        fetch_student_lists(
            ctx.tenant_id, ctx.settings, ctx.vault, actor=Actor(None, f"run {ctx.run.id}"), wait=wait
        )
    except OutsideError as err:
        # The last list counts until it is too old, so a server that is away stops nothing.
        ctx.note(f"The registrar's lists could not be looked for: {err.message}")
