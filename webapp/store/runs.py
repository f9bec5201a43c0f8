"""Rows of runs, their steps and events. Every change of a run's state goes through ``move_run``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from webapp.domain.run_states import FINAL_STATES, RUN_MOVES
from webapp.models import Approval, Effect, Run, RunEvent, RunStep, Tenant
from webapp.store import bursar, payments
from webapp.store.leases import guard_against_freezing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from webapp.models.scope import ScopedSession

# A run that ends like this has told nobody what it had taken up.
GIVES_BACK = frozenset({"failed", "cancelled"})

# One conditional UPDATE and its event row, in one statement: neither exists without the other.
_MOVE = text(f"""
    WITH before AS (
        SELECT tenant_id, id, state FROM run
        WHERE tenant_id = :tenant_id AND id = :run_id AND state = ANY(:from_states)
          AND (CAST(:fence AS bigint) IS NULL OR lease_token = :fence)
        FOR UPDATE
    ), moved AS (
        UPDATE run SET
            state = :to_state,
            story = CASE
                WHEN CAST(:story AS text) IS NOT NULL THEN :story
                WHEN :is_final AND (run.story = '' OR run.is_story_passing) THEN :default_story
                ELSE run.story END,
            is_story_passing = NOT :is_final AND (run.is_story_passing OR CAST(:story AS text) IS NOT NULL),
            error = CASE WHEN :to_state = 'failed' THEN CAST(:error AS jsonb) ELSE run.error END,
            not_before = CASE WHEN :to_state = 'queued'
                THEN clock_timestamp() + make_interval(secs => :delay_s) ELSE not_before END,
            lease_until = CASE WHEN :keeps_lease THEN lease_until END,
            lease_holder = CASE WHEN :keeps_lease THEN lease_holder ELSE '' END,
            finished_at = CASE WHEN :is_final THEN clock_timestamp() END
        FROM before WHERE run.tenant_id = before.tenant_id AND run.id = before.id
        RETURNING run.tenant_id, run.id, before.state AS from_state
    )
    INSERT INTO run_event (tenant_id, run_id, actor, from_state, to_state, note)
    SELECT tenant_id, id, :actor, from_state, :to_state, :note FROM moved
    RETURNING from_state, {guard_against_freezing()}
""")


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is asked to do."""

    pipeline: str
    trigger: str
    queue: str
    requested_by: int | None = None
    dry_run: bool = False
    options: Mapping[str, Any] | None = None
    parent_run_id: int | None = None


def insert_run(session: ScopedSession, new: NewRun, *, actor: str) -> int:
    """Add a queued run, due now, and its first event; returns its id. Its window reaches back to the last success."""
    run_id = session.scalar(
        text("""
            INSERT INTO run (tenant_id, pipeline, trigger, queue, requested_by, dry_run, options, parent_run_id,
                             scheduled_at, window_from_at)
            VALUES (:tenant_id, :pipeline, :trigger, :queue, :requested_by, :dry_run, CAST(:options AS jsonb),
                    :parent_run_id, clock_timestamp(),
                    (SELECT started_at FROM run WHERE tenant_id = :tenant_id AND pipeline = :pipeline
                     AND state IN ('succeeded', 'nothing_to_send') AND NOT dry_run
                     ORDER BY created_at DESC LIMIT 1))
            RETURNING id
        """),
        {
            "tenant_id": session.tenant_id,
            "pipeline": new.pipeline,
            "trigger": new.trigger,
            "queue": new.queue,
            "requested_by": new.requested_by,
            "dry_run": new.dry_run,
            "options": json.dumps(dict(new.options or {})),
            "parent_run_id": new.parent_run_id,
        },
    )
    add_event(session, run_id, actor=actor, to_state="queued")
    return int(run_id)


