"""The desk for money: what came and has no fee, what may or may not be posted, and what is to be refunded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import abort, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.auth.access import campus_role
from webapp.campus import charge_words, payment_words, words
from webapp.campus.blueprint import blueprint
from webapp.campus.exports import export
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.store import money_pages
from webapp.store.money_pages import DESK_STATES, MoneyFilter, MoneyRow, PayableFee
from webapp.web.csv_export import Cell, dollars

PER_PAGE = 50
LONGEST_WORDS = 100
LONGEST_REASON = 500
OWNERS = (("me", "me"), ("nobody", "nobody"))
CSV_HEADINGS = (
    "payment", "part", "state", "amount", "EMPLID", "rule", "why", "fee", "name in Alma", "owner", "since", "paid on",
    "reference",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MoneyQuery:
    """What the address asks for, and the part to go on after."""

    q: str
    state: str
    rule: str
    owner: str
    after: tuple[int, int] | None

    @property
    def is_filtered(self) -> bool:
        """Whether the reader narrowed the list."""
        return bool(self.q or self.state or self.rule or self.owner)

    def url(self, **changes: object) -> str:
        """The address of this list with some parts changed; without ``after`` it is the first page."""
        parts = {"q": self.q, "state": self.state, "rule": self.rule, "owner": self.owner}
        kept = {name: value for name, value in {**parts, **changes}.items() if value not in {"", None}}
        path = url_for("campus.money")
        return f"{path}?{urlencode(kept)}" if kept else path


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A fee that money on the desk may pay, and how much of it this page suggests."""

    payable: PayableFee
    cents: int


@blueprint.get("/money")
@campus_role("viewer")
def money() -> ResponseReturnValue:
    """Money that waits for a person, the oldest first."""
    query = _read_query()
    wanted = _filter(query)
    if request.args.get("format") == "csv":
        return _export(query, wanted)
    with tenant_scope(g.tenant.tenant_id) as session:
        totals = money_pages.desk_totals(session)
        page = money_pages.money_page(session, wanted, after=query.after, limit=PER_PAGE)
    return render_template(
        "campus/money.html",
        query=query,
        totals=totals,
        page=page,
        states=DESK_STATES,
        owners=OWNERS,
        pay=payment_words,
        words=words,
        charges=charge_words,
        decided=request.args.get("decided", type=int),
        now=datetime.now(UTC),
    )


@blueprint.get("/money/<int:payment_id>/<int:line_n>")
@campus_role("viewer")
def money_part(payment_id: int, line_n: int) -> ResponseReturnValue:
    """One part of a payment: why it waits, and what can be done."""
    return part_page(payment_id, line_n)


def part_page(
    payment_id: int,
    line_n: int,
    *,
    fault: str = "",
    act: str = "",
    typed: Mapping[str, str] | None = None,
) -> str:
    """The page of a part; ``typed`` is what was refused with ``fault`` when somebody asked for ``act``."""
    with tenant_scope(g.tenant.tenant_id) as session:
        found = money_pages.money_row(session, payment_id, line_n)
        if found is None:
            abort(404)
        fees = money_pages.open_fees(session, found.payment) if found.line.state == "unapplied" else []
    return render_template(
        "campus/money_part.html",
        found=found,
        line=found.line,
        payment=found.payment,
        suggestions=suggest(found.line.amount_cents, fees),
        is_open=found.line.state in DESK_STATES,
        fault=fault,
        act=act,
        typed=typed or {},
        longest_reason=LONGEST_REASON,
        today=datetime.now(ZoneInfo(g.tenant.time_zone)).date(),
        pay=payment_words,
        words=words,
        charges=charge_words,
        now=datetime.now(UTC),
    )


def suggest(cents: int, fees: Sequence[PayableFee]) -> list[Suggestion]:
    """How the money would pay these fees in their order, each up to what it can still take."""
    found = []
    left = max(cents, 0)
    for fee in fees:
        part = min(left, fee.left_cents)
        left -= part
        found.append(Suggestion(fee, part))
    return found


def _read_query() -> MoneyQuery:
    """What the address asks for, within what the list offers."""
    args = request.args
    state, rule, owner = (args.get(name, "") for name in ("state", "rule", "owner"))
    return MoneyQuery(
        args.get("q", "").strip().replace("\x00", "")[:LONGEST_WORDS],
        state if state in DESK_STATES else "",
        rule if rule in payment_words.REASONS else "",
        owner if owner in dict(OWNERS) else "",
        _key(args.get("after", "")),
    )


def _key(text: str) -> tuple[int, int] | None:
    """The key "payment-part" of an address."""
    payment_id, _, n = text.partition("-")
    if not (payment_id + n).isascii() or not payment_id.isdigit() or not n.isdigit():
        return None
    return (int(payment_id), int(n)) if len(payment_id) < 16 and len(n) < 9 else None


def _filter(query: MoneyQuery) -> MoneyFilter:
    owners = {"me": g.actor.person_id, "nobody": 0}
    return MoneyFilter(query.state, query.rule, owners.get(query.owner), query.q)


def _export(query: MoneyQuery, wanted: MoneyFilter) -> ResponseReturnValue:
    with tenant_scope(g.tenant.tenant_id) as session:
        audit.record(
            session,
            actor=g.actor,
            action="money.exported",
            subject="money",
            after={"q": query.q, "state": query.state, "rule": query.rule},
        )
        session.commit()
    return export("money", CSV_HEADINGS, lambda scope: money_pages.every_money_row(scope, wanted), _cells)


def _cells(row: MoneyRow) -> Sequence[Cell]:
    line, payment = row.line, row.payment
    return (
        payment.ref,
        line.n,
        payment_words.STATES[line.state],
        dollars(line.amount_cents),
        payment.emplid,
        payment_words.rule_title(line.rule) if line.rule else "",
        line.reason,
        line.fee_ref or line.fee_id,
        line.external_id,
        row.owner,
        line.created_at,
        payment.paid_on,
        payment.reference,
    )
