"""What the clock asks for: occurrences that are due become runs, each exactly once."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from webapp.domain.schedule import (
    Occurrence,
    ScheduleError,
    due_between,
    occurrences_after,
    rule_from_json,
)
from webapp.models.scope import every_tenant_scope
from webapp.store import schedules
from webapp.store.schedules import Admission, CursorMove, ScheduleView

log = logging.getLogger(__name__)

BATCH = 10_000
# Later than this is not "on time": the run is marked as catching up.
ON_TIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Admitted:
    """What one tick did: the runs now queued, and how many schedules were due."""

    run_ids: list[int]
    schedule_count: int


def admit_due_runs() -> Admitted:
    """Turn everything due by the database's clock into runs. Any number of schedulers may do so at once.

    After downtime a schedule gets at most one run, for the last time missed, whose window reaches back to the last
    confirmed run. After downtime beyond the schedule's limit that run waits until a person approves it.
    """
    with every_tenant_scope() as session:
        due = schedules.due_schedules(session, BATCH)
        admissions: list[Admission] = []
        moves: list[CursorMove] = []
        for schedule in due:
            times = _times_of(schedule)
            if times is None:
                continue
            missed, following = times
            if missed:
                admissions.append(_admission(schedule, missed))
            moves.append(_move(schedule, schedule.now, following))
        run_ids = schedules.admit(session, admissions)
        schedules.move_cursors(session, moves)
        session.commit()
    return Admitted(run_ids, len(due))


def refresh_due_times() -> None:
    """Compute every schedule's next time anew: this version may know newer time-zone rules than the one before."""
    with every_tenant_scope() as session:
        moves = []
        for schedule in schedules.every_schedule(session):
            times = _times_of(schedule)
            if times is not None:
                missed, following = times
                moves.append(_move(schedule, schedule.after, missed[0] if missed else following))
        schedules.move_cursors(session, moves)
        session.commit()


def _times_of(schedule: ScheduleView) -> tuple[tuple[Occurrence, ...], Occurrence | None] | None:
    try:
        return _times(schedule.rule, schedule.after, schedule.now)
    except ScheduleError as err:
        # Rules are checked when they are saved; the campus's home page shows the schedule as late.
        ids = (schedule.tenant_id, schedule.schedule_id)
        log.error("schedule_unreadable tenant=%s schedule=%s reason=%s", *ids, err)  # noqa: TRY400
        return None


# Campuses share rules and times: in the minute when thousands are due, few differ.
@lru_cache(maxsize=4096)
def _times(
    rule_text: str, after: datetime, now: datetime
) -> tuple[tuple[Occurrence, ...], Occurrence | None]:
    """The occurrences with ``after < due_at <= now``, and the first one after ``now``."""
    rule = rule_from_json(json.loads(rule_text))
    return tuple(due_between(rule, after, now)), next(occurrences_after(rule, now), None)


def _admission(schedule: ScheduleView, missed: tuple[Occurrence, ...]) -> Admission:
    first, last = missed[0], missed[-1]
    is_on_time = len(missed) == 1 and schedule.now - last.due_at <= ON_TIME
    # A look every few minutes asks for nothing but to look now; how long nobody looked does not matter.
    is_looking = json.loads(schedule.rule).get("kind") == "minutes"
    is_too_late = not is_looking and schedule.now - first.due_at > timedelta(hours=schedule.catch_up_limit_h)
    stands_for = f"stands for {len(missed)} times missed since {_words(first)}" if len(missed) > 1 else ""
    question = (
        f"Nothing ran from {_words(first)} on, for longer than {schedule.catch_up_limit_h} hours. One run now would "
        "cover everything since the last confirmed run; approve it if that is still wanted."
    )
    return Admission(
        tenant_id=schedule.tenant_id,
        schedule_id=schedule.schedule_id,
        pipeline=schedule.pipeline,
        local_key=last.local_key,
        due_at=last.due_at,
        note="; ".join(filter(None, (last.note, stands_for))),
        trigger="schedule" if is_on_time else "catch_up",
        question=question if is_too_late else "",
        only_one=is_looking,
    )


def _move(schedule: ScheduleView, cursor_at: datetime, following: Occurrence | None) -> CursorMove:
    return CursorMove(
        tenant_id=schedule.tenant_id,
        schedule_id=schedule.schedule_id,
        cursor_at=cursor_at,
        next_due_at=following.due_at if following else None,
        next_local_key=following.local_key if following else None,
    )


def _words(occurrence: Occurrence) -> str:
    return occurrence.local_key.replace("T", " ")