def put_off(session: ScopedSession, run_id: int, delay_s: float) -> None:
    """Have a run that was just asked for begin later."""
    session.execute(
        text("""
            UPDATE run SET not_before = clock_timestamp() + make_interval(secs => :delay_s)
            WHERE tenant_id = :tenant_id AND id = :run_id AND state = 'queued' AND started_at IS NULL
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id, "delay_s": delay_s},
    )


def move_run(
    session: ScopedSession,
    run_id: int,
    to_state: str,
    *,
    actor: str,
    note: str = "",
    only_from: Collection[str] | None = None,
    fence: int | None = None,
    story: str | None = None,
    error: Mapping[str, Any] | None = None,
    delay_s: float = 0.0,
    default_story: str = "",
) -> str | None:
    """Move a run to ``to_state`` if the table of moves allows it from where it is, and write the event.

    ``only_from`` narrows the allowed starting states; ``fence`` lets only the holder of that lease token move it;
    ``delay_s`` is how long a run put back in the queue waits. ``default_story`` is told at the end of a run whose
    pipeline told none: a wait or an approval on the way is not what came of it. Returns the state it left, or None when nothing moved.
    """
    allowed = sorted(f for f, t in RUN_MOVES if t == to_state and (only_from is None or f in only_from))
    left: str | None = session.scalar(
        _MOVE,
        {
            "tenant_id": session.tenant_id,
            "run_id": run_id,
            "from_states": allowed,
            "to_state": to_state,
            "fence": fence,
            "actor": actor,
            "note": note,
            "story": story,
            "default_story": default_story,
            "error": None if error is None else json.dumps(error),
            "delay_s": delay_s,
            "keeps_lease": to_state in {"running", "delivering"},
            "is_final": to_state in FINAL_STATES,
        },
    )
    if left is not None and to_state in GIVES_BACK:
        bursar.give_back(session, run_id)
        payments.give_back(session, run_id)
    return left


def add_event(session: ScopedSession, run_id: int, *, actor: str, note: str = "", to_state: str = "") -> None:
    """Write down something that happened to a run."""
    session.execute(
        text("""
            INSERT INTO run_event (tenant_id, run_id, actor, to_state, note)
            VALUES (:tenant_id, :run_id, :actor, :to_state, :note)
        """),
        {
            "tenant_id": session.tenant_id,
            "run_id": run_id,
            "actor": actor,
            "to_state": to_state,
            "note": note,
        },
    )


def run_by_id(session: ScopedSession, run_id: int) -> Run | None:
    """One run of the scope's campus."""
    return session.scalars(select(Run).where(Run.id == run_id)).first()


def newest_runs(session: ScopedSession, limit: int, state: str | None = None) -> list[Run]:
    """The scope's newest runs, of one state if named."""
    query = select(Run).order_by(Run.id.desc()).limit(limit)
    return list(session.scalars(query.where(Run.state == state) if state else query))


def tenant_of_scope(session: ScopedSession) -> Tenant:
    """The scope's campus."""
    return session.scalars(select(Tenant).where(Tenant.id == session.tenant_id)).one()


def events_of(session: ScopedSession, run_id: int) -> list[RunEvent]:
    """What happened to a run, oldest first."""
    return list(session.scalars(select(RunEvent).where(RunEvent.run_id == run_id).order_by(RunEvent.id)))


def steps_of(session: ScopedSession, run_id: int) -> list[RunStep]:
    """A run's steps so far, in order."""
    return list(session.scalars(select(RunStep).where(RunStep.run_id == run_id).order_by(RunStep.n)))


def start_step(
    session: ScopedSession,
    run_id: int,
    n: int,
    name: str,
    frozen: Mapping[str, Any],
    *,
    is_takeover: bool = False,
) -> RunStep:
    """The step's row, running, its attempts counted; what it was given is kept from the first time on.

    ``is_takeover``: the worker that had begun it was not heard of again; such tries are counted apart as well.
    """
    statement = insert(RunStep).values(
        tenant_id=session.tenant_id, run_id=run_id, n=n, name=name, frozen=dict(frozen)
    )
    row = session.scalars(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "run_id", "n"],
            set_={
                "state": "running",
                "attempt": RunStep.attempt + 1,
                "takeovers": RunStep.takeovers + int(is_takeover),
                "finished_at": None,
            },
        ).returning(RunStep)
    ).one()
    session.execute(
        text(
            "UPDATE run SET step = :name, progress_done = 0, progress_total = 0, progress_note = '' WHERE tenant_id = :t AND id = :id"
        ),
        {"name": name, "t": session.tenant_id, "id": run_id},
    )
    return row


def end_step(
    session: ScopedSession, run_id: int, n: int, state: str, result: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Close a step; returns its result as stored, which is what later steps and a resumed run are given."""
    stored: dict[str, Any] = session.execute(
        text("""
            UPDATE run_step SET state = :state, finished_at = clock_timestamp(),
                                result = coalesce(CAST(:result AS jsonb), result)
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND n = :n
            RETURNING result
        """),
        {
            "tenant_id": session.tenant_id,
            "run_id": run_id,
            "n": n,
            "state": state,
            "result": None if result is None else json.dumps(result),
        },
    ).scalar_one()
    return stored


def uncount_step(session: ScopedSession, run_id: int, n: int) -> None:
    """A worker that was asked to stop gave the step back: that was no failed try."""
    session.execute(
        text("""
            UPDATE run_step SET attempt = greatest(attempt - 1, 0)
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND n = :n
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id, "n": n},
    )


