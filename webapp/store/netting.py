"""What PeopleSoft takes back and says again, against what was not posted yet or waits for a person: both lines cancel out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from webapp.store.posting import NewPart, replace_line, the_line

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession

_TOOK_BACK = "PeopleSoft took this back before it was posted."
_SAID_AGAIN = "PeopleSoft says again what it had taken back; the fee has it already."
# What the ledger was told at booking is told back.
_TAKEN_BACK = """
    INSERT INTO ledger_entry (tenant_id, fee_ref, side, event, amount_cents, patron_id, emplid, item_type, term, reference,
                              run_id, evidence)
    SELECT tenant_id, :fee_ref, 'bursar', kind, :cents, emplid, emplid, item_type, term, reference, run_id,
           jsonb_build_object('payment_id', id, 'ref', ref, 'taken_back', true)
    FROM payment WHERE tenant_id = :tenant_id AND id = :payment_id
"""


def net_reversals(session: ScopedSession, run_id: int) -> None:
    """What PeopleSoft took back and was not posted yet needs nobody: both lines cancel out.

    A row that may be a repeat cancels nothing and is not cancelled: it may not be money at all.
    """
    reversals = session.execute(
        text("""
            SELECT p.id, l.n, p.item_key, p.emplid, -l.amount_cents FROM payment p
            JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id AND l.state = 'unapplied'
              AND l.rule = 'reversal'
            WHERE p.tenant_id = :tenant_id AND p.run_id = :run_id AND p.kind = 'reversal' AND p.item_key <> '' ORDER BY p.id
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    ).all()
    for payment_id, n, item_key, emplid, cents in reversals:
        taken = _take_waiting(session, item_key, emplid, cents)
        if taken:
            _net(session, payment_id, n, -taken, _TOOK_BACK)


def net_returns(session: ScopedSession, run_id: int) -> None:
    """What PeopleSoft took back after it was posted, and now says again, is in Alma still: it is not posted once more.

    What a person decided about the reversal stands, and then the money is new.
    """
    returned = session.execute(
        text("""
            WITH taken_back AS (
                SELECT DISTINCT p.emplid, p.item_key FROM payment_line l
                JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
                WHERE l.tenant_id = :tenant_id AND l.state = 'unapplied' AND l.rule = 'reversal' AND l.amount_cents < 0
                  AND l.decision = '' AND p.kind = 'reversal' AND p.item_key <> ''
            )
            SELECT p.id, l.n, p.item_key, p.emplid, l.amount_cents FROM taken_back
            JOIN payment p ON p.tenant_id = :tenant_id AND p.emplid = taken_back.emplid AND p.item_key = taken_back.item_key
            JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id
            WHERE p.run_id = :run_id AND p.kind = 'payment' AND p.event_key LIKE 'item:%'
              AND l.state IN ('unapplied', 'waiting') ORDER BY p.id, l.state = 'waiting', l.n
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    ).all()
    for payment_id, n, item_key, emplid, cents in returned:
        taken = _take_reversals(session, item_key, emplid, cents)
        if taken:
            _net(session, payment_id, n, taken, _SAID_AGAIN)


def _take_reversals(session: ScopedSession, item_key: str, emplid: str, wanted: int) -> int:
    """Net up to so many cents of the item's reversals that nobody decided about, the oldest first; returns how many."""
    reversals = session.execute(
        text("""
            SELECT l.payment_id, l.n, -l.amount_cents AS cents FROM payment_line l
            JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
            WHERE l.tenant_id = :tenant_id AND p.item_key = :item_key AND p.emplid = :emplid AND p.kind = 'reversal'
              AND l.state = 'unapplied' AND l.rule = 'reversal' AND l.amount_cents < 0 AND l.decision = ''
            ORDER BY l.payment_id, l.n FOR UPDATE OF l
        """),
        {"tenant_id": session.tenant_id, "item_key": item_key, "emplid": emplid},
    ).all()
    taken = 0
    for payment_id, n, cents in reversals:
        part = min(cents, wanted - taken)
        if part <= 0:
            break
        _net(session, payment_id, n, -part, _SAID_AGAIN)
        taken += part
    return taken


def _take_waiting(session: ScopedSession, item_key: str, emplid: str, wanted: int) -> int:
    """Net up to so many cents of the item's lines that were not posted yet, the newest first; returns how many."""
    waiting = session.execute(
        text("""
            SELECT l.payment_id, l.n, l.amount_cents FROM payment_line l
            JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
            WHERE l.tenant_id = :tenant_id AND p.item_key = :item_key AND p.emplid = :emplid AND l.amount_cents > 0
              AND p.kind = 'payment'
              AND (l.state = 'waiting' OR l.state = 'unapplied' AND l.rule <> 'repeat')
            ORDER BY l.payment_id DESC, l.n DESC FOR UPDATE OF l
        """),
        {"tenant_id": session.tenant_id, "item_key": item_key, "emplid": emplid},
    ).all()
    taken = 0
    for payment_id, n, cents in waiting:
        part = min(cents, wanted - taken)
        if part <= 0:
            break
        _net(session, payment_id, n, part, _TOOK_BACK)
        taken += part
    return taken


def _net(session: ScopedSession, payment_id: int, n: int, netted: int, why: str) -> None:
    line = the_line(session, payment_id, n)
    if line is None:
        raise LookupError(f"line {n} of payment {payment_id}")
    parts = [NewPart(netted, "netted", line.op, "reversal", why)]
    if left := line.amount_cents - netted:
        rule = session.scalar(
            text("SELECT rule FROM payment_line WHERE tenant_id = :t AND payment_id = :p AND n = :n"),
            {"t": session.tenant_id, "p": payment_id, "n": n},
        )
        parts.append(NewPart(left, line.state, line.op, rule or ""))
    replace_line(session, line, parts, None)
    if netted > 0:
        tell_taken_back(session, payment_id, line.fee_ref, netted)


def tell_taken_back(session: ScopedSession, payment_id: int, fee_ref: str, cents: int) -> None:
    """The ledger is told that a fee does not get this money of a payment after all; without a fee there is nothing to tell."""
    if fee_ref:
        bound = {"tenant_id": session.tenant_id, "payment_id": payment_id, "fee_ref": fee_ref, "cents": cents}
        session.execute(text(_TAKEN_BACK), bound)
