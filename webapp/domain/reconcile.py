"""Where two books do not agree: what kind of difference it is, and what a person reads about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from webapp.domain.money import format_cents

Kind = Literal[
    "missing_there",
    "missing_here",
    "amount",
    "status",
    "timing",
    "stuck_hold",
    "missing_hold",
    "missing_file",
    "clearing",
]
KIND_WORDS: Final[Mapping[str, str]] = {
    "missing_there": "Missing there",
    "missing_here": "Missing here",
    "amount": "Amounts differ",
    "status": "States differ",
    "timing": "On its way",
    "stuck_hold": "Stuck hold",
    "missing_hold": "Missing hold",
    "missing_file": "Missing file",
    "clearing": "Money waits",
}
BOOK_WORDS: Final[Mapping[str, str]] = {
    "alma_ledger": "Alma and our ledger",
    "ledger_bursar": "Our ledger and PeopleSoft",
    "holds": "Holds",
    "files": "Files",
    "money": "Money received",
    "gateway": "Payment page",
}
CLEARED: Final = "cleared by itself"


@dataclass(frozen=True, slots=True)
class Beside:
    """One thing as two books have it, unequal. ``case`` says what was compared; ``key`` names the thing for good.

    ``happened_at``: since when the books could differ, None where they never should. ``words`` holds what its sentence
    needs (names of fees, states, files, hours).
    """

    case: str
    key: str
    fee_ref: str = ""
    payment_id: int | None = None
    emplid: str = ""
    ours_cents: int | None = None
    theirs_cents: int | None = None
    happened_at: datetime | None = None
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference, typed and in words: what is the matter, and what a person does next."""

    books: str
    kind: Kind
    reason: str
    next_action: str


@dataclass(frozen=True, slots=True)
class _Rule:
    books: str
    kind: Kind
    reason: str
    next_action: str
    # What it is called while it is young; empty: it never clears by itself.
    meanwhile: str = ""


