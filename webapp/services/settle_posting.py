"""A person deals with a posting: looks again, gives their word, asks for a waiver, the end of a dispute, or a refund."""

from __future__ import annotations

import contextlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from webapp.adapters.alma.errors import NotFoundError
from webapp.adapters.alma.fee_now import as_now
from webapp.adapters.errors import OutsideError
from webapp.domain.money import format_cents
from webapp.domain.payments.posting import (
    LATE_EFFECT_S,
    WAIVE_OP,
    Part,
    before_in,
    believed,
    evidence_of,
    look_at,
)
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.campus_settings import open_secret, read_all
from webapp.services.change_settings import vault_of
from webapp.services.open_alma import open_alma
from webapp.services.submit_run import submit_run
from webapp.store import alma_fees, effects, posting, runs
from webapp.store.clock import database_now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.adapters.alma.client import AlmaClient
    from webapp.adapters.alma.records import AlmaFee
    from webapp.config import Settings
    from webapp.models import Effect
    from webapp.services.audit import Actor
    from webapp.store.posting import LineToPost

LONGEST_REASON = 500
Found = Literal["posted", "waiting", "unknown"]


class PostingRefusedError(Exception):
    """Nothing was changed; the message is a sentence for the person who asked."""


def check_again(tenant_id: int, payment_id: int, n: int, *, settings: Settings, actor: Actor) -> Found:
    """Look for the line in Alma once more; one call, nothing is sent.

    ``posted``: Alma has it, and the ledger says so now. ``waiting``: Alma surely does not have it, and the next run may
    post it. ``unknown``: as before. Raises: LookupError; PostingRefusedError when there is no open question about it, or
    Alma could not be asked.
    """
    with _open_question(tenant_id, payment_id, n) as (session, line, effect):
        campus, api_key = (
            read_all(session),
            open_secret(session, vault_of(settings), "alma_api_key"),
        )
        before = before_in(effect.detail)
        read_at = database_now(session)
    try:
        with contextlib.closing(open_alma(settings, campus, api_key, person_waits=True)) as client:
            fee = _read(client, line)
    except OutsideError as err:
        raise PostingRefusedError(f"Alma could not be asked: {err.message} Nothing was changed.") from err
    if fee is None:
        return "unknown"
    with _open_question(tenant_id, payment_id, n) as (session, line, effect):
        alma_fees.keep_fees(session, tenant_id, [fee], line.emplid, read_at)
        age_s = posting.sent_seconds_ago(session, line.effect_key)
        seen = believed(look_at(_part(line), as_now(fee), before), age_s, LATE_EFFECT_S)
        if seen == "cannot_tell":
            session.commit()
            return "unknown"
        _settle(
            session,
            line,
            effect,
            arrived=seen == "happened",
            actor=actor,
            how=f"{actor.name} looked for it in Alma",
            fee=fee,
        )
        session.commit()
    return "posted" if seen == "happened" else "waiting"


def mark_posted(tenant_id: int, payment_id: int, n: int, actor: Actor, reason: str) -> None:
    """A person has seen the payment in Alma: it counts as posted. Nothing is sent.

    Raises: LookupError; PostingRefusedError.
    """
    _take_their_word(tenant_id, payment_id, n, actor, reason, arrived=True)


def mark_not_posted(tenant_id: int, payment_id: int, n: int, actor: Actor, reason: str) -> None:
    """A person has seen that the payment is not in Alma: a run is asked for, which looks once more and posts it.

    Raises: LookupError; PostingRefusedError.
    """
    _take_their_word(tenant_id, payment_id, n, actor, reason, arrived=False)


def ask_waiver(tenant_id: int, payment_id: int, n: int, fee_ref: str, actor: Actor, reason: str) -> int:
    """Have a debt that the bursar wrote off waived in Alma by the next posting run; returns the new line's number.

    Raises: LookupError; PostingRefusedError when the line does not wait at the desk, or for want of a fee or reason.
    """
    reason, fee_ref = _reason(reason), fee_ref.strip()
    with _at_the_desk(tenant_id, payment_id, n) as (session, line):
        if not (fee_ref or line.fee_ref):
            raise PostingRefusedError("Say which fee is to be waived. Nothing was changed.")
        if line.kind in {"payment", "reversal"}:
            raise PostingRefusedError(
                f"{line.external_id} was paid, and a waiver would use that money up for nothing. Nothing was changed."
            )
        if line.amount_cents <= 0:
            raise PostingRefusedError(
                "What was taken back cannot be waived; correct the fee in Alma. Nothing was changed."
            )
        is_other = bool(fee_ref) and fee_ref != line.fee_ref
        part = posting.NewPart(
            line.amount_cents,
            "waiting",
            WAIVE_OP,
            reason=reason,
            fee_ref=fee_ref or None,
            fee_id="" if is_other else None,
        )
        (number,) = posting.replace_line(session, line, [part], None)
        _decide(session, line, actor, "waive", reason)
        session.commit()
    _have_it_posted(tenant_id, actor)
    return number


def restore_and_post(tenant_id: int, payment_id: int, n: int, actor: Actor, reason: str) -> int:
    """The dispute about the line's fee is settled: the next posting run ends it in Alma, then posts; the new line's number.

    Raises: LookupError; PostingRefusedError.
    """
    reason = _reason(reason)
    with _at_the_desk(tenant_id, payment_id, n) as (session, line):
        if line.rule != "disputed":
            raise PostingRefusedError(
                "Only money for a fee in dispute can be posted so. Nothing was changed."
            )
        part = posting.NewPart(line.amount_cents, "waiting", line.op, reason=reason)
        (number,) = posting.replace_line(session, line, [part], None)
        posting.decide_line(session, payment_id, number, "restore", actor.person_id)
        _decide(session, line, actor, "restore", reason)
        session.commit()
    _have_it_posted(tenant_id, actor)
    return number


