"""The balance export: what the bursar must be told so that what it was told equals what is owed in Alma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from webapp.domain.money import format_cents

# Alma's fee states, https://developers.exlibrisgroup.com/alma/apis/docs/xsd/rest_fee.xsd
ACTIVE, DISPUTED, EXPORTED, CLOSED = "ACTIVE", "INDISPUTE", "EXPORTED", "CLOSED"

EXCLUDED: Final = {
    "unchanged": "the bursar was told just that",
    "disputed": "in dispute; what the bursar was told stays as it is",
    "exported": "handed to the bursar by Alma itself",
    "in_doubt": "it is in a file of which nobody knows whether it arrived",
    "not_seen": "the source did not look at this patron",
    "source_incomplete": "the source could not read every row, and this fee may be among them",
    "negative_balance": "below zero: Alma owes the patron",
    "rejected_by_peoplesoft": "PeopleSoft rejected its line, which waits at the desk or was left out there",
    "sent_again": "a rejected line of it is on its way",
    "recalled": "recalled by a person",
    "ignored": "left out at the desk",
}
QUARANTINED: Final = {
    "no_fee_id": "the source gives no id for this fee, so what the bursar was told of it cannot be found",
    "repeated_id": "the source gives this id to several fees or with several balances",
    "unknown_status": "its state is none that Alma knows (ACTIVE, INDISPUTE, EXPORTED, CLOSED)",
    "patron_changed": "it now belongs to another patron than the one the bursar was told",
}
# Said of a fee without looking at its balance, in this order.
_WAITS: Final = ("rejected_by_peoplesoft", "sent_again", "recalled", "ignored")


@dataclass(frozen=True, slots=True)
class FeeState:
    """One fee as the source has it beside what the bursar was told of it.

    ``balance_cents`` is None when the source does not list the fee; then ``is_covered`` says that it would, were
    anything owed, and ``is_guarded`` that it may be among the rows nobody could read. ``told_cents`` are its charges
    less what was taken back. ``waits`` names what a person has to decide first.

    ``posted_cents`` is money that the bursar took for it and that lowered the balance in Alma: the bursar knows of it,
    so it is nothing to take back. ``perhaps_posted_cents`` is more of it, of which the balance may not know yet.
    """

    balance_cents: int | None
    told_cents: int = 0
    status: str = ACTIVE
    is_in_doubt: bool = False
    is_covered: bool = True
    is_guarded: bool = False
    differs: bool = False
    is_same_patron: bool = True
    waits: str = ""
    posted_cents: int = 0
    perhaps_posted_cents: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """What to tell: ``send`` by ``amount_cents`` (above zero: a charge; below: taken back), or why not, by rule."""

    verdict: str
    amount_cents: int
    rule: str = ""
    words: str = ""


def difference(fee: FeeState) -> Difference:
    """The one difference between what a fee owes and what was told of it; never a guess where either is not known."""
    is_open = fee.balance_cents is not None and _status(fee) != CLOSED
    cents = _beyond_posted(fee, fee.balance_cents or 0 if is_open else 0)
    if rule := fee.waits or ("in_doubt" if fee.is_in_doubt else ""):
        return _excluded(rule, cents)
    if fee.balance_cents is None:
        return _gone(fee, cents)
    if rule := _doubt(fee, cents):
        return Difference("quarantined", cents, rule, QUARANTINED[rule])
    if rule := _left_out(fee):
        return _excluded(rule, cents)
    return Difference("send", cents) if cents else _excluded("unchanged", 0)


def _beyond_posted(fee: FeeState, balance_cents: int) -> int:
    """Balance less what was told, with the bursar's own payments added back; 0 where those alone may explain it.

    Never more is added back than was told: a payment for a fee of another time is no reason to charge.
    """
    least = balance_cents + min(fee.posted_cents, fee.told_cents)
    most = balance_cents + min(fee.posted_cents + fee.perhaps_posted_cents, fee.told_cents)
    return min(0, most - fee.told_cents) or max(0, least - fee.told_cents)


def _doubt(fee: FeeState, cents: int) -> str:
    """By which rule a person must look at a listed fee; empty: nobody."""
    if fee.differs:
        return "repeated_id"
    if _status(fee) not in {ACTIVE, CLOSED, DISPUTED, EXPORTED}:
        return "unknown_status"
    return "patron_changed" if cents and fee.told_cents and not fee.is_same_patron else ""


def _left_out(fee: FeeState) -> str:
    """By which rule a listed fee stays as it was told; empty: it does not."""
    named = {DISPUTED: "disputed", EXPORTED: "exported"}.get(_status(fee), "")
    is_negative = _status(fee) == ACTIVE and (fee.balance_cents or 0) < 0
    return named or ("negative_balance" if is_negative else "")


def _status(fee: FeeState) -> str:
    return fee.status.strip().upper() or ACTIVE


def words_of(fee: FeeState, cents: int) -> str:
    """Why the difference is sent, for the ledger and the line's page."""
    if fee.balance_cents is None or _status(fee) == CLOSED:
        return f"closed in Alma; {format_cents(fee.told_cents)} was told{_paid_there(fee)}"
    if not fee.told_cents:
        return "new in Alma"
    way = "up" if cents > 0 else "down"
    return f"{way} from {format_cents(fee.told_cents)} to {format_cents(fee.balance_cents)}{_paid_there(fee)}"


def first_wait(found: set[str]) -> str:
    """Of several things that a person has to decide, the one to name."""
    return next((rule for rule in _WAITS if rule in found), "")


def _paid_there(fee: FeeState) -> str:
    posted_cents = fee.posted_cents + fee.perhaps_posted_cents
    return f", {format_cents(posted_cents)} of it was paid to the bursar" if posted_cents else ""


def _gone(fee: FeeState, cents: int) -> Difference:
    if not cents:
        return _excluded("unchanged", 0)
    if fee.is_guarded:
        return _excluded("source_incomplete", cents)
    # Nothing is known of it, so there is no difference either.
    return Difference("send", cents) if fee.is_covered else _excluded("not_seen", 0)


def _excluded(rule: str, cents: int) -> Difference:
    return Difference("excluded", cents, rule, EXCLUDED[rule])