_RULES: Final[Mapping[str, _Rule]] = {
    "line_not_shown": _Rule(
        "alma_ledger",
        "missing_there",
        "Our books say that {ours} was posted to fee {fee} as {external_id}; Alma shows no such payment.",
        "Open the fee in Alma. If the payment is not there, mark the line as not posted, and it is posted again.",
        "Alma's next report shows it, as a rule.",
    ),
    "line_not_posted": _Rule(
        "alma_ledger",
        "missing_here",
        "Alma shows the payment {external_id} of {theirs} on fee {fee}; our books have it as {state}.",
        "Have the line looked at again: Alma has the money, and nothing may be posted a second time.",
        "The next posting run looks for it and confirms it.",
    ),
    "line_amount": _Rule(
        "alma_ledger",
        "amount",
        "Payment {external_id} on fee {fee}: our books say {ours}, Alma shows {theirs}{times}.",
        "Compare the fee in Alma with the payment, and take back in Alma what is too much.",
    ),
    "payment_not_ours": _Rule(
        "alma_ledger",
        "missing_here",
        "Alma shows a payment {external_id} of {theirs} on fee {fee}: the number is one of ours, and our books do not "
        "have it.",
        "Find out where it comes from: another installation with the same Alma, or books put back from a backup.",
    ),
    "paid_at_desk": _Rule(
        "alma_ledger",
        "missing_here",
        "Fee {fee} was paid or waived in Alma ({theirs}, last by {by}); PeopleSoft still asks the student for {ours}.",
        "Have PeopleSoft told: let the balance export send the reversal, or enter a credit for the charge.",
        "The next balance export tells PeopleSoft.",
    ),
    "fee_balance": _Rule(
        "alma_ledger",
        "amount",
        "Fee {fee}: by our ledger {ours} is open, Alma says {theirs}.",
        "Look at the fee's page line by line, then let the balance export tell PeopleSoft, or correct the fee in Alma.",
        "The next balance export or posting makes them equal, as a rule.",
    ),
    "fee_closed": _Rule(
        "alma_ledger",
        "status",
        "Alma has closed fee {fee}; by our ledger PeopleSoft still asks for {ours}.",
        "Find out in Alma who closed it, then have PeopleSoft told by a credit for the charge.",
        "The next balance export tells PeopleSoft.",
    ),
    "fee_exported": _Rule(
        "alma_ledger",
        "status",
        "Alma has handed fee {fee} to the bursar by itself, while we told PeopleSoft of it too ({ours} open).",
        "Switch off one of the two: Alma's bursar export or our balance export. The student may be charged twice.",
    ),
    "charge_not_listed": _Rule(
        "ledger_bursar",
        "missing_there",
        "PeopleSoft was told to charge {ours} for fee {fee}, and its newest list does not show it.",
        "Ask the PeopleSoft team whether the file was loaded; send the line again if it was not.",
        "PeopleSoft's next list shows it, as a rule.",
    ),
    "item_not_sent": _Rule(
        "ledger_bursar",
        "missing_here",
        "PeopleSoft asks student {emplid} for {theirs} under {reference}; our ledger never charged that.",
        "Ask the bursar where the charge comes from; it may be from before this portal, or typed by hand.",
    ),
    "item_amount": _Rule(
        "ledger_bursar",
        "amount",
        "Fee {fee}: we told PeopleSoft {ours} in all, PeopleSoft's item is over {theirs}.",
        "Compare the item in PeopleSoft with the fee's page, and have the wrong one corrected.",
        "PeopleSoft's next list has the change, as a rule.",
    ),
    "item_applied": _Rule(
        "ledger_bursar",
        "amount",
        "Item {item}: PeopleSoft has applied {theirs}, our books have received {ours} for it.",
        "Look for the payment file that is missing or was refused, and take it in.",
    ),
    "hold_stuck": _Rule(
        "holds",
        "stuck_hold",
        "PeopleSoft has hold {code} on student {emplid}; by our register it was released, or never placed by us.",
        "See on the student's page whether money is owed. If not, send the release again or have the hold taken off.",
        "It was released only lately, and PeopleSoft may not have loaded the file yet.",
    ),
    "hold_missing": _Rule(
        "holds",
        "missing_hold",
        "By our register student {emplid} has hold {code} for {ours}; PeopleSoft's list does not show it.",
        "Ask the PeopleSoft team whether the file was loaded, or who took the hold off; then place it again.",
        "It was placed only lately, and PeopleSoft may not have loaded the file yet.",
    ),
    "file_missing": _Rule(
        "files",
        "missing_file",
        "No payment file has come {since}; one is expected {expected}.",
        "Ask the PeopleSoft team whether their job ran, and look at the place where the files are left.",
    ),
    "money_waits": _Rule(
        "money",
        "clearing",
        "{ours} received as {reference} is neither posted nor set aside after {hours} hours: it is {state}.",
        "Open the payment: give it to a fee, ask for a refund, or have it looked for in Alma.",
    ),
    "money_taken_back": _Rule(
        "money",
        "clearing",
        "PeopleSoft took {ours} back as {reference}, and after {hours} hours nobody has dealt with it: it is {state}.",
        "Open the payment: see what was posted of it, have that mended in Alma, and say why nothing is left to do.",
    ),
    "money_sum": _Rule(
        "money",
        "amount",
        "Payment {reference} is over {theirs}, and its parts add up to {ours}.",
        "Call the people who run the portal; nothing more should be posted of this payment.",
    ),
}
CASES: Final = tuple(_RULES)


def judge(beside: Beside, now: datetime, timing_hours: int) -> Finding:
    """The difference in words. While it is younger than ``timing_hours`` and may clear by itself it is only timing.

    A moment that lies ahead of ``now`` is young: the clock that told it is ahead of ours.
    """
    rule = _RULES[beside.case]
    words = {
        "fee": beside.fee_ref,
        "emplid": beside.emplid,
        "ours": _money(beside.ours_cents),
        "theirs": _money(beside.theirs_cents),
        "times": "",
    } | dict(beside.words)
    reason = rule.reason.format_map(words)
    is_young = beside.happened_at is not None and now - beside.happened_at < timedelta(hours=timing_hours)
    if rule.meanwhile and timing_hours > 0 and is_young:
        return Finding(rule.books, "timing", reason, f"Nothing yet. {rule.meanwhile}")
    return Finding(rule.books, rule.kind, reason, rule.next_action)


def age_words(since: datetime, now: datetime) -> str:
    """How old a difference is: "3 hours", "1 day"."""
    hours = max(0, int((now - since).total_seconds() // 3600))
    count, unit = (hours, "hour") if hours < 48 else (hours // 24, "day")
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def _money(cents: int | None) -> str:
    return "nothing" if cents is None else format_cents(cents)
