"""Money on the desk: what a person's decision changes about a line, and what is known of the fee they named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webapp.models.scope import ScopedSession
    from webapp.store.posting import LineToPost


def rule_of(session: ScopedSession, payment_id: int, n: int) -> tuple[str, str]:
    """Why a line is on the desk: rule and sentence."""
    rule, reason = session.execute(
        text(
            "SELECT rule, reason FROM payment_line WHERE tenant_id = :tenant_id AND payment_id = :payment_id AND n = :n"
        ),
        {"tenant_id": session.tenant_id, "payment_id": payment_id, "n": n},
    ).one()
    return rule, reason


def move(
    session: ScopedSession, line: LineToPost, state: str, *, reason: str, owner_id: int | None = None
) -> None:
    """Give a locked line its new state, with the person's reason; an owner only where one is named."""
    session.execute(
        text("""
            UPDATE payment_line SET state = :state, reason = :reason, owner_id = coalesce(CAST(:owner_id AS int), owner_id)
            WHERE tenant_id = :tenant_id AND payment_id = :payment_id AND n = :n
        """),
        {
            "tenant_id": session.tenant_id,
            "payment_id": line.payment_id,
            "n": line.n,
            "state": state,
            "reason": reason,
            "owner_id": owner_id,
        },
    )


def own(session: ScopedSession, line: LineToPost, owner_id: int | None) -> None:
    """Say who looks after a line."""
    session.execute(
        text("""
            UPDATE payment_line SET owner_id = CAST(:owner_id AS int)
            WHERE tenant_id = :tenant_id AND payment_id = :payment_id AND n = :n
        """),
        {"tenant_id": session.tenant_id, "payment_id": line.payment_id, "n": line.n, "owner_id": owner_id},
    )


def emplid_of_fee(session: ScopedSession, fee_ref: str) -> str:
    """Whose fee it is, as the bursar was told; empty when it was not."""
    found: str | None = session.scalar(
        text("""
            SELECT coalesce(nullif(emplid, ''), patron_id) FROM ledger_entry
            WHERE tenant_id = :tenant_id AND fee_ref = :fee_ref AND event = 'charge' ORDER BY id DESC LIMIT 1
        """),
        {"tenant_id": session.tenant_id, "fee_ref": fee_ref},
    )
    return found or ""


def is_known_fee(session: ScopedSession, fee_ref: str) -> bool:
    """Whether the ledger has such a fee."""
    query = text(
        "SELECT EXISTS (SELECT FROM ledger_entry WHERE tenant_id = :tenant_id AND fee_ref = :fee_ref)"
    )
    return bool(session.scalar(query, {"tenant_id": session.tenant_id, "fee_ref": fee_ref}))


def tell_ledger(session: ScopedSession, payment_id: int, numbers: Sequence[int]) -> None:
    """The bursar's side of the ledger learns which fees these lines of a payment pay."""
    session.execute(
        text("""
            INSERT INTO ledger_entry (tenant_id, fee_ref, side, event, amount_cents, patron_id, emplid, item_type, term,
                                      reference, run_id, inbound_file_id, evidence)
            SELECT p.tenant_id, l.fee_ref, 'bursar', 'payment', -l.amount_cents, p.emplid, p.emplid, p.item_type, p.term,
                   p.reference, p.run_id, p.inbound_file_id,
                   jsonb_build_object('payment_id', p.id, 'ref', p.ref, 'n', l.n, 'decided_by', l.decided_by,
                                      'file', p.evidence ->> 'file', 'line', p.line)
            FROM payment p JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id
            WHERE p.tenant_id = :tenant_id AND p.id = :payment_id AND l.n = ANY(:numbers) ORDER BY l.n
        """),
        {"tenant_id": session.tenant_id, "payment_id": payment_id, "numbers": list(numbers)},
    )
