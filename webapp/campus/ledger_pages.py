"""Fees sent to PeopleSoft: the search through the ledger, and the life of one fee."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import abort, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import charge_words, payment_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.campus.fee_life import Moment, Standing, life_of, standing
from webapp.campus.fee_payments import holds_about, moments_of, of_hold, paid_standing
from webapp.campus.periods import SINCE, since_at
from webapp.models import BursarRow, Run
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.store import charge_pages, fee_pages, ledger, ledger_pages
from webapp.store.fee_pages import OtherBooks
from webapp.store.ledger import LedgerLine, ToldCharge
from webapp.store.ledger_pages import FeeSurroundings, LedgerFilter, ListedEntry
from webapp.web.csv_export import Cell, dollars
from webapp.web.listing import Choice, Column, Listing, read_query

COLUMNS = (
    Column("Fee", "fee"),
    Column("What"),
    Column("Patron", wide_only=True),
    Column("Amount", kind="money"),
    Column("Item type and term", wide_only=True),
    Column("When and where", "at", "when", wide_only=True),
)
CHOICES = (Choice("event", "What", list(charge_words.EVENTS.items())), SINCE)
CSV_HEADINGS = (
    "fee", "what", "side", "amount", "patron", "EMPLID", "fee type", "item type", "term", "billed", "reference",
    "takes back", "when", "run", "file", "line",
)  # fmt: skip
EMPTY = {
    "title": "PeopleSoft was told of no fee yet",
    "text": "Every fee is written into the ledger before its file leaves: what it was, in which file, on which line. "
    "Look here for a fee's reference or a patron's id.",
}


@blueprint.get("/fees")
@campus_role("viewer")
def fees() -> ResponseReturnValue:
    """Lines of the ledger, newest first; a search for one fee that is known leads straight to it."""
    query = read_query(COLUMNS, default_sort="at", descending=True, choices=CHOICES)
    wanted = LedgerFilter(
        query.chosen["event"], query.q, from_at=since_at(query.chosen["since"], g.tenant.time_zone)
    )
    with tenant_scope(g.tenant.tenant_id) as session:
        if query.wants_csv:
            # A list of who owes what leaves the portal: the audit log says who took it.
            audit.record(
                session, actor=g.actor, action="ledger.exported", subject="ledger", after={"q": query.q}
            )
            session.commit()
            return export(
                "fees",
                CSV_HEADINGS,
                lambda scope: ledger_pages.every_entry(
                    scope, wanted, sort=query.sort, descending=query.descending
                ),
                _cells,
            )
        if query.q and not any(query.chosen.values()) and ledger_pages.is_known_fee(session, query.q):
            return redirect(url_for("campus.fee", fee_ref=query.q), 303)
        rows = ledger_pages.list_entries(
            session,
            wanted,
            sort=query.sort,
            descending=query.descending,
            limit=query.per_page,
            offset=query.offset,
        )
        total = ledger_pages.count_entries(session, wanted)
    listing = Listing(
        query,
        COLUMNS,
        rows,
        total,
        caption="Fees in the ledger",
        choices=CHOICES,
        noun="lines",
        search_label="Fee or patron, the whole id",
        empty=EMPTY,
    )
    return render_template("campus/fees.html", listing=listing, words=words, charges=charge_words)


@blueprint.get("/fees/<fee_ref>")
@campus_role("viewer")
def fee(fee_ref: str) -> ResponseReturnValue:
    """Everything that is known of one fee, in the order it happened."""
    with tenant_scope(g.tenant.tenant_id) as session:
        page = read_fee(session, fee_ref)
    if page is None:
        abort(404)
    return render_template(
        "campus/fee.html",
        differences=page.around.differences,
        fee_ref=fee_ref,
        page=page,
        told=page.told,
        entry=page.entry,
        row=page.row,
        leaving=page.leaving,
        around=page.around,
        moments=page.moments,
        standing=page.standing,
        open_task=next((asked for asked in page.around.tasks if asked.task.state in {"open", "taken"}), None),
        words=words,
        charges=charge_words,
        pay=payment_words,
        now=datetime.now(UTC),
    )


@dataclass(frozen=True, slots=True)
class FeePage:
    """Everything that is known of one fee: from its ledger lines, from the runs that met it, and from the other books."""

    told: ToldCharge | None
    entry: LedgerLine | None
    row: BursarRow | None
    leaving: tuple[BursarRow, Run] | None
    around: FeeSurroundings
    books: OtherBooks
    moments: Sequence[Moment]
    standing: Standing


def read_fee(session: ScopedSession, fee_ref: str) -> FeePage | None:
    """What there is to tell of a fee; None for one that nothing is known of."""
    lines = ledger.lines_of_fee(session, g.tenant.tenant_id, fee_ref)
    around = ledger_pages.surroundings(session, fee_ref)
    books = fee_pages.other_books(session, fee_ref)
    if not (lines or around.rows or around.tasks or books.money or books.fee):
        return None
    told = ledger.told(session, g.tenant.tenant_id, [fee_ref]).get(fee_ref) if lines else None
    entry = next((line for line in lines if line.fee_ref == fee_ref), None)
    may_leave = any(met.row.verdict == "send" and met.run.finished_at is None for met in around.rows)
    leaving = charge_pages.row_about_to_leave(session, fee_ref) if may_leave else None
    moments = [*life_of(fee_ref, lines, around), *moments_of(books, lines)]
    emplid = next((found for found in _emplids(told, entry, books) if found), "")
    if moments and emplid:
        first_at, last_at = (pick(moment.at for moment in moments) for pick in (min, max))
        holds = holds_about(fee_pages.holds_of(session, emplid, since_at=first_at), last_at)
        moments.extend(of_hold(hold) for hold in holds)
    return FeePage(
        told,
        entry,
        leaving[0] if leaving else around.rows[0].row if around.rows else None,
        leaving,
        around,
        books,
        sorted(moments, key=lambda moment: moment.at),
        paid_standing(books) or standing(fee_ref, told, lines, around, is_leaving=leaving is not None),
    )


def _emplids(told: ToldCharge | None, entry: LedgerLine | None, books: OtherBooks) -> Iterator[str]:
    """The patron's EMPLID as each book has it."""
    if told is not None:
        yield told.emplid
    if entry is not None:
        yield entry.emplid
    if books.fee is not None:
        yield books.fee.emplid
    for found in books.money:
        yield found.payment.emplid


def _cells(row: ListedEntry) -> Sequence[Cell]:
    entry = row.entry
    return (
        entry.fee_ref,
        charge_words.event_title(entry.event),
        charge_words.SIDES[entry.side],
        dollars(entry.amount_cents),
        entry.patron_id,
        entry.emplid,
        entry.fee_type,
        entry.item_type,
        entry.term,
        entry.billing_on,
        entry.reference,
        entry.original_ref,
        entry.at,
        entry.run_id,
        row.file_name,
        entry.line_no,
    )
