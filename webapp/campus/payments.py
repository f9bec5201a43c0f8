"""Payments: the files that came, the list of payments, and one payment with everything that became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from flask import abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import charge_words, payment_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.campus.fee_life import Standing
from webapp.campus.periods import midnight
from webapp.domain.campus_settings import CampusSettings
from webapp.domain.money import format_cents
from webapp.models import Payment, PaymentLine
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.campus_settings import read_all
from webapp.store import difference_pages, payment_pages
from webapp.store.payment_pages import PaymentFilter, PaymentStory
from webapp.web.csv_export import Cell, dollars

PER_PAGE = 50
LONGEST_WORDS = 100
CSV_HEADINGS = (
    "payment", "what", "from", "EMPLID", "amount", "paid on", "reference", "item type", "term", "file", "line",
    "received", "part", "part's amount", "state", "fee", "rule", "why", "name in Alma", "Alma's tracking id", "posted",
)  # fmt: skip
# What a person should know first of a payment whose parts stand differently.
_WORST_FIRST = (
    ("unknown", "ask"),
    ("unapplied", "ask"),
    ("refund_due", "ask"),
    ("sending", "quiet"),
    ("waiting", "quiet"),
    ("posted", "good"),
    ("refunded", "good"),
    ("ignored", "quiet"),
    ("netted", "quiet"),
)


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """What the address asks for: words, a state, a kind, a day (as typed), a file's id, and the payment to go on after."""

    q: str
    state: str
    kind: str
    day: str
    file_id: int | None
    after: int | None

    @property
    def is_filtered(self) -> bool:
        """Whether the reader narrowed the list."""
        return bool(self.q or self.state or self.kind or self.day or self.file_id is not None)

    def url(self, **changes: object) -> str:
        """The address of this list with some parts changed; without ``after`` it is the first page."""
        parts = {"q": self.q, "state": self.state, "kind": self.kind, "day": self.day, "file": self.file_id}
        kept = {name: value for name, value in {**parts, **changes}.items() if value not in {"", None}}
        path = url_for("campus.payments")
        return f"{path}?{urlencode(kept)}" if kept else path


@blueprint.get("/payments")
@campus_role("viewer")
def payments() -> ResponseReturnValue:
    """The files that came, and payments, newest first; a payment's whole reference leads straight to it."""
    query = _read_query()
    wanted = _filter(query)
    if request.args.get("format") == "csv":
        return _export(query, wanted)
    if query.q:
        with tenant_scope(g.tenant.tenant_id) as session:
            payment_id = payment_pages.payment_named(session, query.q)
        if payment_id is not None:
            return redirect(url_for("campus.payment", payment_id=payment_id), 303)
    return payments_page(query, wanted)


def payments_page(
    query: PaymentQuery | None = None, wanted: PaymentFilter | None = None, *, fault: str = ""
) -> str:
    """The page, with what is wrong with a file that somebody just tried to hand in."""
    query = query or _read_query()
    wanted = wanted or _filter(query)
    with tenant_scope(g.tenant.tenant_id) as session:
        page = payment_pages.payment_page(session, wanted, after=query.after, limit=PER_PAGE)
        files = payment_pages.newest_files(session)
        campus = read_all(session)
        file_name = "" if query.file_id is None else payment_pages.file_named(session, query.file_id)
    if file_name is None:
        abort(404)
    return render_template(
        "campus/payments.html",
        query=query,
        page=page,
        files=files,
        file_name=file_name,
        fault=fault,
        looks_at=_place_words(campus),
        counted_up_to=payment_pages.COUNTED_UP_TO,
        pay=payment_words,
        words=words,
        charges=charge_words,
    )


@blueprint.get("/payments/<int:payment_id>")
@campus_role("viewer")
def payment(payment_id: int) -> ResponseReturnValue:
    """One payment: where it came from, and where its money went and why."""
    with tenant_scope(g.tenant.tenant_id) as session:
        story = payment_pages.payment_story(session, payment_id)
        if story is None:
            abort(404)
        record = str(story.payment.evidence.get("raw") or "")
        differences = difference_pages.open_about_payment(session, payment_id)
    return render_template(
        "campus/payment.html",
        story=story,
        payment=story.payment,
        standing=standing(story),
        record=record,
        differences=differences,
        counting=[line for line in story.lines if line.line.state != "replaced"],
        replaced=[line for line in story.lines if line.line.state == "replaced"],
        pay=payment_words,
        words=words,
        charges=charge_words,
    )