def ask_refund_of_posting(
    tenant_id: int, payment_id: int, n: int, actor: Actor, reason: str, *, owner_id: int | None = None
) -> None:
    """A posting was wrong. Alma's interface takes no payment back, so it becomes a task with an owner: refund due.

    The person mends the fee in Alma by hand; our ledger keeps that it was posted. Raises: LookupError; PostingRefusedError.
    """
    reason = _reason(reason)
    with tenant_scope(tenant_id) as session:
        line = _the_line(session, payment_id, n)
        if line.state != "posted":
            raise PostingRefusedError(
                f"{line.external_id} is not posted, so there is nothing to take back. Nothing was changed."
            )
        posting.make_refund_due(session, line, reason, owner_id or actor.person_id)
        _decide(session, line, actor, "refund_of_posting", reason)
        session.commit()


def _take_their_word(
    tenant_id: int, payment_id: int, n: int, actor: Actor, reason: str, *, arrived: bool
) -> None:
    reason = _reason(reason)
    with _open_question(tenant_id, payment_id, n) as (session, line, effect):
        age_s = posting.sent_seconds_ago(session, line.effect_key)
        if not arrived and believed("did_not_happen", age_s, LATE_EFFECT_S) == "cannot_tell":
            raise PostingRefusedError(
                f"{line.external_id} was sent less than a minute ago and may still arrive. Nothing was changed; look again "
                "in a minute."
            )
        how = f"{actor.name} said so: {reason}"
        _settle(session, line, effect, arrived=arrived, actor=actor, how=how)
        session.commit()
    if not arrived:
        _have_it_posted(tenant_id, actor)


def _have_it_posted(tenant_id: int, actor: Actor) -> None:
    submit_run(tenant_id, posting.PIPELINE, requested_by=actor.person_id, actor=actor)


def _settle(
    session: ScopedSession,
    line: LineToPost,
    effect: Effect,
    *,
    arrived: bool,
    actor: Actor,
    how: str,
    fee: AlmaFee | None = None,
) -> None:
    evidence = {"settled_by": how}
    if arrived:
        seen = evidence_of(_part(line), as_now(fee)) if fee else {}
        said = evidence | seen
        posting.confirm_line(session, line, line.fee_id, said, None)
        effects.settle(session, effect.id, "confirmed", evidence)
    else:
        posting.settle_line(session, line, "waiting", message=f"It did not reach Alma: {how}.")
        effects.settle(session, effect.id, "failed", evidence)
    decision = "posted" if arrived else "not_posted"
    posting.decide_line(session, line.payment_id, line.n, decision, actor.person_id)
    _audit(session, line, actor, f"posting.{decision}", how)


def _decide(session: ScopedSession, line: LineToPost, actor: Actor, decision: str, reason: str) -> None:
    posting.decide_line(session, line.payment_id, line.n, decision, actor.person_id)
    _audit(session, line, actor, f"posting.{decision}", reason)


def _audit(session: ScopedSession, line: LineToPost, actor: Actor, action: str, reason: str) -> None:
    audit.record(
        session,
        actor=actor,
        action=action,
        subject=f"payment/{line.payment_id}/{line.n}",
        after={"external_id": line.external_id, "amount": format_cents(line.amount_cents), "reason": reason},
    )


@contextmanager
def _open_question(
    tenant_id: int, payment_id: int, n: int
) -> Iterator[tuple[ScopedSession, LineToPost, Effect]]:
    """The line and its effect, locked, while nobody is at work on it. The caller commits."""
    with tenant_scope(tenant_id) as session:
        line = _the_line(session, payment_id, n)
        effect = effects.effect_of_key(session, line.effect_key)
        at_work = runs.at_work_beside(session, line.run_id) if line.run_id else None
        if at_work is not None:
            raise PostingRefusedError(
                f"Run {at_work} is posting just now and looks for it itself. Nothing was changed; do it when that run is over."
            )
        if line.state not in {"unknown", "sending"} or effect is None:
            raise PostingRefusedError(
                f"There is no open question about {line.external_id} (any more). Nothing was changed."
            )
        yield session, line, effect


@contextmanager
def _at_the_desk(tenant_id: int, payment_id: int, n: int) -> Iterator[tuple[ScopedSession, LineToPost]]:
    with tenant_scope(tenant_id) as session:
        line = _the_line(session, payment_id, n)
        if line.state != "unapplied":
            raise PostingRefusedError(
                f"{line.external_id} does not wait for a person (any more). Nothing was changed."
            )
        yield session, line


def _the_line(session: ScopedSession, payment_id: int, n: int) -> LineToPost:
    line = posting.the_line(session, payment_id, n, lock=True)
    if line is None:
        raise LookupError(f"line {n} of payment {payment_id}")
    return line


def _read(client: AlmaClient, line: LineToPost) -> AlmaFee | None:
    # A patron merged into another keeps the EMPLID and loses the id.
    for patron_key in dict.fromkeys(key for key in (line.patron_key, line.emplid) if key):
        with contextlib.suppress(NotFoundError):
            return client.fee(patron_key, line.fee_id)
    return None


def _part(line: LineToPost) -> Part:
    return Part(line.external_id, line.amount_cents, line.op)


def _reason(reason: str) -> str:
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not reason:
        raise PostingRefusedError("Say why. Nothing was changed.")
    return reason
