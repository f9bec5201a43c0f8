"""A person says where money on the desk goes: to fees, back to its payer, or nowhere, each with a reason and a name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from webapp.domain.money import format_cents
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit, campus_settings
from webapp.services.submit_run import submit_run
from webapp.store import alma_fees, money, netting, posting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from webapp.services.audit import Actor
    from webapp.store.posting import LineToPost

LONGEST_REASON = 500
MOST_PARTS = 50


class MoneyRefusedError(Exception):
    """Nothing was changed; the message is a sentence for the person who asked."""


def apply_to_fees(
    tenant_id: int, payment_id: int, n: int, parts: Sequence[tuple[str, int]], *, actor: Actor, reason: str
) -> int | None:
    """Have money without a fee posted to these fees, each (the ledger's or Alma's name of it, cents); what is left stays.

    Returns the posting run that was asked for; None where the campus posts nothing to Alma.

    Raises: LookupError; MoneyRefusedError when it is no payment, the parts are more than the money, a fee is another
    patron's, or two names are one fee.
    """
    reason = _reason(reason)
    with _at_the_desk(tenant_id, payment_id, n) as (session, line):
        left = _check_parts(line, parts)
        rule, why = money.rule_of(session, payment_id, n)
        new = [_part(session, line, name, cents, reason) for name, cents in parts]
        if len({part.fee_ref for part in new}) < len(new):
            raise MoneyRefusedError("Two of the names are the same fee. Nothing was changed.")
        kept = [posting.NewPart(left, "unapplied", line.op, rule, why, fee_ref="", fee_id="")] if left else []
        numbers = posting.replace_line(session, line, [*new, *kept], None)
        for number in numbers[: len(new)]:
            posting.decide_line(session, payment_id, number, "applied", actor.person_id)
        money.tell_ledger(session, payment_id, numbers[: len(new)])
        _decide(session, line, actor, "applied", reason)
        way = campus_settings.read_all(session)["posting"]["way"]
        session.commit()
    if way == "none":
        return None
    return submit_run(tenant_id, "payment_posting", requested_by=actor.person_id, actor=actor)


def ask_refund(
    tenant_id: int, payment_id: int, n: int, *, actor: Actor, reason: str, owner_id: int | None = None
) -> None:
    """The money is to go back to its payer: a task with an owner. Raises: LookupError; MoneyRefusedError."""
    reason = _reason(reason)
    with _at_the_desk(tenant_id, payment_id, n) as (session, line):
        _check_was_paid(line)
        if line.amount_cents <= 0:
            raise MoneyRefusedError("What was taken back already cannot be refunded. Nothing was changed.")
        money.move(session, line, "refund_due", reason=reason, owner_id=owner_id or actor.person_id)
        _decide(session, line, actor, "refund", reason)
        session.commit()


def refund_done(tenant_id: int, payment_id: int, n: int, *, on: date, receipt: str, actor: Actor) -> None:
    """The payer has the money back, with the receipt's number. Raises: LookupError; MoneyRefusedError."""
    receipt = _reason(
        receipt, "Give the number of the refund, so that it can be found again. Nothing was changed."
    )
    with _locked(tenant_id, payment_id, n) as (session, line):
        if line.state != "refund_due":
            raise MoneyRefusedError(
                f"{line.external_id} is not to be refunded (any more). Nothing was changed."
            )
        money.move(session, line, "refunded", reason=f"Refunded on {on:%m/%d/%Y}, {receipt}.")
        _decide(session, line, actor, "refunded", receipt)
        session.commit()


def ignore_money(tenant_id: int, payment_id: int, n: int, *, actor: Actor, reason: str) -> None:
    """The money needs nothing from us: a repeat, another department's, mended by hand in Alma.

    Raises: LookupError; MoneyRefusedError.
    """
    reason = _reason(reason)
    with _at_the_desk(tenant_id, payment_id, n) as (session, line):
        money.move(session, line, "ignored", reason=reason)
        _decide(session, line, actor, "ignored", reason)
        session.commit()


def pull_back(tenant_id: int, payment_id: int, n: int, *, actor: Actor, reason: str) -> None:
    """Money that waits to be posted, or was set aside, waits for a person again; the ledger learns that the fee has it not.

    Raises: LookupError; MoneyRefusedError when it is on its way to Alma or there already.
    """
    reason = _reason(reason)
    with _locked(tenant_id, payment_id, n) as (session, line):
        if line.state == "ignored":
            money.move(session, line, "unapplied", reason=reason)
        elif line.state == "waiting":
            part = posting.NewPart(
                line.amount_cents, "unapplied", line.op, "pulled_back", reason, fee_ref="", fee_id=""
            )
            posting.replace_line(session, line, [part], None)
            netting.tell_taken_back(session, payment_id, line.fee_ref, line.amount_cents)
        else:
            raise MoneyRefusedError(
                f"{line.external_id} does not wait to be posted (any more), nor was it set aside. Nothing was changed."
            )
        _decide(session, line, actor, "pulled_back", reason)
        session.commit()


