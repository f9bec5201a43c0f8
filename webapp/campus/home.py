"""The campus's first page: is all well, what needs me, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role, may
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.domain.schedule import describe, next_times, rule_from_json
from webapp.models import Schedule
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import read_all
from webapp.store import home_page
from webapp.store.home_page import HomeCounts, Need

CHART_DAYS = ("30", "90")
RUNS_SHOWN = 6
NEXT_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """Is all well: a kind (good, ask, bad or quiet) and one sentence."""

    kind: str
    title: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ToDo:
    """Something that needs a person, and where to do it."""

    kind: str
    title: str
    detail: str
    address: str
    act: str


@dataclass(frozen=True, slots=True)
class NextRuns:
    """A schedule in words, and its next times on the campus's clock."""

    pipeline: str
    rule: str
    times: Sequence[str]


@blueprint.get("/")
@campus_role("viewer")
def home() -> ResponseReturnValue:
    """Is all well, what needs me, what happened."""
    days = request.args.get("days", "")
    days = days if days in CHART_DAYS else CHART_DAYS[0]
    with tenant_scope(g.tenant.tenant_id) as session:
        counts = home_page.home_counts(session)
        needs = home_page.runs_in_need(session)
        runs = home_page.last_runs(session, RUNS_SHOWN)
        schedules = home_page.schedules_of(session)
        told = home_page.holds_per_day(session, zone=g.tenant.time_zone, days=int(days))
        settings = read_all(session)
    to_dos = [
        *_overdue_schedules(schedules, counts),
        *(_to_do(need, counts) for need in needs),
        *_desk(counts),
    ]
    return render_template(
        "campus/home.html",
        counts=counts,
        verdict=verdict(counts, to_dos, has_schedule=any(s.is_enabled for s in schedules)),
        to_dos=to_dos,
        runs=runs,
        schedule_url=_schedule_url(),
        next_runs=[_next_runs(schedule, counts) for schedule in schedules if schedule.is_enabled],
        days=days,
        chart_days=CHART_DAYS,
        told=told,
        reads=words.what_a_run_reads(settings),
        destinations=words.destinations(settings),
        words=words,
    )


def verdict(counts: HomeCounts, to_dos: Sequence[ToDo], *, has_schedule: bool) -> Verdict:
    """The first thing a person reads."""
    broken = [to_do for to_do in to_dos if to_do.kind in {"failed", "overdue"}]
    if broken:
        return Verdict(
            "bad", "Something did not work.", f"{_things(len(to_dos))} a person; the list says what to do."
        )
    if to_dos:
        return Verdict(
            "ask", "Running, and waiting for you.", f"{_things(len(to_dos))} a person before all is well."
        )
    if counts.last_good_at is None:
        step = "the first run will say more" if has_schedule else "set up the campus, then start a dry run"
        return Verdict("quiet", "Nothing has run yet.", f"There is nothing to worry about; {step}.")
    return Verdict("good", "All is well.", "Nothing waits for a person, and nothing failed.")


def _things(count: int) -> str:
    return "1 thing needs" if count == 1 else f"{count} things need"


def _to_do(need: Need, counts: HomeCounts) -> ToDo:
    run = need.run
    name = f"{words.pipeline_title(run.pipeline)} {run.id}"
    since = words.age(need.since_at, counts.now)
    address = url_for("campus.run", run_id=run.id)
    match need.kind:
        case "approval":
            return ToDo(
                "awaiting_approval",
                f"{name} needs approval",
                f"{need.words} Waiting for {since}.",
                address,
                "Look and decide",
            )
        case "failed":
            return ToDo("failed", f"{name} failed", need.words, address, "See what happened")
        case "unknown":
            detail = (
                "A delivery's outcome is not known, or mail came back. It is looked up, never sent twice."
            )
            return ToDo("unknown", f"{name}: was it delivered?", detail, address, "Look at the delivery")
        case _:
            return ToDo(
                "overdue",
                f"{name} is late",
                f"It was due {since} ago and is not finished.",
                address,
                "Look at the run",
            )


def _overdue_schedules(schedules: Sequence[Schedule], counts: HomeCounts) -> list[ToDo]:
    """A run that should have begun and did not: the scheduler or the workers may be down."""
    return [
        ToDo(
            "overdue",
            f"{words.pipeline_title(schedule.pipeline)} did not start",
            f"It was due {words.age(schedule.next_due_at, counts.now)} ago. The operator should look whether the "
            "scheduler runs; nothing is lost, it catches up when it does.",
            url_for("campus.runs"),
            "See the runs",
        )
        for schedule in schedules
        if schedule.is_enabled
        and schedule.next_due_at is not None
        and schedule.next_due_at < counts.now - home_page.SCHEDULE_OVERDUE
    ]


def _desk(counts: HomeCounts) -> list[ToDo]:
    if not counts.open_rows or counts.oldest_open_row_at is None:
        return []
    oldest = words.age(counts.oldest_open_row_at, counts.now)
    return [
        ToDo(
            "quarantined",
            f"{words.counted(counts.open_rows, 'row')} held back on the desk",
            f"They are in no file until a person decides; the oldest has waited {oldest}.",
            url_for("campus.desk"),
            "Open the desk",
        )
    ]


def _schedule_url() -> str:
    """Where this person may change the schedule; empty for those who may not."""
    return (
        url_for("campus.schedule")
        if may("editor") and "campus.schedule" in current_app.view_functions
        else ""
    )


def _next_runs(schedule: Schedule, counts: HomeCounts) -> NextRuns:
    rule = rule_from_json(schedule.rule)
    return NextRuns(
        words.pipeline_title(schedule.pipeline), describe(rule), next_times(rule, counts.now, NEXT_SHOWN)
    )
