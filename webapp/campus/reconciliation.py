"""Reconciliation: whether the books agree, what they do not agree on, and one difference with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from flask import abort, g, render_template, request
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role, may
from webapp.campus import charge_words, difference_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.store import difference_pages, people
from webapp.store.difference_pages import DifferenceFilter, ListedDifference
from webapp.web.csv_export import Cell, dollars
from webapp.web.listing import Choice, Column, Listing, ListQuery, read_query

CHART_DAYS = ("30", "90")
LONGEST_NOTE = 500
COLUMNS = (
    Column("What", "kind"),
    Column("About", wide_only=True),
    Column("Ours", "ours", "money", wide_only=True),
    Column("Theirs", "theirs", "money", wide_only=True),
    Column("Open for", "age", "when"),
    Column("Looked after by", wide_only=True),
)
CLOSED_COLUMNS = (*COLUMNS[:4], Column("Closed", "closed", "when"), Column("How", wide_only=True))
CHOICES = (
    Choice("kind", "What", list(difference_words.KINDS.items())),
    Choice("books", "Books", list(difference_words.BOOKS.items())),
    Choice("owner", "Looked after by", (("me", "me"), ("nobody", "nobody"))),
)
CSV_HEADINGS = (
    "what", "books", "fee", "payment", "EMPLID", "ours", "theirs", "why", "next", "owner", "note", "first seen",
    "seen last", "run", "closed", "by", "how",
)  # fmt: skip
EMPTY = {
    "title": "The books agree",
    "text": "Every night what Alma, our ledger and PeopleSoft say of each fee and each payment is compared. What they do "
    "not agree on is listed here until it is gone or somebody closes it.",
}
CLOSED_EMPTY = {"title": "Nothing was closed yet", "text": "Differences that are gone are kept here."}


@blueprint.get("/reconciliation")
@campus_role("viewer")
def reconciliation() -> ResponseReturnValue:
    """Is all well, what is open, and how it went over the days."""
    return _list("open")


@blueprint.get("/reconciliation/closed")
@campus_role("viewer")
def reconciliation_closed() -> ResponseReturnValue:
    """Differences that are gone, with how."""
    return _list("closed")


def _list(state: str) -> ResponseReturnValue:
    is_open = state == "open"
    columns = COLUMNS if is_open else CLOSED_COLUMNS
    query = read_query(
        columns, default_sort="age" if is_open else "closed", descending=not is_open, choices=CHOICES
    )
    wanted = _filter(state, query)
    if query.wants_csv:
        return _export(wanted, query)
    days = request.args.get("days", "")
    days = days if days in CHART_DAYS else CHART_DAYS[0]
    with tenant_scope(g.tenant.tenant_id) as session:
        now = difference_pages.books_now(session)
        rows = difference_pages.list_differences(
            session,
            wanted,
            sort=query.sort,
            descending=query.descending,
            limit=query.per_page,
            offset=query.offset,
        )
        total = difference_pages.count_differences(session, wanted)
        chart = (
            difference_pages.open_days(session, zone=g.tenant.time_zone, days=int(days)) if is_open else []
        )
    listing = Listing(
        query,
        columns,
        rows,
        total,
        caption="Differences",
        choices=CHOICES,
        noun="differences",
        search_label="Fee or EMPLID, the whole id",
        empty=EMPTY if is_open else CLOSED_EMPTY,
    )
    return render_template(
        "campus/reconciliation.html",
        listing=listing,
        state=state,
        books=now,
        standing=difference_words.standing(now),
        days=days,
        chart_days=CHART_DAYS,
        chart=chart,
        diff=difference_words,
        charges=charge_words,
        words=words,
    )


@blueprint.get("/reconciliation/<int:difference_id>")
@campus_role("viewer")
def difference(difference_id: int) -> ResponseReturnValue:
    """One difference: who says what, since when, and what to do next."""
    return difference_page(difference_id)


def difference_page(
    difference_id: int, *, fault: str = "", act: str = "", note: str | None = None, reason: str = ""
) -> str:
    """The page of a difference; ``note`` or ``reason`` is what was refused with ``fault`` when ``act`` was asked for."""
    with tenant_scope(g.tenant.tenant_id) as session:
        found = difference_pages.difference(session, difference_id)
        members = people.members(session) if may("editor") else []
    if found is None:
        abort(404)
    return render_template(
        "campus/difference.html",
        found=found,
        difference=found.difference,
        fault=fault,
        note=found.difference.note if note is None else note,
        reason=reason,
        longest_note=LONGEST_NOTE,
        members=members,
        act=act,
        diff=difference_words,
        charges=charge_words,
        words=words,
        now=datetime.now(UTC),
    )


def _filter(state: str, query: ListQuery) -> DifferenceFilter:
    owners = {"me": g.actor.person_id, "nobody": 0}
    return DifferenceFilter(
        state, query.chosen["kind"], query.chosen["books"], owners.get(query.chosen["owner"]), query.q
    )


def _export(wanted: DifferenceFilter, query: ListQuery) -> ResponseReturnValue:
    with tenant_scope(g.tenant.tenant_id) as session:
        audit.record(
            session,
            actor=g.actor,
            action="differences.exported",
            subject="differences",
            after={"state": wanted.state, "kind": wanted.kind, "q": wanted.words},
        )
        session.commit()
    return export(
        f"differences-{wanted.state}",
        CSV_HEADINGS,
        lambda scope: difference_pages.every_difference(
            scope, wanted, sort=query.sort, descending=query.descending
        ),
        _cells,
    )


def _cells(found: ListedDifference) -> Sequence[Cell]:
    row = found.difference
    return (
        difference_words.kind_title(row.kind, row.books),
        difference_words.BOOKS[row.books],
        row.fee_ref,
        found.payment_ref,
        row.emplid,
        dollars(row.ours_cents),
        dollars(row.theirs_cents),
        row.reason,
        row.next_action,
        found.owner,
        row.note,
        row.first_seen_at,
        row.last_seen_at,
        row.run_id,
        row.closed_at,
        found.closed_by,
        row.closed_how,
    )
