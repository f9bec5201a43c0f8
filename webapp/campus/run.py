"""One run: what it did and does, and what a person may do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import charge_words, payment_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.conservation import conservation_of
from webapp.domain.money import format_cents
from webapp.domain.run_states import FINAL_STATES
from webapp.models import Run
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import read_all
from webapp.services.cancel_run import RunRefusedError, cancel_run
from webapp.services.decide_approval import FOUR_EYES, approve_run, reject_run
from webapp.services.rerun import rerun
from webapp.services.settle_effect import settle_effect
from webapp.store import charge_pages, effects, line_answers, run_money, run_pages
from webapp.store.run_pages import RunPage

LONGEST_NOTE = 500
CHART_DAYS = 42
# Each of these is looked at again and again until it changes.
LIVE_STATES = frozenset({"queued", "running", "delivering"})
# Less is a breath between two tries, which nobody needs a clock for.
SHORT_WAIT = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class TwoPeople:
    """Two people must agree: whether one has (by asking for the run, or approving it), and whether that is the reader."""

    has_first: bool
    is_first_me: bool


@blueprint.get("/runs/<int:run_id>")
@campus_role("viewer")
def run(run_id: int) -> ResponseReturnValue:
    """The run's page."""
    with tenant_scope(g.tenant.tenant_id) as session:
        page = run_pages.read_run_page(session, run_id)
        if page is None:
            abort(404)
        settings = read_all(session)
        # A run that left a delivery unknown has failed by that.
        doubts = effects.doubts(session, run_id) if page.run.state == "failed" else []
        is_charges = page.run.pipeline in words.CHARGE_PIPELINES
        told = (
            charge_pages.told_per_day(session, zone=g.tenant.time_zone, days=CHART_DAYS)
            if is_charges and page.run.state != "failed"
            else []
        )
        # Where every row came from a file there is none that a person asked for.
        from_files = sum(file.row_count or 0 for file in page.came)
        has_others = is_charges and page.run.counts.get("rows_in", 0) > from_files
        again = line_answers.sent_again(session, run_id) if has_others else []
        money = run_money.money_of(session, page.run)
    return render_template(
        "campus/run.html",
        page=page,
        run=page.run,
        steps=page.steps,
        is_final=page.run.state in FINAL_STATES,
        is_live=page.run.state in LIVE_STATES,
        conservation=conservation_of(page.run.counts),
        doubts=doubts,
        sends=_what_approving_does(page),
        is_import=page.run.pipeline == words.PAYMENT_IMPORT,
        waits_until=waits_until(page.run),
        destinations=words.destinations(settings, words.folder_of(page.run.pipeline, settings)),
        file_pattern=settings["files"]["file_name"],
        is_charges=is_charges,
        is_at_cutoff=charge_pages.is_at_cutoff(page.run),
        told=told,
        again=again,
        two=two_people(page),
        run_money=money,
        pay=payment_words,
        now=datetime.now(UTC),
        words=words,
        charges=charge_words,
        decided=[asked for asked in page.approvals if asked.approval.decision],
        events_shown=run_pages.EVENTS_SHOWN,
        longest_note=LONGEST_NOTE,
    )


@blueprint.get("/runs/<int:run_id>/live")
@campus_role("viewer")
def run_live(run_id: int) -> ResponseReturnValue:
    """The part of the page that moves. When the run has left the state the reader saw, the page is loaded anew."""
    with tenant_scope(g.tenant.tenant_id) as session:
        found = run_pages.run_progress(session, run_id)
    if found is None:
        abort(404)
    row, steps = found
    if row.state != request.args.get("state"):
        return "", 200, {"HX-Refresh": "true"}
    return render_template(
        "campus/run_live.html",
        run=row,
        steps=steps,
        is_live=row.state in LIVE_STATES,
        is_at_cutoff=charge_pages.is_at_cutoff(row),
        waits_until=waits_until(row),
        now=datetime.now(UTC),
        words=words,
        charges=charge_words,
    )