def own_money(tenant_id: int, payment_id: int, n: int, *, owner_id: int | None, actor: Actor) -> None:
    """Say who looks after it; None: nobody. Raises: LookupError."""
    with _locked(tenant_id, payment_id, n) as (session, line):
        money.own(session, line, owner_id)
        _audit(session, line, actor, "money.owned", str(owner_id or ""))
        session.commit()


def _check_was_paid(line: LineToPost) -> None:
    if line.kind not in {"payment", "reversal"}:
        raise MoneyRefusedError(
            "Nobody paid this: PeopleSoft says that it is a write-off, a charge taken back, or a refund. Nothing was "
            "changed; have it waived, or ignore it with a reason."
        )


def _check_parts(line: LineToPost, parts: Sequence[tuple[str, int]]) -> int:
    _check_was_paid(line)
    if line.amount_cents <= 0:
        raise MoneyRefusedError("What was taken back cannot pay a fee. Nothing was changed.")
    if not parts or len(parts) > MOST_PARTS:
        raise MoneyRefusedError(f"Name the fees, {MOST_PARTS} at most. Nothing was changed.")
    names = [name for name, _ in parts]
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise MoneyRefusedError("Each fee is named once, and none is left empty. Nothing was changed.")
    if any(cents <= 0 for _, cents in parts):
        raise MoneyRefusedError("Each part must be above $0.00. Nothing was changed.")
    left = line.amount_cents - sum(cents for _, cents in parts)
    if left < 0:
        raise MoneyRefusedError(
            f"The parts are {format_cents(-left)} more than the {format_cents(line.amount_cents)} there is. Nothing was "
            "changed."
        )
    return left


def _part(session: ScopedSession, line: LineToPost, name: str, cents: int, reason: str) -> posting.NewPart:
    seen = alma_fees.seen_fee(session, name)
    # The ledger may know the fee by its other name, and must learn there that it is paid.
    names = [name, seen.fee_id, seen.bursar_ref] if seen else [name]
    fee_ref = next((one for one in names if one and money.is_known_fee(session, one)), "")
    if seen is None and not fee_ref:
        raise MoneyRefusedError(
            f"No fee {name} is known here. Nothing was changed; look for its number in Alma."
        )
    owner = (seen.emplid if seen else "") or money.emplid_of_fee(session, fee_ref)
    if owner and line.emplid and owner != line.emplid:
        raise MoneyRefusedError(f"Fee {name} is another patron's. Nothing was changed.")
    return posting.NewPart(
        cents, "waiting", "pay", "", reason, fee_ref=fee_ref or name, fee_id=seen.fee_id if seen else ""
    )


@contextmanager
def _at_the_desk(tenant_id: int, payment_id: int, n: int) -> Iterator[tuple[ScopedSession, LineToPost]]:
    with _locked(tenant_id, payment_id, n) as (session, line):
        if line.state != "unapplied":
            raise MoneyRefusedError(
                f"{line.external_id} does not wait for a person (any more). Nothing was changed."
            )
        yield session, line


@contextmanager
def _locked(tenant_id: int, payment_id: int, n: int) -> Iterator[tuple[ScopedSession, LineToPost]]:
    with tenant_scope(tenant_id) as session:
        line = posting.the_line(session, payment_id, n, lock=True)
        if line is None:
            raise LookupError(f"line {n} of payment {payment_id}")
        yield session, line


def _decide(session: ScopedSession, line: LineToPost, actor: Actor, decision: str, reason: str) -> None:
    posting.decide_line(session, line.payment_id, line.n, decision, actor.person_id)
    _audit(session, line, actor, f"money.{decision}", reason)


def _audit(session: ScopedSession, line: LineToPost, actor: Actor, action: str, reason: str) -> None:
    audit.record(
        session,
        actor=actor,
        action=action,
        subject=f"payment/{line.payment_id}/{line.n}",
        after={"external_id": line.external_id, "amount": format_cents(line.amount_cents), "reason": reason},
    )


def _reason(reason: str, sentence: str = "Say why. Nothing was changed.") -> str:
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not reason:
        raise MoneyRefusedError(sentence)
    return reason
