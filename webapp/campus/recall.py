"""Leaving soon: the fees that go with the next file, and taking one back before or after."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import g, render_template
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import charge_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.charges import row_cells
from webapp.campus.charges import CSV_HEADINGS as ROW_HEADINGS
from webapp.campus.exports import export
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import read_all
from webapp.store import charge_pages
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
    "text": "While a run waits for its cut-off, or for approval, its fees are listed here and each can be recalled.",
}


@blueprint.get("/leaving")
@campus_role("viewer")
def leaving() -> ResponseReturnValue:
    """The fees of the run that leaves next, with a countdown; none when nothing waits."""
    query = read_query(COLUMNS, default_sort="fee")
    with tenant_scope(g.tenant.tenant_id) as session:
        waiting = charge_pages.leaving_runs(session)
        settings = read_all(session)
        run = waiting[0].run if waiting else None
        wanted = RowFilter(run.id if run else 0, "send", "", query.q)
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
        waiting=waiting,
        next_run=waiting[0] if waiting else None,
        destinations=words.destinations(settings, words.folder_of(words.BURSAR_CONVERSION, settings)),
        cutoff_minutes=settings["bursar"]["cutoff_minutes"],
        words=words,
        charges=charge_words,
        now=datetime.now(UTC),
    )
