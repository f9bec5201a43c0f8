"""What pages about reconciliation say in words: which books, what kind of difference, and how things stand."""

from __future__ import annotations

from collections.abc import Mapping

from webapp.campus.fee_life import Standing
from webapp.campus.words import counted
from webapp.domain.money import format_cents
from webapp.models import MoneyCheck
from webapp.store.difference_pages import BooksNow

BOOKS: Mapping[str, str] = {
    "alma_ledger": "Alma and our ledger",
    "ledger_bursar": "Our ledger and PeopleSoft",
    "holds": "Holds",
    "files": "Files",
    "money": "Money received",
    "gateway": "Payment page",
}
KINDS: Mapping[str, str] = {
    "missing_there": "Missing in the other book",
    "missing_here": "Missing in our ledger",
    "amount": "Amounts differ",
    "status": "States differ",
    "timing": "Only a matter of time",
    "stuck_hold": "Hold that stays",
    "missing_hold": "Hold that is missing",
    "missing_file": "File that did not come",
    "clearing": "Money that waits too long",
}
# Whose figures stand beside each other: ours, and theirs.
_SIDES: Mapping[str, tuple[str, str]] = {
    "alma_ledger": ("Our ledger", "Alma"),
    "ledger_bursar": ("Our ledger", "PeopleSoft"),
    "holds": ("Our register", "PeopleSoft"),
    "gateway": ("Our ledger", "Payment page"),
}
# The icon and colour of a kind: what time may clear is quiet.
LOOKS: Mapping[str, str] = {"timing": "waiting", "missing_file": "overdue", "clearing": "overdue"}


def kind_title(kind: str, books: str) -> str:
    """A difference as a heading: what misses something is named where the books say it."""
    if kind == "missing_there" and books in _SIDES:
        return f"Missing in {sides(books)[1]}"
    return KINDS[kind]


def sides(books: str) -> tuple[str, str]:
    """Whose figures they are: ours, and theirs."""
    return _SIDES.get(books, ("Ours", "Theirs"))


def kind_look(kind: str) -> str:
    """The state whose icon and colour a kind of difference has."""
    return LOOKS.get(kind, "quarantined")


def money_states(check: MoneyCheck) -> list[tuple[str, int, str]]:
    """Where the money that was received is, part by part, and the state under which the desk has it (empty: not there)."""
    return [
        ("Posted in Alma", check.posted_cents, ""),
        ("To be posted, or on its way", check.waiting_cents, ""),
        ("Posted or not, to be looked at", check.unknown_cents, "unknown"),
        ("Without a fee", check.unapplied_cents, "unapplied"),
        ("Refunded, or to be refunded", check.refunded_cents, "refund_due"),
        ("Set aside", check.set_aside_cents, ""),
    ]


def money_parts(check: MoneyCheck) -> list[tuple[str, int]]:
    """Where the money that was received is, part by part."""
    return [(title, cents) for title, cents, _ in money_states(check)]


def standing(now: BooksNow) -> Standing:
    """Is all well: the first thing a person reads."""
    if now.check is not None and not now.check.is_equal:
        off = now.check.received_cents - sum(cents for _, cents in money_parts(now.check))
        return Standing(
            "bad",
            "The money does not add up.",
            f"{format_cents(abs(off))} of what was received is {'nowhere' if off > 0 else 'counted twice'}. Nothing is lost in "
            "the books themselves: tell whoever runs Feebridge, with the time of the check.",
        )
    if now.last_run is not None and now.last_run.state == "failed":
        return Standing(
            "bad",
            "The last comparison failed.",
            "What is listed here is older than it should be; the run says why and what to do.",
        )
    asking = now.totals.count - now.totals.timing
    if asking:
        return Standing(
            "ask",
            f"{counted(asking, 'difference')} {'needs' if asking == 1 else 'need'} a person.",
            "Each says what to do next." + _in_time(now.totals.timing),
        )
    if now.last_run is None:
        return Standing(
            "quiet",
            "The books were not compared yet.",
            "Every night Alma, our ledger and PeopleSoft are compared, once Reconciliation has a schedule.",
        )
    if now.totals.timing:
        return Standing("good", "The books agree.", _in_time(now.totals.timing).strip())
    return Standing("good", "The books agree.", "Alma, our ledger and PeopleSoft say the same.")


def _in_time(count: int) -> str:
    if not count:
        return ""
    return f" {counted(count, 'difference')} should clear {'itself' if count == 1 else 'themselves'} in time."
