"""A fee's life after it was charged: Alma's own words, payments, postings and holds, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from webapp.campus import charge_words, payment_words
from webapp.campus.fee_life import Moment, Standing
from webapp.domain.money import format_cents
from webapp.store.fee_pages import PAID_EVENTS, FeeMoney, HoldMoment, OtherBooks, ReportedTransaction
from webapp.store.ledger import LedgerLine
from webapp.web.filters import campus_time

ALMA, HOLDS = "Alma", "Holds"
_HELD: Mapping[str, str] = {
    "A": "Hold placed",
    "U": "Hold changed",
    "R": "Hold released",
    "S": "Hold in the full list",
}
_DONE_AT: Mapping[str, str] = {"A": "placed at", "U": "told at", "R": "released at", "S": "told at"}
_SETTLED = frozenset({"posted", "refunded", "ignored", "netted"})


def moments_of(books: OtherBooks, lines: Sequence[LedgerLine]) -> list[Moment]:
    """Everything that happened in Alma and with money, unordered."""
    ours = {found.line.external_id for found in books.money}
    why: Mapping[tuple[object, object], str] = {
        (found.line.payment_id, found.line.n): found.line.reason for found in books.money
    }
    return [
        *_of_alma(books, ours),
        *(_of_line(line, why) for line in lines if line.event in PAID_EVENTS),
        *_of_open_money(books.money),
    ]


def holds_about(holds: Sequence[HoldMoment], last_at: datetime) -> list[HoldMoment]:
    """The holds that the fee had a part in: until the first release after the last thing that happened to it."""
    found = []
    for hold in holds:
        found.append(hold)
        if hold.change.action == "R" and hold.told_at >= last_at:
            break
    return found


def paid_standing(books: OtherBooks) -> Standing | None:
    """How things stand with the money of a fee; None where no money was received for it."""
    cents: dict[str, int] = {}
    for found in books.money:
        cents[found.line.state] = cents.get(found.line.state, 0) + found.line.amount_cents
    if cents.get("unknown"):
        return Standing(
            "ask",
            "Paid, and not known whether Alma has it.",
            f"{format_cents(cents['unknown'])} was sent to Alma and the answer was lost. It is looked up before anything is "
            "sent again.",
        )
    if coming := cents.get("waiting", 0) + cents.get("sending", 0):
        return Standing(
            "quiet", "Paid, and on its way to Alma.", f"{format_cents(coming)} is to be posted to it."
        )
    posted, fee = cents.get("posted", 0), books.fee
    if not posted:
        return None
    received = f"{format_cents(posted)} was received and is posted in Alma"
    if fee is None:
        return Standing("good", "Paid.", f"{received}.")
    if fee.balance_cents <= 0:
        return Standing("good", "Paid.", f"{received}; nothing is left to pay.")
    return Standing(
        "quiet", "Paid in part.", f"{received}; {format_cents(fee.balance_cents)} is left to pay."
    )


def _of_alma(books: OtherBooks, ours: set[str]) -> Iterator[Moment]:
    fee = books.fee
    if fee is not None and fee.created_at is not None:
        detail = ", ".join(part for part in (fee.fee_type, fee.title, fee.library) if part)
        yield Moment(fee.created_at, "queued", "Made in Alma", detail, fee.original_cents, side=ALMA)
    for found in books.transactions:
        yield _of_transaction(found, is_ours=found.external_id in ours)


def _of_transaction(found: ReportedTransaction, *, is_ours: bool) -> Moment:
    kind = found.type_code.replace("_", " ").lower() or "transaction"
    by = f", taken by {found.received_by}" if found.received_by and not is_ours else ""
    detail = "It is the posting of ours." if is_ours else f"It did not come through Feebridge{by}."
    evidence = [("Its name in Alma", found.external_id), ("Alma's key", found.transaction_key)]
    return Moment(
        found.at,
        "confirmed" if is_ours else "queued",
        f"Alma's own report lists a {kind}",
        detail,
        found.amount_cents,
        found.run_id,
        side=ALMA,
        evidence=_named(evidence),
    )


def _of_line(line: LedgerLine, why: Mapping[tuple[object, object], str]) -> Moment:
    """A line of the ledger; what came from PeopleSoft says ``why`` it is this fee's."""
    told = line.evidence
    line_no, left = told.get("line"), told.get("balance_cents")
    return Moment(
        line.at,
        "confirmed" if line.side == "alma" else "delivered",
        _line_title(line),
        f"{format_cents(left)} left in Alma." if isinstance(left, int) else _why_this_fee(line, why),
        line.amount_cents,
        line.run_id,
        inbound_id=line.inbound_file_id,
        file_name=line.inbound_name,
        line_no=line_no if isinstance(line_no, int) else None,
        payment_id=told.get("payment_id"),
        side=charge_words.SIDES[line.side],
        evidence=_named(
            [
                ("Payment", str(told.get("ref") or "")),
                ("Its name in Alma", str(told.get("external_id") or "")),
                ("Alma's tracking id", str(told.get("tracking_id") or "")),
            ]
        ),
    )


def _why_this_fee(line: LedgerLine, why: Mapping[tuple[object, object], str]) -> str:
    if line.side != "bursar":
        return ""
    return charge_words.sentence(why.get((line.evidence.get("payment_id"), line.evidence.get("n")), ""))


def _line_title(line: LedgerLine) -> str:
    if line.event in {"waiver", "write_off"}:
        return "Waived in Alma" if line.side == "alma" else "Written off by PeopleSoft"
    if line.side == "alma":
        return "Posted in Alma" if line.amount_cents <= 0 else "Posting in Alma taken back"
    return "Paid" if line.amount_cents <= 0 else "Payment taken back"


def _of_open_money(money: Sequence[FeeMoney]) -> Iterator[Moment]:
    """Parts that did not arrive yet: what became of the others is in the ledger."""
    for found in money:
        line = found.line
        if line.state in _SETTLED:
            continue
        yield Moment(
            line.sent_at or line.created_at,
            "unknown" if line.state == "unknown" else "pending",
            payment_words.STATES[line.state],
            charge_words.sentence(line.message if line.state == "unknown" and line.message else line.reason),
            line.amount_cents,
            line.run_id,
            payment_id=line.payment_id,
            side=ALMA,
            evidence=_named([("Its name in Alma", line.external_id)]),
        )


def of_hold(hold: HoldMoment) -> Moment:
    """When PeopleSoft was told of the patron's hold, and when it took the news."""
    change = hold.change
    parts = []
    if hold.delivered_at is not None:
        parts.append(f"{_DONE_AT[change.action]} {campus_time(hold.delivered_at)}")
    if hold.acknowledged_at is not None:
        parts.append(f"picked up at {campus_time(hold.acknowledged_at)}")
    total = f"Hold {change.hold_code} of the patron"
    if change.action != "R":
        total += f", {format_cents(change.amount_cents)} in all"
    return Moment(
        hold.told_at,
        "delivered",
        _HELD[change.action],
        f"{total}{': ' if parts else ''}{', '.join(parts)}.",
        run_id=change.run_id,
        file_id=hold.file.id if hold.file else None,
        file_name=hold.file.name if hold.file else "",
        side=HOLDS,
        evidence=_named([("Delivered to", hold.address)]),
    )


def _named(evidence: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in evidence if value)
