"""Read everything this run decides on, apply the policy row by row, and freeze it: the file, the desk, the tasks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from webapp.adapters.alma.bursar_xml import BadRow, BursarFileError, read_bursar
from webapp.adapters.errors import PermanentError
from webapp.domain.bursar.policy import Verdict, judge
from webapp.services.calm_collector import calm_collector
from webapp.services.campus_settings import read_all
from webapp.store import bursar, quarantine
from webapp.store.schedules import looks_often
from webapp.store.staged_rows import copy_rows
from worker.pipelines.bursar.frame import new_frame
from worker.pipelines.bursar.mail import tell_nothing_to_send
from worker.pipelines.bursar.stage import Stager, thaw
from worker.pipelines.bursar.students import with_students
from worker.steps import Continue, Finish, StepContext

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Row

    from webapp.domain.bursar.policy import BursarPolicy
    from webapp.models import InboundFile
    from webapp.models.scope import ScopedSession
    from worker.pipelines.bursar.frame import BursarFrame

_PROGRESS_EVERY = 2_000
UNREADABLE = "unreadable"
# Without these a row is no fee, whoever lets it go.
_NEEDED = ("amount_cents", "patron_id", "fee_type", "fee_ref")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What flows beside the file: open rows of the desk, and what people asked for."""

    desk: list[Row[Any]]
    tasks: list[Row[Any]]


@dataclass(frozen=True, slots=True)
class Staged:
    """What came in, and how much of it with the file."""

    rows: int
    cents: int
    file_rows: int
    file_cents: int
    export_number: str


def read(ctx: StepContext) -> Continue | Finish:
    """Stage every row with its verdict in one transaction. A damaged file is refused whole; nothing of it is kept."""
    with ctx.transaction() as session:
        campus = read_all(session)
        file = _file(ctx, session)
        waiting = _waiting(ctx, session, has_file=file is not None)
    if file is None and not waiting.desk and not waiting.tasks:
        return _nothing(ctx)
    frame, frozen = new_frame(ctx, campus)
    frame = with_students(ctx, frame)
    with ctx.transaction() as session:
        try:
            staged = _stage(ctx, session, frame, file, waiting)
        except BursarFileError as err:
            session.rollback()
            raise _refused(ctx, file, err) from err
        if file is not None and not ctx.run.dry_run:
            bursar.note_content(session, file.id, staged.export_number, staged.file_rows, staged.file_cents)
        repeats = bursar.same_export(session, file.id, staged.export_number) if file is not None else []
        if not ctx.run.dry_run:
            bursar.take_tasks(session, ctx.tenant_id, ctx.run.id)
    ctx.counts({"rows_in": staged.rows, "cents_in": staged.cents})
    return Continue(
        {
            "frame": frozen,
            "rows": staged.rows,
            "cents": staged.cents,
            "file_rows": staged.file_rows,
            "export_number": staged.export_number,
            "profile_code": file.profile_code if file is not None else "",
            "inbound_file_id": file.id if file is not None else None,
            "file": file.name if file is not None else "",
            "repeats": [[other.name, other.run_id] for other in repeats],
        }
    )


def _file(ctx: StepContext, session: ScopedSession) -> InboundFile | None:
    inbound_file_id = ctx.result("receive").get("inbound_file_id")
    return bursar.inbound_file(session, inbound_file_id) if inbound_file_id is not None else None


def _waiting(ctx: StepContext, session: ScopedSession, *, has_file: bool) -> Waiting:
    tasks = bursar.open_tasks(session, ctx.tenant_id, ctx.run.id)
    # Without a file and without a task nothing has changed for a row that nobody has decided about.
    takes_all = has_file or bool(tasks) or bool(ctx.run.options.get("only_desk"))
    desk = quarantine.desk_rows_to_flow(session, ctx.tenant_id, only_decided=not takes_all)
    return Waiting(desk, tasks)