@blueprint.post("/runs/<int:run_id>/approve")
@campus_role("approver")
def approve(run_id: int) -> ResponseReturnValue:
    """Let a run that asked go on and send."""
    return _act(
        run_id,
        lambda: approve_run(g.tenant.tenant_id, run_id, g.actor, _note()),
        "Approved. The run goes on.",
        still="Your approval is noted. A second person must agree before anything is sent.",
    )


@blueprint.post("/runs/<int:run_id>/reject")
@campus_role("approver")
def reject(run_id: int) -> ResponseReturnValue:
    """End a run that asked; nothing of it is sent."""
    return _act(
        run_id,
        lambda: reject_run(g.tenant.tenant_id, run_id, g.actor, _note()),
        "Rejected. Nothing was sent.",
    )


@blueprint.post("/runs/<int:run_id>/cancel")
@campus_role("editor")
def cancel(run_id: int) -> ResponseReturnValue:
    """Stop a run of which nothing has left."""
    return _act(
        run_id, lambda: cancel_run(g.tenant.tenant_id, run_id, g.actor), "The run stops; nothing is sent."
    )


@blueprint.post("/runs/<int:run_id>/settle/<int:file_id>/<any(arrived, missing):answer>")
@campus_role("approver")
def settle(run_id: int, file_id: int, answer: str) -> ResponseReturnValue:
    """A person's word about a delivery of which nobody knew whether it arrived. Nothing is sent."""
    arrived = answer == "arrived"
    return _act(
        run_id,
        lambda: settle_effect(g.tenant.tenant_id, run_id, file_id, arrived=arrived, actor=g.actor),
        "Settled: it arrived, and its lines count as told."
        if arrived
        else "Settled: it did not arrive. The next run tells whatever still differs.",
    )


@blueprint.post("/runs/<int:run_id>/again")
@campus_role("editor")
def again(run_id: int) -> ResponseReturnValue:
    """A new run like this one, on today's facts."""
    try:
        new_id = rerun(g.tenant.tenant_id, run_id, g.actor)
    except LookupError:
        abort(404)
    return redirect(url_for("campus.run", run_id=new_id), 303)


def waits_until(run: Run) -> datetime | None:
    """When a run that waits by itself goes on, such as for Alma's next day; None when it does not wait, or not for long."""
    if run.state != "queued" or run.not_before is None or run.not_before - datetime.now(UTC) < SHORT_WAIT:
        return None
    return run.not_before


def _what_approving_does(page: RunPage) -> list[str]:
    if page.run.pipeline != words.PAYMENT_IMPORT:
        return words.what_is_sent([item.file for item in page.files], page.run.counts)
    read: Mapping[str, Any] = next((step.result for step in page.steps if step.name == "read"), {})
    cents = format_cents(read.get("new_cents", 0))
    return [f"{words.counted(read.get('new_rows', 0), 'row')} of {read.get('rows', 0):,} with news, {cents}"]


def two_people(page: RunPage) -> TwoPeople | None:
    """Whether this run needs two people, and who is the first of them; None where one is enough."""
    if page.open_approval is None or not any(step.result.get(FOUR_EYES) for step in page.steps):
        return None
    agreed = next((a.approval.decided_by for a in page.approvals if a.approval.decision == "approved"), None)
    handed_in = next((file.received_by for file in page.came), None)
    first = page.run.requested_by or handed_in or agreed
    return TwoPeople(first is not None, first is not None and first == g.actor.person_id)


def _act(run_id: int, act: Callable[[], object], done: str, *, still: str = "") -> ResponseReturnValue:
    """Do it and say so; ``still`` is what to say where the run waits for approval all the same."""
    try:
        act()
    except LookupError:
        abort(404)
    except RunRefusedError as err:
        flash(str(err), "bad")
    else:
        flash(still if still and _still_waits(run_id) else done, "good")
    return redirect(url_for("campus.run", run_id=run_id), 303)


def _still_waits(run_id: int) -> bool:
    with tenant_scope(g.tenant.tenant_id) as session:
        found = run_pages.run_row(session, run_id)
    return found is not None and found.state == "awaiting_approval"


def _note() -> str:
    return " ".join(request.form.get("note", "").split())[:LONGEST_NOTE]
