"""What to do with a payment's line, given its fee as Alma shows it: post, confirm, part, or put aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from webapp.domain.balances import ACTIVE, CLOSED, DISPUTED, EXPORTED
from webapp.domain.money import format_cents

if TYPE_CHECKING:
    from collections.abc import Mapping

Look = Literal["happened", "did_not_happen", "cannot_tell"]

PAYMENT, WAIVE = "PAYMENT", "WAIVE"
PAY_OP, WAIVE_OP, IMPORT_OP = "pay", "waive", "import"
# A payment whose answer was lost may still come into effect: that it is not there counts only so long after it was
# sent. Twice the longest time that we wait for an answer.
LATE_EFFECT_S: Final = 60.0
# A threshold met again so soon after midnight: this machine's clock is ahead of Alma's.
_AFTER_MIDNIGHT: Final = timedelta(minutes=30)
_ASK_AGAIN: Final = timedelta(minutes=10)
_PAST_MIDNIGHT: Final = timedelta(minutes=2)
_FOLLOW_UP: Final = timedelta(minutes=15)
_LONGEST_FOLLOW_UP: Final = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class EntryNow:
    """One transaction on a fee, as Alma lists it; cents are positive."""

    type_code: str
    amount_cents: int
    external_id: str = ""
    transaction_id: str = ""
    comment: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FeeNow:
    """A fee as Alma has just shown it."""

    fee_id: str
    status: str
    balance_cents: int
    entries: tuple[EntryNow, ...] = ()
    original_cents: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What a line asks for. ``external_id`` is the name under which Alma is to know it."""

    external_id: str
    amount_cents: int
    op: str = PAY_OP


@dataclass(frozen=True, slots=True)
class Before:
    """The fee right before a line was sent to it, by which a later look tells what has changed."""

    owed_cents: int
    # Transactions that could be taken for ours, and the sum of all payments and waivers.
    alike: int = 0
    settled_cents: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with a line; ``reason`` is a sentence.

    ``post``: so many ``cents`` of it, what is left over goes to the desk under ``rule``. ``confirmed``: Alma has it
    already. ``put_aside``: all of it goes to the desk. ``doubt``: a person must look at the fee.
    """

    act: Literal["post", "confirmed", "put_aside", "doubt"]
    cents: int = 0
    left_over_cents: int = 0
    rule: str = ""
    reason: str = ""
    transaction_id: str = ""


def next_step(part: Part, fee: FeeNow, *, pay_exported: bool = False, by_file: bool = False) -> Step:
    """What to do with a line about which there is no open question, given its fee as it is now.

    ``by_file``: it goes through Alma's bursar import, which is made for fees that were handed to the bursar.
    """
    entry = entry_of(part, fee)
    if entry is not None:
        if entry.amount_cents == part.amount_cents:
            return Step("confirmed", part.amount_cents, transaction_id=entry.transaction_id)
        return Step(
            "doubt",
            reason=f"Alma shows {part.external_id} on fee {fee.fee_id} with {format_cents(entry.amount_cents)} instead of "
            f"{format_cents(part.amount_cents)}. Nothing was sent; look at the fee in Alma.",
        )
    owed_cents = transferred_cents(fee) if by_file and _status(fee) == EXPORTED else fee.balance_cents
    if closed := _why_not(fee, owed_cents, pay_exported=pay_exported or by_file):
        rule, reason = closed
        return Step("put_aside", rule=rule, reason=reason)
    fits = min(part.amount_cents, owed_cents)
    left_over = part.amount_cents - fits
    if not left_over:
        return Step("post", fits)
    reason = (
        f"Only {format_cents(owed_cents)} is still owed on fee {fee.fee_id}; {format_cents(left_over)} of "
        f"{format_cents(part.amount_cents)} did not fit any more."
    )
    return Step("post", fits, left_over, "shrunk", reason)


def entry_of(part: Part, fee: FeeNow) -> EntryNow | None:
    """The line's own transaction on the fee. A waiver carries no external id, so ours stands in its comment."""
    if part.op == WAIVE_OP:
        mine = (e for e in fee.entries if e.type_code == WAIVE and part.external_id in e.comment.split())
    else:
        mine = (e for e in fee.entries if e.external_id == part.external_id)
    return next(mine, None)


def evidence_of(part: Part, fee: FeeNow) -> dict[str, str | int]:
    """What the fee proves about a line that happened: Alma's transaction, and what was left of the balance."""
    entry = entry_of(part, fee)
    return {
        "transaction_id": entry.transaction_id if entry else "",
        "balance_cents": fee.balance_cents,
    }


