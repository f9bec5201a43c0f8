"""The reference of the hold decision: plain, row by row, and the judge of the set-based SQL that does it at scale."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from webapp.domain.fees import OutstandingFee, PatronSeen, RefusedRow, SourceRow
from webapp.domain.holds.verdicts import (
    CONFLICTING,
    QUARANTINED,
    REFUSED,
    REPEATED,
    KindOfFee,
    judge_kind,
    judge_row,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from webapp.domain.holds.policy import HoldPolicy

UNCHANGED, HOLD_BACK = "=", "H"
KEPT_BY_ACTION = {"A": "added", "U": "updated", UNCHANGED: "unchanged", HOLD_BACK: "held_back"}


@dataclass(frozen=True, slots=True)
class HoldInForce:
    """One row of the register: what PeopleSoft was last told."""

    emplid: str
    hold_code: str
    amount_cents: int
    hold_reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One line to send: ``action`` A added, U updated (the final total, overwriting), R released (0)."""

    action: str
    emplid: str
    hold_code: str
    hold_reason: str
    amount_cents: int
    previous_cents: int = 0
    item_count: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows and cents."""

    rows: int = 0
    cents: int = 0

    def plus(self, rows: int, cents: int) -> Tally:
        """This much more."""
        return Tally(self.rows + rows, self.cents + cents)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one collection means. ``tallies`` hold every row and cent that came in under exactly one name."""

    changes: tuple[Change, ...]
    tallies: Mapping[str, Tally]
    held_back: frozenset[tuple[str, str]] = frozenset()


@dataclass(slots=True)
class _Account:
    """One patron's rows as they are gathered."""

    counted: dict[str, list[OutstandingFee]] = field(default_factory=lambda: defaultdict(list))
    triggers: bool = False
    doubtful_debt: bool = False
    doubtful_credit: bool = False

    def doubt(self, amount_cents: int | None) -> None:
        """A row of theirs is in quarantine: what they owe is not known for sure."""
        if amount_cents is not None and amount_cents < 0:
            self.doubtful_credit = True
        else:
            self.doubtful_debt = True

    def holds(self) -> dict[str, int]:
        """Cents per hold code. Credits are used up over the codes in order, so that the holds add up to the debt."""
        sums = {code: sum(fee.balance_cents for fee in fees) for code, fees in sorted(self.counted.items())}
        credit = -sum(cents for cents in sums.values() if cents < 0)
        holds = {}
        for code, cents in sums.items():
            used = min(credit, max(cents, 0))
            credit -= used
            holds[code] = max(cents, 0) - used
        return holds


def decide(
    rows: Iterable[SourceRow],
    register: Iterable[HoldInForce],
    policy: HoldPolicy,
    on: date,
    temporarily_released: Collection[str] = (),
    *,
    covers_everyone: bool = True,
) -> Decision:
    """Compare what is owed on a day with what PeopleSoft was last told.

    ``temporarily_released`` are the EMPLIDs with a release in force on that day. With ``covers_everyone`` false,
    patrons whom the source did not mention keep their holds.
    """
    rows = list(rows)
    tallies: dict[str, Tally] = defaultdict(Tally)
    accounts = _gather(rows, policy, on, tallies)
    in_force = {(hold.emplid, hold.hold_code): hold for hold in register}
    changes: list[Change] = []
    held_back: set[tuple[str, str]] = set()
    keys = set(in_force) | {
        (emplid, code) for emplid, account in accounts.items() for code in account.counted
    }
    for emplid, code in sorted(keys):
        account = accounts.get(emplid)
        is_released = emplid in temporarily_released
        if account is None and not covers_everyone and not is_released:
            continue
        _settle(
            account or _Account(), in_force.get((emplid, code)), (emplid, code), policy,
            is_released=is_released, tallies=tallies, changes=changes, held_back=held_back,
        )  # fmt: skip
    return Decision(tuple(changes), dict(tallies), frozenset(held_back))


