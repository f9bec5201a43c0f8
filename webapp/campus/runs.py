"""The list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.campus.periods import SINCE, midnight, since_at
from webapp.domain.run_states import RUN_STATES
from webapp.models import Run
from webapp.models.scope import tenant_scope
from webapp.services.submit_run import submit_run
from webapp.store import run_pages
from webapp.store.run_pages import RunFilter
from webapp.web.csv_export import Cell
from webapp.web.filters import state_word
from webapp.web.listing import Choice, Column, Listing, ListQuery, read_query

COLUMNS = (
    Column("Run"),
    Column("Due", "when", "when", wide_only=True),
    Column("State", "state", "state"),
    Column("Story", wide_only=True),
    Column("Took", "took", "number", wide_only=True),
)
CHOICES = (
    Choice("state", "State", [(state, state_word(state)) for state in RUN_STATES]),
    Choice("pipeline", "Pipeline", list(words.PIPELINES.items())),
    Choice("trigger", "Started by", list(words.TRIGGERS.items())),
    Choice("looks", "Looks for files", [("all", "Also those that found nothing")]),
    SINCE,
)
CSV_HEADINGS = ("run", "pipeline", "due", "started", "finished", "state", "started by", "dry run", "story")
EMPTY = {
    "title": "No runs yet",
    "text": "A dry run reads the fees and builds the files, and sends nothing: a safe way to see what would leave.",
    "action": "To Home, where runs are started",
}


@blueprint.get("/runs")
@campus_role("viewer")
def runs() -> ResponseReturnValue:
    """Every run of the campus, newest first."""
    query = read_query(COLUMNS, default_sort="when", descending=True, choices=CHOICES)
    wanted = _filter(query)
    if query.wants_csv:
        return export(
            "runs",
            CSV_HEADINGS,
            lambda session: run_pages.every_run(
                session, wanted, sort=query.sort, descending=query.descending
            ),
            _cells,
        )
    with tenant_scope(g.tenant.tenant_id) as session:
        rows = run_pages.list_runs(
            session,
            wanted,
            sort=query.sort,
            descending=query.descending,
            limit=query.per_page,
            offset=query.offset,
        )
        total = run_pages.count_runs(session, wanted)
    listing = Listing(
        query,
        COLUMNS,
        rows,
        total,
        caption="Runs",
        choices=CHOICES,
        noun="runs",
        search_label="Number, day (2026-11-21) or words of the story",
        empty={**EMPTY, "url": url_for("campus.home")},
    )
    return render_template("campus/runs.html", listing=listing, words=words)


@blueprint.post("/runs")
@campus_role("editor")
def start_run() -> ResponseReturnValue:
    """Start a holds export now; with ``dry_run`` it sends nothing."""
    run_id = submit_run(
        g.tenant.tenant_id,
        words.HOLDS_EXPORT,
        trigger="person",
        requested_by=g.actor.person_id,
        dry_run=request.form.get("dry_run") == "yes",
        actor=g.actor,
    )
    return redirect(url_for("campus.run", run_id=run_id), 303)


def _filter(query: ListQuery) -> RunFilter:
    """What the typed text means: a run's number, a campus day, or words of its story."""
    zone = g.tenant.time_zone
    wanted = RunFilter(
        state=query.chosen["state"],
        pipeline=query.chosen["pipeline"],
        trigger=query.chosen["trigger"],
        from_at=since_at(query.chosen["since"], zone),
        leaves_out_idle_looks=query.chosen["looks"] != "all" and query.chosen["state"] != "nothing_to_send",
    )
    typed = query.q.removeprefix("#")
    if typed.isascii() and typed.isdigit() and len(typed) < 18:
        return replace(wanted, run_id=int(typed), leaves_out_idle_looks=False)
    if (day_on := _day(typed)) is not None:
        return replace(
            wanted, from_at=midnight(day_on, zone), until_at=midnight(day_on + timedelta(days=1), zone)
        )
    return replace(wanted, words=query.q)


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def _cells(run: Run) -> Sequence[Cell]:
    return (
        run.id,
        words.pipeline_title(run.pipeline),
        run.scheduled_at,
        run.started_at,
        run.finished_at,
        state_word(run.state),
        words.TRIGGERS[run.trigger],
        "yes" if run.dry_run else "no",
        run.story,
    )
