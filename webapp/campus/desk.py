"""The desk: rows that were held back, and what a person decides about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.models.scope import tenant_scope
from webapp.services.resolve_row import LONGEST_REASON, Decision, RowRefusedError, resolve_row
from webapp.store import desk_pages
from webapp.store.desk_pages import DeskFilter, DeskRow
from webapp.web.csv_export import Cell, dollars
from webapp.web.listing import Choice, Column, Listing, read_query

COLUMNS = (
    Column("Row", "source"),
    Column("Why it is held back", "reason", wide_only=True),
    Column("Amount", "amount", "money"),
    Column("Waiting", "age", "when"),
    Column("Seen last", "seen", "when", wide_only=True),
)
RESOLVED_COLUMNS = (*COLUMNS, Column("How"))
CSV_HEADINGS = (
    "row",
    "source",
    "reason",
    "amount",
    "first seen",
    "seen last",
    "run",
    "resolved",
    "by",
    "how",
)
EMPTY = {
    "title": "The desk is empty",
    "text": "Rows that cannot be sent as they are wait here: no EMPLID, an unknown fee type, an amount that makes "
    "no sense. Nothing is held back now.",
}


RESOLVED_EMPTY = {
    "title": "Nothing was resolved yet",
    "text": "Rows that a person closed, or that are no longer in the source, are kept here with who, when and why.",
}


@blueprint.get("/desk")
@campus_role("viewer")
def desk() -> ResponseReturnValue:
    """Rows that wait for a person, the oldest first."""
    return _list("open")


@blueprint.get("/desk/resolved")
@campus_role("viewer")
def desk_resolved() -> ResponseReturnValue:
    """Rows that were closed, with who, when and why."""
    return _list("resolved")


def _list(state: str) -> ResponseReturnValue:
    with tenant_scope(g.tenant.tenant_id) as session:
        sources = Choice("source", "Source", [(name, name) for name in desk_pages.desk_sources(session)])
        columns = COLUMNS if state == "open" else RESOLVED_COLUMNS
        query = read_query(columns, default_sort="age", descending=state == "resolved", choices=(sources,))
        wanted = DeskFilter(state, query.chosen["source"], query.q)
        if query.wants_csv:
            return export(
                f"desk-{state}",
                CSV_HEADINGS,
                lambda scope: desk_pages.every_desk_row(
                    scope, wanted, sort=query.sort, descending=query.descending
                ),
                _cells,
            )
        rows = desk_pages.list_desk(
            session,
            wanted,
            sort=query.sort,
            descending=query.descending,
            limit=query.per_page,
            offset=query.offset,
        )
        totals = desk_pages.desk_totals(session, wanted)
    listing = Listing(
        query,
        columns,
        rows,
        totals.rows,
        caption="Rows held back",
        choices=(sources,),
        noun="rows",
        search_label="Words of the reason, or the row",
        empty=EMPTY if state == "open" else RESOLVED_EMPTY,
    )
    return render_template(
        "campus/desk.html", listing=listing, totals=totals, state=state, words=words, now=datetime.now(UTC)
    )


@blueprint.get("/desk/<int:row_id>")
@campus_role("viewer")
def desk_row(row_id: int) -> ResponseReturnValue:
    """One row: what came, why it is held back, and what to do."""
    return _row_page(row_id, decision="mended", reason="")


@blueprint.post("/desk/<int:row_id>")
@campus_role("editor")
def resolve(row_id: int) -> ResponseReturnValue:
    """Close a row: ignored for a reason, or mended at its source."""
    decision: Decision = "ignored" if request.form.get("decision") == "ignored" else "mended"
    reason = request.form.get("reason", "")
    try:
        resolve_row(g.tenant.tenant_id, row_id, decision, reason, g.actor)
    except LookupError:
        abort(404)
    except RowRefusedError as err:
        return _row_page(row_id, decision=decision, reason=reason, fault=str(err)), 422
    flash(
        "The row is ignored and stays out."
        if decision == "ignored"
        else "Resolved. The next run reads it again.",
        "good",
    )
    return redirect(url_for("campus.desk"), 303)


def _row_page(row_id: int, *, decision: Decision, reason: str, fault: str = "") -> str:
    with tenant_scope(g.tenant.tenant_id) as session:
        found = desk_pages.desk_row(session, row_id)
    if found is None:
        abort(404)
    return render_template(
        "campus/desk_row.html",
        found=found,
        row=found.row,
        decision=decision,
        reason=reason,
        fault=fault,
        longest_reason=LONGEST_REASON,
        words=words,
        now=datetime.now(UTC),
    )


def _cells(found: DeskRow) -> Sequence[Cell]:
    row = found.row
    return (
        row.row_ref,
        row.source,
        row.reason,
        dollars(row.amount_cents),
        row.first_seen_at,
        row.last_seen_at,
        row.run_id,
        row.resolved_at,
        found.resolved_by,
        row.resolution,
    )
