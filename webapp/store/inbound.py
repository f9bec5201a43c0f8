"""Files that arrived: who has what, what counts once, and which one a run takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from webapp.domain.run_states import FINAL_STATES
from webapp.models import AlmaEvent, InboundFile, Run, RunStep
from webapp.models.bursar import COUNTS_ONCE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, timedelta

    from webapp.models.scope import ScopedSession

COUNTING = ("waiting", "taken", "done")
# The step that takes a file, and what its result names.
RECEIVE = "receive"
_TOOK = RunStep.result["inbound_file_id"].as_integer()


def add_file(session: ScopedSession, values: Mapping[str, Any]) -> tuple[InboundFile, bool]:
    """The row of a file's content, and whether it is new; False: that content counts already, as the row returned."""
    found = insert(InboundFile).values(tenant_id=session.tenant_id, state="waiting", **values)
    new_id = session.scalar(
        found.on_conflict_do_nothing(
            index_elements=["tenant_id", "kind", "sha256"], index_where=text(COUNTS_ONCE)
        ).returning(InboundFile.id)
    )
    if new_id is not None:
        return session.get_one(InboundFile, (session.tenant_id, new_id)), True
    counted = select(InboundFile).where(
        InboundFile.kind == values["kind"],
        InboundFile.sha256 == values["sha256"],
        InboundFile.state.in_(COUNTING),
    )
    return session.scalars(counted).one(), False


def add_aside(session: ScopedSession, values: Mapping[str, Any]) -> InboundFile:
    """Write down a file that will not be read: a duplicate, or one that was refused."""
    row = InboundFile(tenant_id=session.tenant_id, **values)
    session.add(row)
    session.flush()
    return row


def file_of_id(session: ScopedSession, inbound_file_id: int) -> InboundFile | None:
    """One file of the campus that arrived."""
    return session.scalars(select(InboundFile).where(InboundFile.id == inbound_file_id)).first()


def newest(session: ScopedSession, *, limit: int, states: Collection[str] = ()) -> list[InboundFile]:
    """The files that arrived last, newest first."""
    query = select(InboundFile).order_by(InboundFile.id.desc()).limit(limit)
    return list(session.scalars(query.where(InboundFile.state.in_(states)) if states else query))


def is_known_there(
    session: ScopedSession, *, place: str, name: str, size: int, modified_at: datetime | None
) -> bool:
    """Whether a file lying at this place was read before and never put aside: the same name, size and time."""
    query = select(InboundFile.id).where(
        InboundFile.place == place,
        InboundFile.name == name,
        InboundFile.size == size,
        InboundFile.modified_at.is_not_distinct_from(modified_at),
        InboundFile.put_aside_at.is_(None),
    )
    return session.scalars(query.limit(1)).first() is not None


def institution_of(session: ScopedSession, kind: str) -> str:
    """The institution that the campus's first counted file of this kind named, or ""."""
    query = (
        select(InboundFile.institution_id)
        .where(InboundFile.kind == kind, InboundFile.institution_id != "", InboundFile.state.in_(COUNTING))
        .order_by(InboundFile.id)
        .limit(1)
    )
    return session.scalar(query) or ""


def same_export(session: ScopedSession, kind: str, export_number: str) -> InboundFile | None:
    """An earlier counted file with this export number."""
    if not export_number:
        return None
    query = select(InboundFile).where(
        InboundFile.kind == kind,
        InboundFile.export_number == export_number,
        InboundFile.state.in_(COUNTING),
    )
    return session.scalars(query.order_by(InboundFile.id).limit(1)).first()


def newest_list(session: ScopedSession, kind: str) -> tuple[InboundFile, datetime] | None:
    """The list of this kind that came last and was not refused, and how old it is; the same list again is as new."""
    query = select(InboundFile).where(InboundFile.kind == kind, InboundFile.state != "refused")
    came = session.scalars(query.order_by(InboundFile.id.desc()).limit(1)).first()
    if came is None:
        return None
    kept = came if came.repeats_id is None else file_of_id(session, came.repeats_id)
    if kept is None or kept.purged_at is not None or kept.state == "refused":
        return None
    return kept, min(came.modified_at or came.received_at, came.received_at)


