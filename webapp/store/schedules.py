"""Rows of schedules and occurrences, and the admission of what is due: every campus in one statement."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from webapp.models import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from webapp.models.scope import ScopedSession

# Several schedulers may ask at once: each takes schedules that no other has locked. One clock reading for all.
_DUE = text("""
    SELECT s.tenant_id, s.id, s.pipeline, CAST(s.rule AS text), s.next_due_at - interval '1 microsecond',
           s.catch_up_limit_h, now()
    FROM schedule s JOIN tenant t ON t.id = s.tenant_id
    WHERE s.is_enabled AND t.is_active AND s.next_due_at <= now()
    ORDER BY s.next_due_at LIMIT :limit FOR UPDATE OF s SKIP LOCKED
""")

_ADMIT = text("""
    WITH due AS (
        SELECT * FROM unnest(
            CAST(:tenant_id AS int[]), CAST(:schedule_id AS bigint[]), CAST(:pipeline AS text[]),
            CAST(:local_key AS text[]), CAST(:due_at AS timestamptz[]), CAST(:note AS text[]),
            CAST(:trigger AS text[]), CAST(:question AS text[]), CAST(:only_one AS boolean[])
        ) AS due (tenant_id, schedule_id, pipeline, local_key, due_at, note, trigger, question, only_one)
        WHERE NOT only_one OR NOT EXISTS (
            SELECT FROM run waiting
            WHERE waiting.tenant_id = due.tenant_id AND waiting.pipeline = due.pipeline
              AND waiting.state NOT IN ('succeeded', 'nothing_to_send', 'failed', 'cancelled') AND NOT waiting.dry_run)
    ), noticed AS (
        INSERT INTO occurrence (tenant_id, schedule_id, local_key, due_at, note)
        SELECT tenant_id, schedule_id, local_key, due_at, note FROM due
        ON CONFLICT (tenant_id, schedule_id, local_key) DO NOTHING
        RETURNING tenant_id, schedule_id, local_key, id
    ), admitted AS (
        INSERT INTO run (tenant_id, pipeline, trigger, queue, occurrence_id, scheduled_at, window_from_at, state, story)
        SELECT due.tenant_id, due.pipeline, due.trigger, 'batch', noticed.id, due.due_at,
               (SELECT former.started_at FROM run former
                WHERE former.tenant_id = due.tenant_id AND former.pipeline = due.pipeline
                  AND former.state IN ('succeeded', 'nothing_to_send') AND NOT former.dry_run
                ORDER BY former.created_at DESC LIMIT 1),
               CASE WHEN due.question = '' THEN 'queued' ELSE 'awaiting_approval' END,
               due.question
        FROM due JOIN noticed USING (tenant_id, schedule_id, local_key)
        ON CONFLICT (tenant_id, occurrence_id) DO NOTHING
        RETURNING tenant_id, id, occurrence_id, state
    ), asked AS (
        INSERT INTO approval (tenant_id, run_id, reasons)
        SELECT admitted.tenant_id, admitted.id, jsonb_build_array(due.question)
        FROM admitted
        JOIN noticed ON noticed.tenant_id = admitted.tenant_id AND noticed.id = admitted.occurrence_id
        JOIN due ON due.tenant_id = noticed.tenant_id AND due.schedule_id = noticed.schedule_id
        WHERE due.question <> ''
    ), noted AS (
        INSERT INTO run_event (tenant_id, run_id, actor, to_state)
        SELECT tenant_id, id, 'scheduler', state FROM admitted
    )
    SELECT id FROM admitted WHERE state = 'queued' ORDER BY id
""")

_MOVE_CURSORS = text("""
    UPDATE schedule SET cursor_at = moved.cursor_at, next_due_at = moved.next_due_at,
                        next_local_key = moved.next_local_key
    FROM unnest(
        CAST(:tenant_id AS int[]), CAST(:schedule_id AS bigint[]), CAST(:cursor_at AS timestamptz[]),
        CAST(:next_due_at AS timestamptz[]), CAST(:next_local_key AS text[])
    ) AS moved (tenant_id, schedule_id, cursor_at, next_due_at, next_local_key)
    WHERE schedule.tenant_id = moved.tenant_id AND schedule.id = moved.schedule_id
