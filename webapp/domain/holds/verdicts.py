"""The named rules: every row that comes in leaves under exactly one of them, or in a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from webapp.domain.holds.policy import HoldPolicy, fold

# Left out on purpose. The words finish the sentence "These rows are not in the file: ...".
EXCLUDED = {
    "closed": "closed in Alma or already exported to the bursar",
    "credit_covers": "covered by the patron's own credits",
    "disputed": "in dispute",
    "exempt_group": "of a patron group that is exempt",
    "grace": "still within the days of grace",
    "ignored_row": "left out because a person decided so at the desk",
    "ignored_type": "of a type this campus ignores",
    "below_minimum": "below the campus's minimum total",
    "no_trigger": "of types that do not cause a hold by themselves",
    "paid_since": "paid in Alma since the report was made",
    "repeated": "the same fee reported again",
    "temporarily_released": "of a patron with a temporary release",
    "zero_balance": "with nothing left to pay",
}
# Parked until a person decides.
QUARANTINED = {
    "refused": "The source could not use the row.",
    "impossible_amount": "The amount is beyond what one fee can owe.",
    "unknown_type": "The fee type is not among the campus's known types.",
    "unknown_status": "The status is none that Alma knows (ACTIVE, INDISPUTE, EXPORTED, CLOSED).",
    "no_emplid": "The row has no EMPLID.",
    "no_date": "The row has no date, and the campus gives days of grace.",
    "conflicting": "The same fee was reported more than once, with different balances or patrons.",
    "unprintable": "The row does not fit the file layout.",
}
# In a file, or known to PeopleSoft already.
KEPT = {
    "added": "new on hold",
    "updated": "already on hold, the total changed",
    "unchanged": "already on hold with this total",
    "held_back": "left as it is, because a row of the patron is in quarantine",
}
# 20 million dollars either way; no fee of a library or a parking office comes near.
MOST_CENTS = 2_000_000_000
SEEN = "seen"
REPEATED, CONFLICTING, REFUSED, IGNORED = "repeated", "conflicting", "refused", "ignored_row"
PAID_SINCE = "paid_since"

CLOSED_STATUSES = frozenset({"CLOSED", "EXPORTED"})
OPEN_STATUSES = frozenset({"ACTIVE", "INDISPUTE"})


@dataclass(frozen=True, slots=True)
class KindOfFee:
    """What the policy looks at in a row, apart from money and dates. There are few kinds in a million rows."""

    fee_type: str
    status: str
    user_type: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What the policy does with a kind of fee: a verdict that takes it out, or None and the hold it leads to."""

    verdict: str | None
    is_trigger: bool
    hold_code: str
    hold_reason: str


def judge_kind(policy: HoldPolicy, kind: KindOfFee) -> Fate:
    """The fate of every row of one kind."""
    mapped = policy.code_for(kind.fee_type)
    is_trigger = not policy.trigger_types or fold(kind.fee_type) in policy.trigger_types
    return Fate(_kind_verdict(policy, kind), is_trigger, mapped.code, mapped.reason)


def _kind_verdict(policy: HoldPolicy, kind: KindOfFee) -> str | None:  # noqa: PLR0911 - a list of rules, in order
    if kind.status in CLOSED_STATUSES:
        return "closed"
    if kind.status not in OPEN_STATUSES:
        return "unknown_status"
    if kind.status == "INDISPUTE" and policy.keep_disputed_out:
        return "disputed"
    if fold(kind.user_type) in policy.exempt_groups:
        return "exempt_group"
    if fold(kind.fee_type) in policy.ignored_types:
        return "ignored_type"
    if policy.known_types and fold(kind.fee_type) not in policy.known_types:
        return "unknown_type"
    return None


def judge_row(  # noqa: PLR0911 - a list of rules, in order
    policy: HoldPolicy, fate: Fate, *, emplid: str, balance_cents: int, billed_on: date | None, on: date
) -> str | None:
    """The verdict on one row, or None when it counts. The store's SQL says the same for a million rows."""
    if balance_cents == 0:
        return "zero_balance"
    if abs(balance_cents) > MOST_CENTS:
        return "impossible_amount"
    if fate.verdict is not None:
        return fate.verdict
    if not emplid:
        return "no_emplid"
    # Grace is about being asked to pay; a credit counts at once.
    if policy.grace_days and balance_cents > 0:
        if billed_on is None:
            return "no_date"
        if billed_on > last_day_past_grace(policy, on):
            return "grace"
    return None


def last_day_past_grace(policy: HoldPolicy, on: date) -> date:
    """Debts billed up to this day are past their days of grace."""
    return on - timedelta(days=policy.grace_days)