def settle_lists(session: ScopedSession, kind: str, file: InboundFile, run_id: int, rows: int) -> None:
    """The list was read by the run; earlier ones that still wait tell nothing any more."""
    values: dict[str, Any] = {"state": "done", "run_id": run_id, "settled_at": text("clock_timestamp()")}
    waiting = update(InboundFile).where(InboundFile.kind == kind, InboundFile.state == "waiting")
    session.execute(waiting.where(InboundFile.id == file.id).values(**values, row_count=rows))
    session.execute(
        waiting.where(InboundFile.id < file.id).values(
            **values, message=f"Passed over: {file.name} is newer."
        )
    )


def file_of_job(session: ScopedSession, job_id: str) -> int | None:
    """The id of the file that a job of Alma wrote, if it has arrived; of a duplicate the file it repeats."""
    query = select(InboundFile.id, InboundFile.repeats_id).where(
        InboundFile.job_id == job_id, InboundFile.state != "refused"
    )
    row = session.execute(query.order_by(InboundFile.id).limit(1)).first()
    return None if row is None else row.repeats_id or row.id


def refused_file_of_job(session: ScopedSession, job_id: str) -> InboundFile | None:
    """The file of a job of Alma that was refused, the newest."""
    query = select(InboundFile).where(InboundFile.job_id == job_id, InboundFile.state == "refused")
    return session.scalars(query.order_by(InboundFile.id.desc()).limit(1)).first()


def file_of_run(session: ScopedSession, run_id: int) -> int | None:
    """The id of the file that a run has, or had before it failed."""
    own = session.scalar(
        select(InboundFile.id).where(InboundFile.run_id == run_id).order_by(InboundFile.id).limit(1)
    )
    if own is not None:
        return own
    took = select(_TOOK).where(RunStep.run_id == run_id, RunStep.name == RECEIVE)
    return session.scalar(took)


def take_named(session: ScopedSession, run_id: int, inbound_file_id: int) -> InboundFile | None:
    """Give the run a certain file that waits, or that it has already. None: it is not to be had.

    A run that failed gives its file back by itself, unless nobody knows yet whether what it sent arrived.
    """
    row = session.scalars(
        select(InboundFile).where(InboundFile.id == inbound_file_id).with_for_update()
    ).first()
    if row is None or row.state not in {"waiting", "taken"} or row.purged_at is not None:
        return None
    if row.state == "taken" and row.run_id != run_id:
        return None
    return _given(session, row, run_id)


def take_oldest(
    session: ScopedSession, run_id: int, kind: str, pipeline: str, *, pause_after_failure: timedelta
) -> InboundFile | None:
    """Give the run the oldest waiting file that no run of its own is on the way for.

    A file that a run has lately failed with is left alone for a while: it would only fail again and again.
    """
    failed_lately = _was_with_run(
        Run.state.in_(("failed", "cancelled")), Run.finished_at > func.now() - pause_after_failure
    )
    query = (
        select(InboundFile)
        .where(InboundFile.kind == kind, InboundFile.state == "waiting")
        .where(~_has_run(pipeline, unfinished=True), ~failed_lately)
        .order_by(InboundFile.received_at, InboundFile.id)
        .limit(1)
        .with_for_update(of=InboundFile, skip_locked=True)
    )
    row = session.scalars(query).first()
    return _given(session, row, run_id) if row else None


def oldest_waiting(session: ScopedSession, kind: str) -> InboundFile | None:
    """The oldest waiting file, left as it is."""
    query = select(InboundFile).where(InboundFile.kind == kind, InboundFile.state == "waiting")
    return session.scalars(query.order_by(InboundFile.received_at, InboundFile.id).limit(1)).first()


