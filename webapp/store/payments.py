"""Payments booked: each piece of news once, its money in lines that add up to it, the ledger told, all in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from webapp.store import netting
from webapp.store.planning import by_hashing

if TYPE_CHECKING:
    from sqlalchemy import Row

    from webapp.models.scope import ScopedSession

PIPELINE = "payment_import"


@dataclass(frozen=True, slots=True)
class Booked:
    """What a file brought: payments and their cents, and how much of it waits to be posted."""

    payments: int
    cents: int
    lines: int
    line_cents: int
    waiting: int
    waiting_cents: int


def book(session: ScopedSession, run_id: int, inbound_file_id: int, *, source: str, file_name: str) -> Booked:
    """Write ``news`` and ``plan`` down as payments, lines and ledger entries, and remember the items' new state."""
    bound = {
        "tenant_id": session.tenant_id,
        "run_id": run_id,
        "inbound_file_id": inbound_file_id,
        "source": source,
        "file_name": file_name,
    }
    with by_hashing(session):
        for statement in (_PAYMENTS, _LINES, _LEDGER, _ITEMS):
            session.execute(text(statement), bound)
    netting.net_reversals(session, run_id)
    netting.net_returns(session, run_id)
    row = session.execute(text(_BOOKED), bound).one()
    return Booked(*row)


# The reference is made of what the payment is, so that a repeated try would make the same.
_PAYMENTS = """
    INSERT INTO payment (tenant_id, ref, source, kind, event_key, item_key, amount_cents, emplid, patron_id, reference,
                         item_type, term, paid_on, run_id, inbound_file_id, line, evidence)
    SELECT :tenant_id, 'FB' || upper(substr(md5(:tenant_id || '|' || event_key), 1, 18)), :source, kind, event_key, item_key,
           cents, emplid, patron_id, reference, item_type, term, paid_on, :run_id, :inbound_file_id, line,
           jsonb_build_object('file', CAST(:file_name AS text), 'line', line, 'raw', raw)
    FROM news WHERE verdict = 'post' AND cents <> 0 ORDER BY n
"""
_LINES = """
    INSERT INTO payment_line (tenant_id, payment_id, n, amount_cents, op, state, fee_ref, fee_id, patron_id, rule, reason,
                              external_id)
    SELECT p.tenant_id, p.id, l.nth, l.amount_cents, l.op, l.state, l.fee_ref, l.fee_id, p.patron_id, l.rule, l.reason,
           p.ref || '-' || l.nth
    FROM (SELECT *, row_number() OVER (PARTITION BY n ORDER BY part) AS nth FROM plan) l
    JOIN news n USING (n) JOIN payment p ON p.tenant_id = :tenant_id AND p.event_key = n.event_key
"""
_LEDGER = """
    INSERT INTO ledger_entry (tenant_id, fee_ref, side, event, amount_cents, patron_id, emplid, item_type, term, reference,
                              run_id, inbound_file_id, evidence)
    SELECT p.tenant_id, l.fee_ref, 'bursar', CASE p.kind WHEN 'payment' THEN 'payment' ELSE p.kind END, -l.amount_cents,
           p.emplid, p.emplid, p.item_type, p.term, p.reference, p.run_id, p.inbound_file_id,
           jsonb_build_object('payment_id', p.id, 'ref', p.ref, 'n', l.n, 'file', CAST(:file_name AS text), 'line', p.line)
    FROM payment p JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id
    WHERE p.tenant_id = :tenant_id AND p.run_id = :run_id AND l.fee_ref <> '' ORDER BY p.id, l.n
"""
_ITEMS = """
    INSERT INTO payment_item (tenant_id, item_key, emplid, reference, item_type, term, amount_cents, applied_cents,
                              updated_at, inbound_file_id, line)
    SELECT :tenant_id, item_key, emplid, reference, item_type, term, amount_cents, applied_cents, updated_at,
           :inbound_file_id, line
    FROM news WHERE applied_cents IS NOT NULL
      AND (verdict IN ('post', 'excluded') OR verdict = 'known' AND rule = 'unchanged')
      AND event_key LIKE 'item:%'
    ON CONFLICT (tenant_id, item_key) DO UPDATE SET
        emplid = excluded.emplid, reference = excluded.reference, item_type = excluded.item_type, term = excluded.term,
        amount_cents = excluded.amount_cents, applied_cents = excluded.applied_cents, updated_at = excluded.updated_at,
        inbound_file_id = excluded.inbound_file_id, line = excluded.line, seen_at = clock_timestamp()
"""
_BOOKED = """
    SELECT count(DISTINCT p.id), coalesce((
               SELECT sum(amount_cents) FROM payment WHERE tenant_id = :tenant_id AND run_id = :run_id), 0)::bigint,
           count(l.n), coalesce(sum(l.amount_cents), 0)::bigint, count(l.n) FILTER (WHERE l.state = 'waiting'),
           coalesce(sum(l.amount_cents) FILTER (WHERE l.state = 'waiting'), 0)::bigint
    FROM payment p LEFT JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id AND l.state <> 'replaced'
    WHERE p.tenant_id = :tenant_id AND p.run_id = :run_id
"""