""")


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule as the clock sees it: nothing after ``after`` is admitted; ``rule`` is JSON text.

    ``now`` is the database's clock, the same for all that were read together.
    """

    tenant_id: int
    schedule_id: int
    pipeline: str
    rule: str
    after: datetime
    catch_up_limit_h: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Admission:
    """An occurrence to write down with its run. With a ``question`` the run waits for a person, who reads it.

    ``only_one``: left out as long as another run of the pipeline is on its way.
    """

    tenant_id: int
    schedule_id: int
    pipeline: str
    local_key: str
    due_at: datetime
    note: str
    trigger: str
    question: str
    only_one: bool = False


@dataclass(frozen=True, slots=True)
class CursorMove:
    """Everything up to ``cursor_at`` is admitted; the next time is known, or None when there is none."""

    tenant_id: int
    schedule_id: int
    cursor_at: datetime
    next_due_at: datetime | None
    next_local_key: str | None


def due_schedules(session: Session, limit: int) -> list[ScheduleView]:
    """Schedules due now on the database's clock, locked until the transaction ends; others' locked ones are left out."""
    return [ScheduleView(*row) for row in session.execute(_DUE, {"limit": limit})]


def every_schedule(session: Session) -> list[ScheduleView]:
    """Every enabled schedule that nobody else has locked, locked, to compute its next time anew."""
    rows = session.execute(
        text("""
            SELECT tenant_id, id, pipeline, CAST(rule AS text), cursor_at, catch_up_limit_h, now()
            FROM schedule WHERE is_enabled FOR UPDATE SKIP LOCKED
        """)
    )
    return [ScheduleView(*row) for row in rows]


def admit(session: Session, admissions: Sequence[Admission]) -> list[int]:
    """Write occurrences and their runs, each occurrence once for ever; returns the ids of the runs now queued."""
    if not admissions:
        return []
    return list(session.scalars(_ADMIT, _columns(Admission, admissions)))


def move_cursors(session: Session, moves: Sequence[CursorMove]) -> None:
    """Write how far schedules are admitted and when they are due next."""
    if moves:
        session.execute(_MOVE_CURSORS, _columns(CursorMove, moves))


def schedule_of(session: ScopedSession, pipeline: str) -> Schedule | None:
    """The campus's schedule of a pipeline."""
    return session.scalars(select(Schedule).where(Schedule.pipeline == pipeline)).first()


def schedules_by_pipeline(session: ScopedSession) -> dict[str, Schedule]:
    """All of the campus's schedules."""
    return {row.pipeline: row for row in session.scalars(select(Schedule))}


def looks_often(session: ScopedSession, pipeline: str) -> bool:
    """Whether the pipeline runs every few minutes, so that most runs find nothing."""
    row = schedule_of(session, pipeline)
    return row is not None and row.is_enabled and row.rule.get("kind") == "minutes"


def write_schedule(
    session: ScopedSession, pipeline: str, rule: Mapping[str, Any], *, is_enabled: bool, catch_up_limit_h: int
) -> ScheduleView:
    """Store a rule that counts from now on: what was due under the former one and not admitted is not made up for."""
    row = session.execute(
        text("""
            INSERT INTO schedule (tenant_id, pipeline, rule, is_enabled, catch_up_limit_h, cursor_at)
            VALUES (:tenant_id, :pipeline, CAST(:rule AS jsonb), :is_enabled, :catch_up_limit_h, clock_timestamp())
            ON CONFLICT (tenant_id, pipeline) DO UPDATE SET
                rule = excluded.rule, is_enabled = excluded.is_enabled, cursor_at = excluded.cursor_at,
                catch_up_limit_h = excluded.catch_up_limit_h, updated_at = clock_timestamp(),
                next_due_at = NULL, next_local_key = NULL
            RETURNING tenant_id, id, pipeline, CAST(rule AS text), cursor_at, catch_up_limit_h, cursor_at AS now
        """),
        {
            "tenant_id": session.tenant_id,
            "pipeline": pipeline,
            "rule": json.dumps(dict(rule)),
            "is_enabled": is_enabled,
            "catch_up_limit_h": catch_up_limit_h,
        },
    ).one()
    return ScheduleView(*row)


def _columns(row_class: type, rows: Iterable[Any]) -> dict[str, list[Any]]:
    return {field.name: [getattr(row, field.name) for row in rows] for field in fields(row_class)}
