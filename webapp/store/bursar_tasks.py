"""What people ask for one fee: pull it, take it back, send its line again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from webapp.models import BursarTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Row

    from webapp.models.scope import ScopedSession

# Its amount and reference, and what it says about a charge that it took back itself.
_OF_THAT_ROW = frozenset(
    {
        "amount_cents",
        "fee_ref",
        "reference",
        "reference_out",
        "reverse_cents",
        "recharge_cents",
        *(
            f"original_{name}"
            for name in ("reference", "item_type", "term", "fee_type", "amount_cents", "billing_on")
        ),
        "original_fee_ref",
    }
)

# SQL: the run ``r`` has rows that a person, or an answer of PeopleSoft, can still pull.
_NOT_BUILT = """
    r.started_at IS NOT NULL AND r.finished_at IS NULL AND NOT r.dry_run
    AND r.pipeline IN ('bursar_conversion', 'balance_export')
    AND NOT EXISTS (SELECT FROM run_step s WHERE s.tenant_id = r.tenant_id AND s.run_id = r.id AND s.name = 'build')
"""


def open_task(session: ScopedSession, fee_ref: str) -> BursarTask | None:
    """A recall or credit of this fee that is not done."""
    query = select(BursarTask).where(
        BursarTask.fee_ref == fee_ref,
        BursarTask.kind.in_(("recall", "credit")),
        BursarTask.state.in_(("open", "taken")),
    )
    return session.scalars(query.order_by(BursarTask.id).limit(1)).first()


def add_task(
    session: ScopedSession,
    *,
    kind: str,
    fee_ref: str,
    amount_cents: int,
    reason: str,
    person_id: int | None,
    entry_id: int | None = None,
    run_id: int | None = None,
    body: Mapping[str, Any] | None = None,
) -> int:
    """Write down what a person asked for; returns the task's id. A pulled fee is done with at once.

    The row of a credit gets a reference of its own, made of the fee's and the task's.
    """
    task = BursarTask(
        kind=kind,
        fee_ref=fee_ref,
        amount_cents=amount_cents,
        entry_id=entry_id,
        run_id=run_id,
        reason=reason,
        created_by=person_id,
        state="done" if kind == "recall" else "open",
    )
    session.add(task)
    session.flush()
    if kind == "credit":
        own = f"{fee_ref}-C{task.id}"
        task.body = {**(body or {}), "fee_ref": own, "reference": own}
    elif body is not None:
        task.body = dict(body)
    session.flush()
    return task.id


def row_before_build(session: ScopedSession, fee_ref: str) -> Row[Any] | None:
    """The row (run_id, n, amount_cents) of this fee in a run that has not begun to build its files, its run locked.

    A run begins a step in a transaction that changes its row, so nothing is built while this one is open.
    """
    session.execute(
        text("""
            SELECT r.id FROM run r
            WHERE r.tenant_id = :tenant_id AND r.finished_at IS NULL AND NOT r.dry_run AND r.started_at IS NOT NULL
              AND EXISTS (SELECT FROM bursar_row b WHERE b.tenant_id = r.tenant_id AND b.run_id = r.id
                          AND b.fee_ref = :fee_ref)
            FOR UPDATE
        """),
        {"tenant_id": session.tenant_id, "fee_ref": fee_ref},
    )
    return session.execute(
        text("""
            SELECT b.run_id, b.n, b.amount_cents FROM bursar_row b
            JOIN run r ON r.tenant_id = b.tenant_id AND r.id = b.run_id
            WHERE b.tenant_id = :tenant_id AND b.fee_ref = :fee_ref AND b.verdict <> 'excluded' AND b.origin <> 'task'
              AND r.finished_at IS NULL AND NOT r.dry_run
              AND NOT EXISTS (SELECT FROM run_step s WHERE s.tenant_id = r.tenant_id AND s.run_id = r.id
                              AND s.name = 'build')
            ORDER BY b.run_id DESC LIMIT 1
        """),
        {"tenant_id": session.tenant_id, "fee_ref": fee_ref},
    ).first()


def leave_out(session: ScopedSession, run_id: int, n: int, reason: str) -> None:
    """The row is left out by the rule *recalled*."""
    session.execute(
        text("""
            UPDATE bursar_row SET verdict = 'excluded', rule = 'recalled', reason = :reason
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND n = :n
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id, "n": n, "reason": reason},
    )


def leave_out_answered(session: ScopedSession, tenant_id: int, *, inbound_file_id: int, name: str) -> None:
    """PeopleSoft's answers change what runs that wait for their cut-off may send.

    A line to be sent again stays out when PeopleSoft took it after all; a credit waits when its charge was rejected.
    """
    bound = {"tenant_id": tenant_id, "inbound_file_id": inbound_file_id, "name": name}
    session.execute(
        text(f"SELECT r.id FROM run r WHERE r.tenant_id = :tenant_id AND {_NOT_BUILT} FOR UPDATE"), bound
    )
    session.execute(
        text(f"""
            UPDATE bursar_row b SET verdict = 'excluded', rule = 'already_sent',
                   reason = 'PeopleSoft took the line after all (' || :name || ')'
            FROM run r, bursar_task t, ledger_entry e
            WHERE b.tenant_id = :tenant_id AND b.origin = 'task' AND b.verdict = 'send'
              AND r.tenant_id = b.tenant_id AND r.id = b.run_id AND {_NOT_BUILT}
              AND t.tenant_id = b.tenant_id AND t.id = b.origin_id AND t.kind = 'resend'
              AND e.tenant_id = b.tenant_id AND e.inbound_file_id = :inbound_file_id AND e.event = 'accepted'
              AND (e.evidence ->> 'entry_id')::bigint = t.entry_id
        """),
        bound,
    )
    session.execute(
        text(f"""
            UPDATE bursar_row b SET verdict = 'quarantined', rule = 'credit_without_charge',
                   reason = 'PeopleSoft rejected its charge ' || e.fee_ref || ' (' || :name || ')'
            FROM run r, ledger_entry e
            WHERE b.tenant_id = :tenant_id AND b.verdict = 'send' AND b.amount_cents < 0
              AND r.tenant_id = b.tenant_id AND r.id = b.run_id AND {_NOT_BUILT}
              AND e.tenant_id = b.tenant_id AND e.inbound_file_id = :inbound_file_id AND e.event = 'rejected'
              AND e.amount_cents > 0 AND b.body ->> 'original_fee_ref' = e.fee_ref
        """),
        bound,
    )


def body_of_entry(session: ScopedSession, entry_id: int) -> dict[str, Any]:
    """The row that a ledger line was made of, as long as it is kept; without what belongs to that row only."""
    body = session.scalar(
        text("""
            SELECT b.body FROM ledger_entry e
            JOIN bursar_row b ON b.tenant_id = e.tenant_id AND b.run_id = e.run_id
             AND b.n = (e.evidence ->> 'n')::bigint
            WHERE e.tenant_id = :tenant_id AND e.id = :entry_id
        """),
        {"tenant_id": session.tenant_id, "entry_id": entry_id},
    )
    return {name: value for name, value in dict(body or {}).items() if name not in _OF_THAT_ROW}
