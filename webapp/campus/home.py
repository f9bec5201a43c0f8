"""The campus's first page: is all well, what needs me, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role, may
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.domain.campus_settings import CampusSettings
from webapp.domain.money import format_cents
from webapp.domain.schedule import describe, next_times, rule_from_json
from webapp.models import Run, Schedule
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import read_all
from webapp.store import home_page
from webapp.store.home_page import ArrivedFile, AskingRun, HomeCounts
from webapp.store.overdue import Overdue, list_overdue

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
    # What the badge says where the state has another word elsewhere.
    word: str = ""


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
        late = list_overdue(session)
        asking = home_page.runs_that_ask(session, {item.run_id for item in late if item.run_id})
        runs = home_page.last_runs(session, RUNS_SHOWN)
        schedules = home_page.schedules_of(session)
        told = home_page.holds_per_day(session, zone=g.tenant.time_zone, days=int(days))
        settings = read_all(session)
    to_dos = [
        *_approvals(asking, counts),
        *_late(late, asking),
        *_arrived(counts.arrived),
        *_bounces(asking),
        *_desk(counts),
        *_money(counts, settings),
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


def _approvals(asking: Sequence[AskingRun], counts: HomeCounts) -> list[ToDo]:
    return [
        ToDo(
            "awaiting_approval",
            f"{_name(item.run)} needs approval",
            f"{item.run.story} Waiting for {words.age(item.asked_at or item.run.scheduled_at, counts.now)}.".lstrip(),
            url_for("campus.run", run_id=item.run.id),
            "Look and decide",
        )
        for item in asking
        if item.run.state == "awaiting_approval"
    ]


def _late(late: Sequence[Overdue], asking: Sequence[AskingRun]) -> list[ToDo]:
    """What failed, is late or unknown; a missing success is said once, where nothing else explains it."""
    runs = {item.run.id: item.run for item in asking}
    explained = {item.pipeline for item in late if item.run_id} | {
        item.run.pipeline for item in asking if item.run.state == "awaiting_approval"
    }
    found = []
    for item in late:
        run = runs.get(item.run_id or 0)
        if item.kind == "no_success" and item.pipeline in explained:
            continue
        address = url_for("campus.run", run_id=item.run_id) if item.run_id else url_for("campus.runs")
        if item.kind == "failed" and run is not None:
            why = str((run.error or {}).get("message", run.story))
            found.append(ToDo("failed", f"{_name(run)} failed", why, address, "See what happened"))
        elif item.kind == "unknown_effect" and run is not None:
            found.append(
                ToDo("unknown", f"{_name(run)}: did it arrive?", item.words, address, "Look at the delivery")
            )
        elif item.kind == "not_taken" and run is not None:
            found.append(
                ToDo(
                    "overdue",
                    f"{_name(run)}: not taken by PeopleSoft yet",
                    item.words,
                    address,
                    "Look at the files",
                )
            )
        else:
            title = _name(run) if run else words.pipeline_title(item.pipeline)
            found.append(ToDo("overdue", f"{title} is late", item.words, address, "Look"))
    return found


def _arrived(files: Sequence[ArrivedFile]) -> list[ToDo]:
    """Files of Alma's and PeopleSoft's that were refused, and answers nobody has read."""
    found = []
    for file in files:
        address = url_for("campus.inbound_file", inbound_id=file.id)
        if file.state == "refused":
            found.append(ToDo("failed", f"{file.name} was refused", file.message, address, "See why"))
        else:
            found.append(
                ToDo(
                    "waiting",
                    f"PeopleSoft's answer {file.name} is not read yet",
                    "Until it is, nobody knows which lines PeopleSoft took.",
                    address,
                    "Look at the file",
                )
            )
    return found


def _bounces(asking: Sequence[AskingRun]) -> list[ToDo]:
    return [
        ToDo(
            "bounced",
            f"{_name(item.run)}: mail came back",
            "Somebody did not get the report. Check the addresses under Settings, Notification.",
            url_for("campus.run", run_id=item.run.id),
            "Look at the mail",
        )
        for item in asking
        if item.has_bounced
    ]


def _name(run: Run) -> str:
    return f"{words.pipeline_title(run.pipeline)} {run.id}"


def _desk(counts: HomeCounts) -> list[ToDo]:
    if not counts.open_rows or counts.oldest_open_row_at is None:
        return []
    oldest = words.lasting(counts.oldest_open_row_at, counts.now)
    return [
        ToDo(
            "quarantined",
            f"{words.counted(counts.open_rows, 'row')} held back on the desk",
            f"They are in no file until a person decides; the oldest has waited {oldest}.",
            url_for("campus.desk"),
            "Open the desk",
        )
    ]


def _money(counts: HomeCounts, settings: CampusSettings) -> list[ToDo]:
    """Money that waits for a person or for too long, and books that do not agree."""
    found, money = [], counts.money
    if not money.adds_up:
        found.append(
            ToDo(
                "failed",
                "The money received does not add up",
                "What was received is not the same as what was posted, waits and was set aside.",
                url_for("campus.reconciliation"),
                "Look at the figures",
            )
        )
    hours = settings["reconciliation"]["clearing_hours"]
    if money.open_since and counts.now - money.open_since > timedelta(hours=hours):
        found.append(
            ToDo(
                "overdue",
                "Payments wait for too long",
                f"Some money has been neither posted nor set aside for {words.lasting(money.open_since, counts.now)}.",
                url_for("campus.money"),
                "Look at the money",
            )
        )
    if money.parts and money.oldest_at is not None:
        found.append(
            ToDo(
                "unapplied",
                f"{format_cents(money.cents)} on the desk for money",
                f"{words.counted(money.parts, 'part')} of payments: without a fee, posted or not, or to be refunded; the oldest "
                f"has waited {words.lasting(money.oldest_at, counts.now)}.",
                url_for("campus.money"),
                "Decide",
                "Money waits",
            )
        )
    if counts.differences and counts.oldest_difference_at is not None:
        oldest = words.lasting(counts.oldest_difference_at, counts.now)
        found.append(
            ToDo(
                "quarantined",
                f"{words.counted(counts.differences, 'difference')} between the books",
                f"Alma, our ledger and PeopleSoft do not say the same; the oldest has been open for {oldest}.",
                url_for("campus.reconciliation"),
                "Open reconciliation",
                "Books differ",
            )
        )
    return found


def _schedule_url() -> str:
    """Where this person may change the schedule; empty for those who may not."""
    return url_for("campus.schedule") if may("editor") else ""


def _next_runs(schedule: Schedule, counts: HomeCounts) -> NextRuns:
    rule = rule_from_json(schedule.rule)
    return NextRuns(
        words.pipeline_title(schedule.pipeline), describe(rule), next_times(rule, counts.now, NEXT_SHOWN)
    )