def waiting_without_run(session: ScopedSession, kind: str, pipeline: str) -> list[int]:
    """Ids of waiting files for which no run was ever asked, and which none ever had, oldest first."""
    query = select(InboundFile.id).where(
        InboundFile.kind == kind,
        InboundFile.state == "waiting",
        ~_has_run(pipeline, unfinished=False),
        ~_was_with_run(),
    )
    return list(session.scalars(query.order_by(InboundFile.received_at, InboundFile.id)))


def read_and_left(session: ScopedSession, place: str, *, since: datetime, limit: int) -> list[InboundFile]:
    """Files that were read to their end, or were duplicates, and still lie where they arrived."""
    query = (
        select(InboundFile)
        .where(
            InboundFile.place == place,
            InboundFile.state.in_(("done", "duplicate")),
            InboundFile.put_aside_at.is_(None),
            InboundFile.received_at >= since,
        )
        .order_by(InboundFile.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def stamp_put_aside(session: ScopedSession, inbound_file_id: int) -> None:
    """The original was renamed or moved where it lay."""
    session.execute(
        text("""
            UPDATE inbound_file SET put_aside_at = clock_timestamp()
            WHERE tenant_id = :tenant_id AND id = :id AND put_aside_at IS NULL
        """),
        {"tenant_id": session.tenant_id, "id": inbound_file_id},
    )


def settle_file(
    session: ScopedSession, inbound_file_id: int, state: str, *, message: str | None = None
) -> None:
    """The run has read the file to its end (``done``), or it cannot be read (``refused``, with the reason)."""
    values: dict[str, Any] = {"state": state, "settled_at": text("clock_timestamp()")}
    if message is not None:
        values["message"] = message
    session.execute(update(InboundFile).where(InboundFile.id == inbound_file_id).values(**values))


def note_event(session: ScopedSession, values: Mapping[str, Any]) -> bool:
    """Write a webhook's message down; False when its id is known: it was told before."""
    statement = insert(AlmaEvent).values(tenant_id=session.tenant_id, **values)
    return (
        session.scalar(
            statement.on_conflict_do_nothing(index_elements=["tenant_id", "event_id"]).returning(
                AlmaEvent.event_id
            )
        )
        is not None
    )


def name_run_of_event(session: ScopedSession, event_id: str, run_id: int) -> None:
    """Which run a webhook's message set off."""
    session.execute(update(AlmaEvent).where(AlmaEvent.event_id == event_id).values(run_id=run_id))


def _given(session: ScopedSession, row: InboundFile, run_id: int) -> InboundFile:
    row.state, row.run_id = "taken", run_id
    session.flush()
    return row


def _has_run(pipeline: str, *, unfinished: bool) -> ColumnElement[bool]:
    """Whether a run was asked for this very file; ``unfinished``: and is still on its way."""
    wanted = [
        Run.tenant_id == InboundFile.tenant_id,
        Run.pipeline == pipeline,
        Run.options["inbound_file_id"].as_integer() == InboundFile.id,
    ]
    if unfinished:
        wanted.append(Run.state.not_in(FINAL_STATES))
    return select(Run.id).where(*wanted).exists()


def _was_with_run(*wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a real run took this file, as its step's result says also after the file went back."""
    return (
        select(RunStep.n)
        .join(Run, (Run.tenant_id == RunStep.tenant_id) & (Run.id == RunStep.run_id))
        .where(
            RunStep.tenant_id == InboundFile.tenant_id,
            RunStep.name == RECEIVE,
            InboundFile.id == _TOOK,
            Run.dry_run.is_(False),
            *wanted,
        )
        .exists()
    )


def note_rows(session: ScopedSession, inbound_file_id: int, *, rows: int, cents: int) -> None:
    """How many rows a file had, and how much of its money was new."""
    session.execute(
        update(InboundFile).where(InboundFile.id == inbound_file_id).values(row_count=rows, total_cents=cents)
    )
