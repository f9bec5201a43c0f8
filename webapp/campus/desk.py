"""The desk: rows that were held back, and what a person decides about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import charge_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.desk_help import is_charge, read_help
from webapp.campus.exports import export
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services.resolve_row import LONGEST_REASON, Decision, RowRefusedError, resolve_row
from webapp.store import desk_pages
from webapp.store.desk_pages import DeskFilter, DeskRow
from webapp.web.csv_export import Cell, dollars
from webapp.web.listing import Choice, Column, Listing, ListQuery, read_query

COLUMNS = (
    Column("Row", "source"),
    Column("Why it is held back", "reason", wide_only=True),
    Column("Amount", "amount", "money"),
    Column("Waiting", "age", "when"),
    Column("Looked after by", wide_only=True),
)
RESOLVED_COLUMNS = (*COLUMNS, Column("How"))
CSV_HEADINGS = (
    "row",
    "source",
    "pipeline",
    "rule",
    "reason",
    "owner",
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


SOURCES = {"bursar_xml": "Alma's bursar file", "peoplesoft": "PeopleSoft's answer"}
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
        choices = _choices(session)
        columns = COLUMNS if state == "open" else RESOLVED_COLUMNS
        query = read_query(columns, default_sort="age", descending=state == "resolved", choices=choices)
        wanted = _filter(state, query)
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
        waiting, ready = desk_pages.count_ready(session, words.BURSAR_CONVERSION)
    listing = Listing(
        query,
        columns,
        rows,
        totals.rows,
        caption="Rows held back",
        choices=choices,
        noun="rows",
        search_label="Words of the reason, or the row",
        empty=EMPTY if state == "open" else RESOLVED_EMPTY,
    )
    return render_template(
        "campus/desk.html",
        listing=listing,
        totals=totals,
        state=state,
        waiting=waiting,
        ready=ready,
        source_title=source_title,
        words=words,
        charges=charge_words,
        now=datetime.now(UTC),
    )


def _choices(session: ScopedSession) -> tuple[Choice, ...]:
    met = desk_pages.desk_rules(session)
    return (
        Choice("source", "Source", [(name, source_title(name)) for name in desk_pages.desk_sources(session)]),
        Choice(
            "pipeline", "From", list(dict.fromkeys((name, words.pipeline_title(name)) for name, _ in met))
        ),
        Choice(
            "rule",
            "Rule",
            list(dict.fromkeys((rule, charge_words.rule_title(rule)) for _, rule in met if rule)),
        ),
        Choice("owner", "Looked after by", (("me", "me"), ("nobody", "nobody"))),
    )


def _filter(state: str, query: ListQuery) -> DeskFilter:
    owners = {"me": g.actor.person_id, "nobody": 0}
    return DeskFilter(
        state,
        query.chosen["source"],
        query.chosen["pipeline"],
        query.chosen["rule"],
        owners.get(query.chosen["owner"]),
        query.q,
    )


def source_title(source: str) -> str:
    """Where a row came from, in words."""
    return SOURCES.get(source, source)


@blueprint.get("/desk/<int:row_id>")
@campus_role("viewer")
def desk_row(row_id: int) -> ResponseReturnValue:
    """One row: what came, why it is held back, and what to do."""
    return row_page(row_id)


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
        return row_page(row_id, decision=decision, reason=reason, fault=str(err)), 422
    flash(
        "The row is ignored and stays out."
        if decision == "ignored"
        else "Resolved. The next run reads it again.",
        "good",
    )
    return redirect(url_for("campus.desk"), 303)


def row_page(
    row_id: int,
    *,
    decision: Decision = "mended",
    reason: str = "",
    fault: str = "",
    typed: Mapping[str, str] | None = None,
) -> str:
    """A row with what a person may do about it; ``typed`` are corrections that were refused with ``fault``."""
    with tenant_scope(g.tenant.tenant_id) as session:
        found = desk_pages.desk_row(session, row_id)
        if found is None:
            abort(404)
        help_with = read_help(session, found.row, _today()) if is_charge(found.row) else None
    return render_template(
        "campus/desk_charge.html" if help_with else "campus/desk_row.html",
        found=found,
        row=found.row,
        source=source_title(found.row.source),
        decision=decision,
        reason=reason,
        fault=fault,
        typed=typed or {},
        help_with=help_with,
        longest_reason=LONGEST_REASON,
        words=words,
        charges=charge_words,
        now=datetime.now(UTC),
    )


def _today() -> date:
    return datetime.now(ZoneInfo(g.tenant.time_zone)).date()


def _cells(found: DeskRow) -> Sequence[Cell]:
    row = found.row
    return (
        row.row_ref,
        source_title(row.source),
        words.pipeline_title(row.pipeline),
        row.rule,
        row.reason,
        found.owner,
        dollars(row.amount_cents),
        row.first_seen_at,
        row.last_seen_at,
        row.run_id,
        row.resolved_at,
        found.resolved_by,
        row.resolution,
    )