def is_booked(session: ScopedSession, run_id: int) -> bool:
    """Whether a run's payments are in the books."""
    found = session.scalar(
        text(
            "SELECT state = 'done' FROM inbound_file WHERE tenant_id = :tenant_id AND run_id = :run_id LIMIT 1"
        ),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )
    return bool(found)


def give_back(session: ScopedSession, run_id: int) -> None:
    """An import that did not come to its end leaves its file for the next one."""
    session.execute(
        text("""
            UPDATE inbound_file f SET state = 'waiting', run_id = NULL
            FROM run r
            WHERE f.tenant_id = :tenant_id AND f.run_id = :run_id AND f.state = 'taken' AND r.tenant_id = f.tenant_id
              AND r.id = f.run_id AND r.pipeline = 'payment_import'
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )


def posting_run_of(session: ScopedSession, import_run_id: int) -> int | None:
    """The posting run that an import has asked for already."""
    found: int | None = session.scalar(
        text("""
            SELECT id FROM run WHERE tenant_id = :tenant_id AND pipeline = 'payment_posting'
              AND (options ->> 'import_run_id')::bigint = :run_id ORDER BY id LIMIT 1
        """),
        {"tenant_id": session.tenant_id, "run_id": import_run_id},
    )
    return found


def recent_cents(session: ScopedSession, before_run_id: int, limit: int) -> list[int]:
    """What the last imports that brought money brought, newest first; most files of a day bring none."""
    rows = session.scalars(
        text("""
            SELECT (counts ->> 'new_cents')::bigint FROM run
            WHERE tenant_id = :tenant_id AND pipeline = 'payment_import' AND id < :run_id AND NOT dry_run
              AND state = 'succeeded' AND (counts ->> 'new_cents')::bigint > 0 ORDER BY id DESC LIMIT :limit
        """),
        {"tenant_id": session.tenant_id, "run_id": before_run_id, "limit": limit},
    )
    return [int(cents) for cents in rows]


def knows_anyone(session: ScopedSession) -> bool:
    """Whether one row of ``incoming`` names a fee or a patron that this campus knows, or came before."""
    query = text("""
        SELECT EXISTS (SELECT FROM told WHERE known_by = 'repeated')
        OR EXISTS (SELECT FROM incoming n WHERE n.fault IS NULL AND (
            EXISTS (SELECT FROM ledger_entry e WHERE e.tenant_id = :tenant_id AND e.fee_ref = n.reference AND n.reference <> '')
            OR EXISTS (SELECT FROM ledger_entry e WHERE e.tenant_id = :tenant_id
                         AND e.reference = n.reference AND e.event = 'charge' AND e.reference <> e.fee_ref AND n.reference <> '')
            OR EXISTS (SELECT FROM ledger_entry e WHERE e.tenant_id = :tenant_id
                         AND e.patron_id IN (n.emplid, ltrim(n.emplid, '0')) AND n.emplid <> '')
            OR EXISTS (SELECT FROM ledger_entry e WHERE e.tenant_id = :tenant_id
                         AND e.patron_id = n.patron_id AND n.patron_id <> '')
            OR EXISTS (SELECT FROM alma_fee a WHERE a.tenant_id = :tenant_id AND a.fee_id = n.reference AND n.reference <> '')
            OR EXISTS (SELECT FROM alma_fee a WHERE a.tenant_id = :tenant_id AND a.bursar_ref = n.reference
                         AND a.bursar_ref <> '')
            OR EXISTS (SELECT FROM alma_fee a WHERE a.tenant_id = :tenant_id AND a.emplid = n.emplid AND n.emplid <> '')
            OR EXISTS (SELECT FROM alma_fee a WHERE a.tenant_id = :tenant_id AND a.patron_id = n.patron_id
                         AND n.patron_id <> '')
            OR EXISTS (SELECT FROM payment_item i WHERE i.tenant_id = :tenant_id AND i.item_key = n.item_key)
            OR EXISTS (SELECT FROM payment p WHERE p.tenant_id = :tenant_id AND p.emplid = n.emplid AND n.emplid <> '')
            OR EXISTS (SELECT FROM hold_register h WHERE h.tenant_id = :tenant_id AND h.emplid = n.emplid AND n.emplid <> '')))
    """)
    return bool(session.scalar(query, {"tenant_id": session.tenant_id}))


def has_books(session: ScopedSession) -> bool:
    """Whether this campus has told or read anything by which a stranger's file could be known."""
    query = text("""
        SELECT EXISTS (SELECT FROM ledger_entry WHERE tenant_id = :tenant_id)
            OR EXISTS (SELECT FROM alma_fee WHERE tenant_id = :tenant_id)
            OR EXISTS (SELECT FROM hold_register WHERE tenant_id = :tenant_id)
    """)
    return bool(session.scalar(query, {"tenant_id": session.tenant_id}))


def waiting_of_run(session: ScopedSession, run_id: int) -> int:
    """How many lines of an import still wait to be posted."""
    return _lines_of_run(session, run_id, "waiting")


def desk_of_run(session: ScopedSession, run_id: int) -> int:
    """How many lines of an import wait for a person."""
    return _lines_of_run(session, run_id, "unapplied")


def _lines_of_run(session: ScopedSession, run_id: int, state: str) -> int:
    found: int = session.scalar(
        text("""
            SELECT count(*) FROM payment p JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id
            WHERE p.tenant_id = :tenant_id AND p.run_id = :run_id AND l.state = :state
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id, "state": state},
    )
    return found


def newest(session: ScopedSession, limit: int) -> list[Row[Any]]:
    """The payments that came last: id, ref, paid_on, amount_cents, kind, emplid, and the states of their lines in words."""
    rows = session.execute(
        text("""
            SELECT p.id, p.ref, p.paid_on, p.amount_cents, p.kind, p.emplid, coalesce((
                SELECT string_agg(DISTINCT l.state, ', ' ORDER BY l.state) FROM payment_line l
                WHERE l.tenant_id = p.tenant_id AND l.payment_id = p.id AND l.state <> 'replaced'), '') AS states
            FROM payment p WHERE p.tenant_id = :tenant_id ORDER BY p.id DESC LIMIT :limit
        """),
        {"tenant_id": session.tenant_id, "limit": limit},
    )
    return list(rows)


def runs_after(session: ScopedSession, run_id: int) -> list[int]:
    """The runs that a run of this chain has asked for: posting after an import, a release of holds after posting."""
    rows = session.scalars(
        text("""
            SELECT id FROM run WHERE tenant_id = :tenant_id
              AND ((options ->> 'import_run_id')::bigint = :run_id OR (options ->> 'posting_run_id')::bigint = :run_id)
            ORDER BY id
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )
    return list(rows)