def _nothing(ctx: StepContext) -> Finish:
    with ctx.transaction() as session:
        # With a look every few minutes there would be a hundred such mails a day.
        is_idle_look = ctx.run.trigger in {"schedule", "catch_up"} and looks_often(session, ctx.run.pipeline)
    story = "No file of Alma's waits, and nothing else is to be told."
    if not ctx.run.dry_run and not is_idle_look:
        tell_nothing_to_send(ctx, story)
    ctx.story(story)
    return Finish("nothing_to_send", {"rows": 0, "cents": 0})


def _stage(
    ctx: StepContext, session: ScopedSession, frame: BursarFrame, file: InboundFile | None, waiting: Waiting
) -> Staged:
    with calm_collector(), copy_rows(session, ctx.tenant_id, ctx.run.id) as write:
        stager = Stager(write)
        export_number = _stage_file(ctx, stager, frame, file) if file is not None else ""
        file_rows, file_cents = stager.rows, stager.cents
        for waits in waiting.desk:
            verdict = judge_again(frame.policy, frame.run_on, waits)
            stager.add(verdict.row, verdict, bursar.DESK, waits.id)
        for task in waiting.tasks:
            row = {**thaw(task.body), "amount_cents": task.amount_cents}
            stager.add(row, Verdict("send", "", "", row), bursar.TASK, task.id)
        stager.flush()
    return Staged(stager.rows, stager.cents, file_rows, file_cents, export_number)


def _stage_file(ctx: StepContext, stager: Stager, frame: BursarFrame, file: InboundFile) -> str:
    """Returns the file's export number."""
    export_number, policy, run_on = "", frame.policy, frame.run_on
    common = {"profile_code": file.profile_code}
    note = f"Reading {file.name}"
    ctx.progress(0, 0, note)
    zone = frame.run_at.tzinfo
    for row in read_bursar(partial(ctx.files.open, file.store_key), size=file.size, zone=zone):
        if isinstance(row, BadRow):
            stager.add(row.row, Verdict("quarantined", UNREADABLE, row.reason, row.row), bursar.FILE)
        else:
            export_number = export_number or row.get("export_number") or ""
            row.update(common)
            verdict = judge(row, policy, run_on)
            stager.add(verdict.row, verdict, bursar.FILE)
        if not stager.rows % _PROGRESS_EVERY:
            ctx.progress(stager.rows, 0, note)
    return export_number


def judge_again(policy: BursarPolicy, run_on: date, waits: Row[Any]) -> Verdict:
    """A row of the desk with what a person corrected, judged anew; released, it goes as it is if it is a fee at all."""
    row = thaw({**waits.raw, **waits.patch})
    if "amount_cents" in waits.patch:
        cents = row["total_cents"] = row["amount_cents"]
        row["kind"], row["debit_credit"] = ("credit", "C") if cents < 0 else ("charge", "D")
    if waits.rule == UNREADABLE:
        # What could not be read is no zero: without a correction it would be left out as nothing owed.
        missing = [name for name in _NEEDED if not row.get(name)]
        if missing or not (waits.patch or waits.decision == bursar.RELEASED):
            words = (
                f"Still to be corrected: {', '.join(missing)}." if missing and waits.patch else waits.reason
            )
            return Verdict("quarantined", UNREADABLE, words, row)
    verdict = judge(row, policy, run_on)
    if waits.decision == bursar.RELEASED and row["amount_cents"]:
        return Verdict("send", bursar.RELEASED, "", verdict.row)
    return verdict


def _refused(ctx: StepContext, file: InboundFile | None, err: BursarFileError) -> PermanentError:
    name = file.name if file is not None else "the file"
    words = f"{name} was refused whole: {err} Nothing of it was used."
    if file is not None and not ctx.run.dry_run:
        with ctx.transaction() as session:
            bursar.refuse_file(session, file.id, words)
    return PermanentError(f"{words} Have Alma's export made again, or hand in the whole file.")