def write_progress(
    session: ScopedSession, run_id: int, fence: int, *, done: int, total: int, note: str | None
) -> bool | None:
    """Write how far a run is. Returns whether a person asked to cancel it, or None when the lease is lost."""
    cancel_requested: bool | None = session.scalar(
        text(f"""
            UPDATE run SET progress_done = :done, progress_total = :total,
                           progress_note = coalesce(:note, progress_note)
            WHERE tenant_id = :tenant_id AND id = :run_id AND lease_token = :fence
              AND state IN ('running', 'delivering')
            RETURNING cancel_requested, {guard_against_freezing()}
        """),
        {
            "tenant_id": session.tenant_id,
            "run_id": run_id,
            "fence": fence,
            "done": done,
            "total": total,
            "note": note,
        },
    )
    return cancel_requested


def merge_counts(session: ScopedSession, run_id: int, counts: Mapping[str, Any]) -> None:
    """Add to, or overwrite, the run's named counts and cents."""
    session.execute(
        text("""
            UPDATE run SET counts = counts || CAST(:counts AS jsonb) WHERE tenant_id = :tenant_id AND id = :run_id
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id, "counts": json.dumps(dict(counts))},
    )


def write_story(session: ScopedSession, run_id: int, story: str) -> None:
    """The run in one plain sentence."""
    session.execute(
        text(
            "UPDATE run SET story = :story, is_story_passing = false WHERE tenant_id = :tenant_id AND id = :run_id"
        ),
        {"tenant_id": session.tenant_id, "run_id": run_id, "story": story},
    )


def request_cancel(session: ScopedSession, run_id: int) -> bool:
    """Ask the worker of a running run to stop; whether it was running."""
    return bool(
        session.scalar(
            text("""
                UPDATE run SET cancel_requested = true
                WHERE tenant_id = :tenant_id AND id = :run_id AND state = 'running' RETURNING true
            """),
            {"tenant_id": session.tenant_id, "run_id": run_id},
        )
    )


def add_approval(session: ScopedSession, run_id: int, reasons: list[str]) -> None:
    """Ask a person, naming the reasons."""
    session.add(Approval(run_id=run_id, reasons=reasons))
    session.flush()


def open_approval(session: ScopedSession, run_id: int) -> Approval | None:
    """The question a run still waits for."""
    query = select(Approval).where(Approval.run_id == run_id, Approval.decision.is_(None))
    return session.scalars(query.order_by(Approval.id.desc()).limit(1)).first()


def approved_by(session: ScopedSession, run_id: int) -> int | None:
    """The person who has agreed to the run already, while it waits for another one."""
    query = select(Approval.decided_by).where(Approval.run_id == run_id, Approval.decision == "approved")
    return session.scalars(query.order_by(Approval.id.desc()).limit(1)).first()


def close_approval(
    session: ScopedSession, run_id: int, decision: str, *, person_id: int | None, note: str
) -> None:
    """Write down what was decided about the run's open question, if it has one."""
    session.execute(
        text("""
            UPDATE approval SET decision = :decision, decided_at = clock_timestamp(), decided_by = :person_id, note = :note
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND decision IS NULL
        """),
        {
            "tenant_id": session.tenant_id,
            "run_id": run_id,
            "decision": decision,
            "person_id": person_id,
            "note": note,
        },
    )


def is_over(session: ScopedSession, run_id: int) -> bool:
    """Whether the run has ended without success, so that nobody goes on with it."""
    return session.scalar(select(Run.state).where(Run.id == run_id)) in GIVES_BACK


def at_work_beside(session: ScopedSession, run_id: int) -> int | None:
    """The run of the same lane that a worker is carrying out now, for real."""
    lane = select(Run.lane).where(Run.id == run_id).scalar_subquery()
    query = select(Run.id).where(Run.lane == lane, Run.state.in_(("running", "delivering")), ~Run.dry_run)
    return session.scalars(query.limit(1)).first()


def has_left_the_house(session: ScopedSession, run_id: int) -> bool:
    """Whether any file of the run was, or may have been, sent. A mail that it waits for a person takes none."""
    query = select(Effect.id).where(
        Effect.run_id == run_id,
        Effect.detail.has_key("file_ids"),
        Effect.state.in_(("sent", "confirmed", "unknown")),
    )
    return session.scalars(query.limit(1)).first() is not None
