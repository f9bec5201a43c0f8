"""Every row of a conversion: what came, what was decided about it, and by which rule."""

from __future__ import annotations

from collections.abc import Sequence

from flask import abort, g, render_template
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import charge_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.models import BursarRow, Run
from webapp.models.scope import tenant_scope
from webapp.store import charge_pages, run_pages
from webapp.store.charge_pages import RowFilter
from webapp.web.csv_export import Cell, dollars
from webapp.web.listing import Choice, Column, Listing, read_query

COLUMNS = (
    Column("Row", "n", wide_only=True),
    Column("Patron", "patron"),
    Column("Fee", wide_only=True),
    Column("Amount", "amount", "money"),
    Column("Verdict", kind="state"),
    Column("Why", wide_only=True),
)
CSV_HEADINGS = (
    "row", "came from", "fee", "patron", "barcode", "what", "amount", "verdict", "rule", "why", "fee type", "library",
    "title", "date",
)  # fmt: skip
EMPTY = {"title": "No rows", "text": "This run has not read its file yet, or the file held no fee."}
# Rows that did not come with the file.
CAME_FROM = {"file": "the file", "desk": "the desk", "task": "a person", "quarantine": "the desk"}


@blueprint.get("/runs/<int:run_id>/rows")
@campus_role("viewer")
def run_rows(run_id: int) -> ResponseReturnValue:
    """The rows of one conversion, in the order of the file; there before anything is sent."""
    with tenant_scope(g.tenant.tenant_id) as session:
        run = run_pages.run_row(session, run_id)
        if run is None:
            abort(404)
        choices = _choices(run)
        query = read_query(COLUMNS, default_sort="n", choices=choices)
        wanted = RowFilter(run_id, query.chosen["verdict"], query.chosen["rule"], query.q)
        if query.wants_csv:
            return export(
                f"run-{run_id}-rows",
                CSV_HEADINGS,
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
        caption="Rows of the run",
        choices=choices,
        noun="rows",
        search_label="Fee, patron's id or barcode",
        empty=EMPTY,
    )
    return render_template(
        "campus/run_rows.html",
        run=run,
        listing=listing,
        is_counted_short=total >= charge_pages.COUNTED_UP_TO,
        came_from=CAME_FROM,
        words=words,
        charges=charge_words,
    )


def _choices(run: Run) -> tuple[Choice, Choice]:
    rules = charge_pages.rules_of_run(run.counts)
    return (
        Choice("verdict", "Verdict", list(charge_words.VERDICTS.items())),
        Choice("rule", "Left out by", [(rule, charge_words.rule_title(rule)) for rule in rules]),
    )


def row_cells(row: BursarRow) -> Sequence[Cell]:
    """A row of the list as a download has it."""
    return (
        row.n,
        CAME_FROM.get(row.origin, row.origin),
        row.fee_ref,
        row.patron_id,
        row.barcode,
        charge_words.KINDS.get(row.kind, row.kind),
        dollars(row.amount_cents),
        charge_words.VERDICTS[row.verdict],
        row.rule,
        row.reason,
        _text(row, "fee_type"),
        _text(row, "library"),
        _text(row, "item_title"),
        _text(row, "transaction_on"),
    )


def _text(row: BursarRow, field: str) -> str:
    value = row.body.get(field)
    return "" if value is None else str(value)