def look_at(part: Part, fee: FeeNow, before: Before) -> Look:
    """Whether a line that may have reached Alma did, by the fee as it is now."""
    entry = entry_of(part, fee)
    if entry is not None:
        return "happened" if entry.amount_cents == part.amount_cents else "cannot_tell"
    is_new = _alike(part, fee) > before.alike
    gone_cents = before.owed_cents - _owed_cents(fee)
    # What no payment and no waiver explains.
    vanished_cents = gone_cents - (_settled_cents(fee) - before.settled_cents)
    if part.op == IMPORT_OP:
        return "happened" if is_new or vanished_cents >= part.amount_cents else "cannot_tell"
    if part.op == WAIVE_OP:
        # Should Alma not show comments: one more waiver of the amount than before, or a fee that has not changed.
        if is_new and gone_cents >= part.amount_cents:
            return "happened"
        return "cannot_tell" if gone_cents else "did_not_happen"
    # Should Alma have lost our name for it: somebody must look before the same money is sent again.
    is_doubtful = (is_new and gone_cents >= part.amount_cents) or vanished_cents >= part.amount_cents
    return "cannot_tell" if is_doubtful else "did_not_happen"


def believed(seen: Look, age_s: float | None, settles_after_s: float) -> Look:
    """What a look is worth so long after the sending: an effect whose answer was lost may still come late."""
    is_too_early = age_s is not None and age_s < settles_after_s
    return "cannot_tell" if seen == "did_not_happen" and is_too_early else seen


def before_of(part: Part, fee: FeeNow) -> Before:
    """What to remember of the fee right before a line is sent to it."""
    return Before(_owed_cents(fee), _alike(part, fee), _settled_cents(fee))


def before_in(detail: Mapping[str, Any]) -> Before:
    """What an effect's detail remembers of the fee; where it remembers nothing, nothing looks changed."""
    return Before(**detail["before"]) if "before" in detail else Before(0)


def next_try_at(now: datetime, reset_at: datetime) -> datetime:
    """When to go on after Alma's daily threshold: past its midnight, or soon if that has just been by our clock."""
    since_midnight = now - (reset_at - timedelta(days=1))
    if timedelta(0) <= since_midnight < _AFTER_MIDNIGHT:
        return now + _ASK_AGAIN
    return reset_at + _PAST_MIDNIGHT


def follow_up_after(follow_ups: int) -> timedelta:
    """How long after a run that left something open the next one looks again: 15 minutes, doubled up to four hours."""
    return min(_FOLLOW_UP * (1 << min(follow_ups, 10)), _LONGEST_FOLLOW_UP)


def transferred_cents(fee: FeeNow) -> int:
    """What is owed on a fee that was handed to the bursar: Alma shows no balance of it, only what has come back."""
    return (fee.original_cents or 0) - _settled_cents(fee)


def _owed_cents(fee: FeeNow) -> int:
    is_transferred = _status(fee) == EXPORTED and fee.original_cents is not None
    return transferred_cents(fee) if is_transferred else fee.balance_cents


def _settled_cents(fee: FeeNow) -> int:
    return sum(entry.amount_cents for entry in fee.entries if entry.type_code in {PAYMENT, WAIVE})


def _alike(part: Part, fee: FeeNow) -> int:
    """How many transactions of the line's amount might be the line, should Alma not name it as we do."""
    type_code = WAIVE if part.op == WAIVE_OP else PAYMENT
    same = [e for e in fee.entries if e.type_code == type_code and e.amount_cents == part.amount_cents]
    # What was paid at a desk has a number of Alma's own.
    return sum(1 for entry in same if part.op != PAY_OP or not entry.external_id)


def _status(fee: FeeNow) -> str:
    return fee.status.strip().upper()


def _why_not(fee: FeeNow, owed_cents: int, *, pay_exported: bool) -> tuple[str, str] | None:
    status = _status(fee)
    if status == CLOSED:
        return "closed", f"Fee {fee.fee_id} is closed in Alma: it was paid or waived otherwise."
    if status == DISPUTED:
        return "disputed", f"Fee {fee.fee_id} is in dispute in Alma, which takes no payment for it meanwhile."
    if status == EXPORTED and not pay_exported:
        return (
            "exported",
            f"Alma has handed fee {fee.fee_id} to the bursar, and such fees are not paid from here.",
        )
    if status not in {ACTIVE, EXPORTED}:
        return (
            "rejected",
            f"Fee {fee.fee_id} is in state {fee.status!r} in Alma, which Feebridge does not know.",
        )
    if owed_cents <= 0:
        return "closed", f"Nothing is owed on fee {fee.fee_id} in Alma any more."
    return None