def _gather(
    rows: list[SourceRow], policy: HoldPolicy, on: date, tallies: dict[str, Tally]
) -> dict[str, _Account]:
    repeats = _repeats(rows)
    accounts: dict[str, _Account] = defaultdict(_Account)
    for n, row in enumerate(rows):
        if isinstance(row, PatronSeen):
            accounts[row.emplid] = accounts[row.emplid]
            continue
        amount_cents = row.amount_cents if isinstance(row, RefusedRow) else row.balance_cents
        verdict = REFUSED
        if isinstance(row, OutstandingFee):
            fate = judge_kind(policy, KindOfFee(row.fee_type, row.status, row.user_type))
            found = repeats.get(n) or judge_row(
                policy,
                fate,
                emplid=row.emplid,
                balance_cents=row.balance_cents,
                billed_on=row.billed_on,
                on=on,
            )
            if found is None:
                account = accounts[row.emplid]
                account.counted[fate.hold_code].append(row)
                account.triggers |= fate.is_trigger and row.balance_cents > 0
                continue
            verdict = found
        tallies[verdict] = tallies[verdict].plus(1, amount_cents or 0)
        if row.emplid:
            account = accounts[row.emplid]
            if verdict in QUARANTINED:
                account.doubt(amount_cents)
    return accounts


def _repeats(rows: list[SourceRow]) -> dict[int, str]:
    """Verdicts on rows whose fee was reported more than once: alike, the first counts; unlike, none does."""
    by_fee: dict[str, list[int]] = defaultdict(list)
    for n, row in enumerate(rows):
        if isinstance(row, OutstandingFee) and row.fee_id:
            by_fee[row.fee_id].append(n)
    verdicts: dict[int, str] = {}
    for places in by_fee.values():
        fees = [fee for n in places if isinstance(fee := rows[n], OutstandingFee)]
        if len(fees) < 2:
            continue
        if len({(fee.emplid, fee.balance_cents) for fee in fees}) == 1:
            verdicts.update(dict.fromkeys(places[1:], REPEATED))
        else:
            verdicts.update(dict.fromkeys(places, CONFLICTING))
    return verdicts


def _settle(
    account: _Account,
    placed: HoldInForce | None,
    key: tuple[str, str],
    policy: HoldPolicy,
    *,
    is_released: bool,
    tallies: dict[str, Tally],
    changes: list[Change],
    held_back: set[tuple[str, str]],
) -> None:
    """Decide one (patron, hold code) and count its rows once."""
    emplid, code = key
    fees = account.counted.get(code, [])
    taken_out = _taken_out(account, policy, is_released=is_released)
    owed_cents = 0 if taken_out else account.holds().get(code, 0)
    action = _action(account, placed, owed_cents, policy, is_released=is_released)
    if fees:
        name = KEPT_BY_ACTION.get(action) or taken_out or "credit_covers"
        # A patron who is taken out leaves with the plain sum; on hold, credits are spread over the codes.
        cents = sum(fee.balance_cents for fee in fees) if taken_out else owed_cents
        tallies[name] = tallies[name].plus(len(fees), cents)
    if action == HOLD_BACK:
        held_back.add(key)
    if action in {"A", "U", "R"}:
        changes.append(
            Change(
                action, emplid, code,
                hold_reason=placed.hold_reason if placed else policy.code_for(_oldest(fees).fee_type).reason,
                amount_cents=owed_cents,
                previous_cents=placed.amount_cents if placed else 0,
                item_count=0 if action == "R" else len(fees),
            )
        )  # fmt: skip


def _oldest(fees: list[OutstandingFee]) -> OutstandingFee:
    """The oldest open debt; a credit only where there is nothing else."""
    return min(fees, key=lambda fee: (fee.balance_cents <= 0, fee.billed_on or date.max, fee.fee_id))


def _taken_out(account: _Account, policy: HoldPolicy, *, is_released: bool) -> str | None:
    """The rule that keeps the whole patron off hold, or None."""
    net_cents = sum(fee.balance_cents for fees in account.counted.values() for fee in fees)
    if net_cents <= 0:
        return "credit_covers"
    if not account.triggers:
        return "no_trigger"
    if net_cents < policy.minimum_total_cents:
        return "below_minimum"
    return "temporarily_released" if is_released else None


def _action(
    account: _Account, placed: HoldInForce | None, owed_cents: int, policy: HoldPolicy, *, is_released: bool
) -> str:
    """A, U, R; UNCHANGED; HOLD_BACK; empty when there was and is no hold.

    A quarantined debt never lowers or lifts a hold, a quarantined credit never places or raises one; a person's
    temporary release stands above both.
    """
    told_cents = placed.amount_cents if placed else 0
    if owed_cents == told_cents:
        return UNCHANGED if owed_cents else ""
    if placed and owed_cents and not policy.tells_amounts:
        return UNCHANGED
    if owed_cents > told_cents:
        if account.doubtful_credit:
            return HOLD_BACK
        return "U" if placed else "A"
    if account.doubtful_debt and not is_released:
        return HOLD_BACK
    return "U" if owed_cents else "R"
