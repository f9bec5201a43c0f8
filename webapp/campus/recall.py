"""Leaving soon: the fees that go with the next file, and taking one back before or after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import charge_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.charges import CSV_HEADINGS as ROW_HEADINGS
from webapp.campus.charges import row_cells
from webapp.campus.exports import export
from webapp.domain.money import format_cents
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services.campus_settings import read_all
from webapp.services.recall_fee import LONGEST_REASON, RecallRefusedError, recall_fee
from webapp.store import bursar_tasks, charge_pages, ledger
from webapp.store.charge_pages import RowFilter
from webapp.web.listing import Column, Listing, read_query

COLUMNS = (
    Column("Fee", "fee"),
    Column("Patron", "patron", wide_only=True),
    Column("For", wide_only=True),
    Column("Amount", "amount", "money"),
    Column("Recall", kind="act"),
)
EMPTY = {
    "title": "No fee is about to leave",
    "text": "While a run waits for its cut-off, its fees are listed here and each can be recalled.",
}


@dataclass(frozen=True, slots=True)
class RecallPlan:
    """What recalling a fee would do: ``pull`` it out of a run, queue a ``credit``, or nothing, and why."""

    how: Literal["pull", "credit", "nothing"]
    amount_cents: int = 0
    run_id: int | None = None
    leaves_at: datetime | None = None
    item_type: str = ""
    term: str = ""
    why: str = ""


@blueprint.get("/leaving")
@campus_role("viewer")
def leaving() -> ResponseReturnValue:
    """The fees of the run that leaves next, with a countdown; none when nothing waits."""
    query = read_query(COLUMNS, default_sort="fee")
    with tenant_scope(g.tenant.tenant_id) as session:
        waiting = charge_pages.leaving_runs(session)
        settings = read_all(session)
        next_run = next((leaves for leaves in waiting if not leaves.is_built), None)
        wanted = RowFilter(next_run.run.id if next_run else 0, "send", "", query.q)
        if query.wants_csv:
            return export(
                "leaving-soon",
                ROW_HEADINGS,
                lambda scope: charge_pages.every_row(
                    scope, wanted, sort=query.sort, descending=query.descending
                ),
                row_cells,
            )
        rows = charge_pages.list_rows(
            session,
            wanted,
            sort=query.sort,
            descending=query.descending,
            limit=query.per_page,
            offset=query.offset,
        )
        total = charge_pages.count_rows(session, wanted)
    listing = Listing(
        query,
        COLUMNS,
        rows,
        total,
        caption="Fees about to leave",
        noun="fees",
        search_label="Fee, patron's id or barcode",
        empty=EMPTY,
    )
    return render_template(
        "campus/leaving.html",
        listing=listing,
        later=[leaves.run for leaves in waiting if leaves is not next_run and not leaves.is_built],
        built=[leaves.run for leaves in waiting if leaves.is_built],
        next_run=next_run,
        destinations=words.destinations(settings, words.folder_of(words.BURSAR_CONVERSION, settings)),
        cutoff_minutes=settings["bursar"]["cutoff_minutes"],
        words=words,
        charges=charge_words,
        now=datetime.now(UTC),
    )


@blueprint.get("/fees/<fee_ref>/recall")
@campus_role("editor")
def recall(fee_ref: str) -> ResponseReturnValue:
    """What recalling the fee would do, before the button."""
    return _recall_page(fee_ref)


@blueprint.post("/fees/<fee_ref>/recall")
@campus_role("editor")
def recall_now(fee_ref: str) -> ResponseReturnValue:
    """Pull the fee out of the run that is about to send it, or queue a credit for what was sent."""
    reason = request.form.get("reason", "")
    try:
        done = recall_fee(g.tenant.tenant_id, fee_ref, reason, g.actor)
    except LookupError:
        abort(404)
    except RecallRefusedError as err:
        return _recall_page(fee_ref, reason=reason, fault=str(err)), 422
    flash(
        f"Recalled: the fee stays out of run {done.run_id}."
        if done.state == "pulled"
        else f"A credit of {format_cents(done.amount_cents)} goes with the next run.",
        "good",
    )
    return redirect(url_for("campus.fee", fee_ref=fee_ref), 303)


def _recall_page(fee_ref: str, *, reason: str = "", fault: str = "") -> str:
    with tenant_scope(g.tenant.tenant_id) as session:
        plan = plan_recall(session, g.tenant.tenant_id, fee_ref)
        settings = read_all(session)
    if plan is None:
        abort(404)
    return render_template(
        "campus/recall.html",
        fee_ref=fee_ref,
        plan=plan,
        reason=reason,
        fault=fault,
        longest_reason=LONGEST_REASON,
        destinations=words.destinations(settings, words.folder_of(words.BURSAR_CONVERSION, settings)),
        charges=charge_words,
        now=datetime.now(UTC),
    )


def plan_recall(session: ScopedSession, tenant_id: int, fee_ref: str) -> RecallPlan | None:
    """What recalling would do now; None for a fee that no run is about to send and PeopleSoft was never told."""
    if (task := bursar_tasks.open_task(session, fee_ref)) is not None:
        return RecallPlan(
            "nothing", task.amount_cents, why="It is recalled already; the next run takes it back."
        )
    told = ledger.told(session, tenant_id, [fee_ref]).get(fee_ref)
    if (leaves := charge_pages.row_about_to_leave(session, fee_ref)) is not None:
        row, run = leaves
        leaves_at = run.not_before if charge_pages.is_at_cutoff(run) else None
        if told is None or (row.amount_cents > 0 and told.remaining_cents <= 0):
            return RecallPlan("pull", row.amount_cents, run.id, leaves_at)
        if row.amount_cents < 0:
            return RecallPlan("nothing", why=f"Run {run.id} is about to take it back already.")
    if told is None:
        return None
    if told.remaining_cents <= 0:
        return RecallPlan("nothing", why="Nothing is left of it: its charge was credited in full.")
    return RecallPlan("credit", -told.remaining_cents, item_type=told.item_type, term=told.term)
