"""Every line of a run: what PeopleSoft is, or was, told about whom."""

from __future__ import annotations

from collections.abc import Sequence

from flask import abort, g, render_template
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.models import HoldChange
from webapp.models.scope import tenant_scope
from webapp.store import change_pages, run_pages
from webapp.store.change_pages import ChangeFilter
from webapp.web.csv_export import Cell, dollars
from webapp.web.listing import Choice, Column, Listing, read_query

ACTIONS = {"A": "Added", "U": "Changed", "R": "Released"}
COLUMNS = (
    Column("EMPLID", "emplid"),
    Column("Name", wide_only=True),
    Column("What", "action"),
    Column("Told before", "before", "money"),
    Column("Told now", "now", "money"),
    Column("Why"),
    Column("Oldest item", wide_only=True),
)
CHOICES = (Choice("action", "What", list(ACTIONS.items())),)
CSV_HEADINGS = (
    "EMPLID", "name", "code", "what", "told before", "told now", "items", "why", "violation type", "violation date",
)  # fmt: skip
EMPTY = {"title": "No lines", "text": "This run changes nothing: PeopleSoft already knows every hold."}


@blueprint.get("/runs/<int:run_id>/changes")
@campus_role("viewer")
def run_changes(run_id: int) -> ResponseReturnValue:
    """The lines of one run, by EMPLID; there before anything is sent, so that a person can look first."""
    query = read_query(COLUMNS, default_sort="emplid", choices=CHOICES)
    wanted = ChangeFilter(run_id, query.chosen["action"], query.q)
    with tenant_scope(g.tenant.tenant_id) as session:
        run = run_pages.run_row(session, run_id)
        if run is None:
            abort(404)
        if query.wants_csv:
            return export(
                f"run-{run_id}-lines",
                CSV_HEADINGS,
                lambda scope: change_pages.every_change(
                    scope, wanted, sort=query.sort, descending=query.descending
                ),
                _cells,
            )
        rows = change_pages.list_changes(
            session,
            wanted,
            sort=query.sort,
            descending=query.descending,
            limit=query.per_page,
            offset=query.offset,
        )
        total = change_pages.count_changes(session, wanted)
    listing = Listing(
        query,
        COLUMNS,
        rows,
        total,
        caption="Lines of the run",
        choices=CHOICES,
        noun="lines",
        search_label="EMPLID or name",
        empty=EMPTY,
    )
    return render_template("campus/run_changes.html", run=run, listing=listing, actions=ACTIONS, words=words)


def _cells(change: HoldChange) -> Sequence[Cell]:
    return (
        change.emplid,
        change.patron_name,
        change.hold_code,
        ACTIONS.get(change.action, change.action),
        dollars(change.previous_cents),
        dollars(change.amount_cents),
        change.item_count,
        change.why,
        change.violation_type,
        change.violation_on,
    )