def _place_words(campus: CampusSettings) -> str:
    """Where files of payments are looked for, as the end of "looks at …"; empty for nowhere."""
    place = campus["payments"]["place"]
    if place == "none" or not campus["payments"]["files"]:
        return ""
    if place == "folder":
        return "the watched folder of this campus"
    section = campus["delivery" if place == "delivery" else "arrival"]
    folder = campus["payments"]["directory"] or section["sftp_directory"]
    return f"{section['sftp_host']}{f', folder {folder}' if folder else ''}" if section["sftp_host"] else ""


def standing(story: PaymentStory) -> Standing:
    """How things stand with a payment: the first thing a person reads about it."""
    cents: dict[str, int] = {}
    for found in story.lines:
        cents[found.line.state] = cents.get(found.line.state, 0) + found.line.amount_cents
    cents.pop("replaced", None)
    for state, kind in _WORST_FIRST:
        if state in cents:
            return Standing(kind, f"{payment_words.STATES[state]}.", _in_cents(cents))
    return Standing("quiet", "Noted.", "It is kept as news of PeopleSoft's; there is nothing to post.")


def _in_cents(cents: Mapping[str, int]) -> str:
    if len(cents) == 1:
        return f"{format_cents(next(iter(cents.values())))}, the whole of it."
    parts = (
        f"{format_cents(amount)} {payment_words.IN_A_SENTENCE[state]}" for state, amount in cents.items()
    )
    return f"{', '.join(parts)}."


def _read_query() -> PaymentQuery:
    """What the address asks for, within what the list offers."""
    args = request.args
    state, kind = args.get("state", ""), args.get("kind", "")
    return PaymentQuery(
        args.get("q", "").strip().replace("\x00", "")[:LONGEST_WORDS],
        state if state in payment_words.STATES else "",
        kind if kind in payment_words.KINDS else "",
        "" if (day_on := _day(args.get("day", ""))) is None else day_on.isoformat(),
        _id(args.get("file", "")),
        _id(args.get("after", "")),
    )


def _filter(query: PaymentQuery) -> PaymentFilter:
    day_on, zone = _day(query.day), g.tenant.time_zone
    return PaymentFilter(
        query.q,
        query.state,
        query.kind,
        query.file_id,
        midnight(day_on, zone) if day_on else None,
        midnight(day_on + timedelta(days=1), zone) if day_on else None,
    )


def _day(text: str) -> date | None:
    try:
        day_on = date.fromisoformat(text)
    except ValueError:
        return None
    # Times near the ends of the calendar cannot be told in every zone.
    return day_on if 1900 < day_on.year < 9000 else None


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _export(query: PaymentQuery, wanted: PaymentFilter) -> ResponseReturnValue:
    with tenant_scope(g.tenant.tenant_id) as session:
        # A list of who paid what leaves the portal: the audit log says who took it.
        audit.record(
            session,
            actor=g.actor,
            action="payments.exported",
            subject="payments",
            after={"q": query.q, "state": query.state, "day": query.day},
        )
        session.commit()
    return export("payments", CSV_HEADINGS, lambda scope: payment_pages.every_line(scope, wanted), _cells)


def _cells(row: tuple[Payment, str, PaymentLine | None]) -> Sequence[Cell]:
    found, file_name, line = row
    return (
        found.ref,
        payment_words.KINDS[found.kind],
        payment_words.SOURCES[found.source],
        found.emplid,
        dollars(found.amount_cents),
        found.paid_on,
        found.reference,
        found.item_type,
        found.term,
        file_name,
        found.line,
        found.at,
        *(_line_cells(line) if line else ()),
    )


def _line_cells(line: PaymentLine) -> Sequence[Cell]:
    return (
        line.n,
        dollars(line.amount_cents),
        payment_words.STATES[line.state],
        line.fee_ref or line.fee_id,
        payment_words.rule_title(line.rule),
        line.reason,
        line.external_id,
        line.tracking_id,
        line.posted_at,
    )
