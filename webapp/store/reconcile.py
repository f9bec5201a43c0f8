"""Three books side by side, as set work: what Alma shows, what our ledger says, what PeopleSoft lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from webapp.domain.reconcile import Beside
from webapp.store.ledger import IN_FORCE
from webapp.store.planning import by_hashing, make_room
from webapp.store.posting import PATRON
from webapp.store.reconcile_cases import (
    ALMA_CASES,
    BURSAR_CASES,
    FILE_CASES,
    ITEMS,
    MONEY_CASES,
    NOT_SHOWN,
    OURS,
    RETURNED,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime
    from typing import Any

    from webapp.models.scope import ScopedSession

_BATCH = 1_000
BOOKS_OF_CASES = {
    "alma_ledger": ALMA_CASES,
    "ledger_bursar": BURSAR_CASES,
    "files": FILE_CASES,
    "money": MONEY_CASES,
}


@dataclass(frozen=True, slots=True)
class Window:
    """What a run compares: lines posted from the first to before the last moment, given what Alma said since ``began_at``.

    What happened from ``last_at`` on is no difference of this run. Open differences are compared whatever their age.
    """

    first_at: datetime
    last_at: datetime
    began_at: datetime
    clearing_hours: int = 24
    expected_every_hours: int = 0


@dataclass(frozen=True, slots=True)
class FeeToRead:
    """A fee on which the books disagree, to be asked of Alma by its id."""

    patron_key: str
    fee_id: str
    emplid: str


def lay_side_by_side(session: ScopedSession, window: Window) -> None:
    """Make the transaction's tables ``fee_beside`` (charged fees on which Alma and our ledger differ) and ``shown``."""
    bound = _bound(session, window)
    make_room(session, session.scalar(text(_ABOUT)) or 0)
    with by_hashing(session):
        for statement in (_CHARGED, _SEEN, _SHOWN, _PAID, _FOREIGN, _FEE_BESIDE):
            session.execute(text(statement), bound)


def find(session: ScopedSession, window: Window, books: Collection[str]) -> None:
    """Make the transaction's table ``found``: what is unequal in these books. After ``lay_side_by_side``."""
    bound = _bound(session, window)
    session.execute(text(FOUND))
    with by_hashing(session):
        for name in books:
            if name == "ledger_bursar":
                session.execute(text(ITEMS), bound)
            for statement in BOOKS_OF_CASES[name]:
                session.execute(text(f"INSERT INTO found {statement}"), bound)


def found(session: ScopedSession) -> Iterator[Beside]:
    """Every row of ``found``."""
    rows = session.execute(text("SELECT * FROM found"), execution_options={"yield_per": _BATCH})
    for row in rows.mappings():
        values: dict[str, Any] = dict(row)
        words = values.pop("words") or {}
        yield Beside(**values, words={name: str(word) for name, word in words.items() if word is not None})


def fees_to_read(session: ScopedSession, window: Window, limit: int) -> tuple[list[FeeToRead], int]:
    """Fees that disagree and were not read since the run began, those with an open difference first; and how many in all."""
    rows = session.execute(
        text(f"""
            SELECT patron_key, fee_id, emplid, count(*) OVER () FROM (
                SELECT DISTINCT ON (fee_id) patron_key, fee_id, emplid, is_open FROM (
                    SELECT b.patron_id AS patron_key, b.fee_id, b.emplid, b.is_open FROM fee_beside b
                    WHERE b.seen_at < :began_at
                    UNION ALL
                    SELECT {PATRON}, l.fee_id, p.emplid, true
                    FROM payment_line l JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
                    WHERE l.tenant_id = :tenant_id AND l.state = 'posted' AND l.op = 'pay' AND l.fee_id <> ''
                      AND {NOT_SHOWN}
                ) wanted WHERE patron_key <> '' AND fee_id <> '' ORDER BY fee_id, is_open DESC
            ) once ORDER BY is_open DESC, fee_id LIMIT :limit
        """),
        _bound(session, window) | {"limit": limit},
    ).all()
    return [FeeToRead(*row[:3]) for row in rows], int(rows[0][3]) if rows else 0


def _bound(session: ScopedSession, window: Window) -> dict[str, Any]:
    return {
        "tenant_id": session.tenant_id,
        "first_at": window.first_at,
        "last_at": window.last_at,
        "began_at": window.began_at,
        "clearing_hours": window.clearing_hours,
        "expected_every_hours": window.expected_every_hours,
    }


FOUND = """
    CREATE TEMPORARY TABLE found (
        "case" text, key text, fee_ref text, payment_id bigint, emplid text, ours_cents bigint, theirs_cents bigint,
        happened_at timestamptz, words jsonb
    ) ON COMMIT DROP
"""
# About as many rows as the largest of the books has.
_ABOUT = """
    SELECT max(reltuples)::bigint FROM pg_class
    WHERE oid IN ('ledger_entry'::regclass, 'alma_fee'::regclass, 'payment_item'::regclass)
"""
# What the bursar was told of each fee. ``left_cents``: charges less what was taken back.
_CHARGED = f"""
    CREATE TEMPORARY TABLE charged ON COMMIT DROP AS
    SELECT coalesce(nullif(e.original_ref, ''), e.fee_ref) AS fee_ref, max(e.emplid) AS emplid,
           max(e.reference) FILTER (WHERE e.event = 'charge') AS reference,
           max(e.item_type) FILTER (WHERE e.event = 'charge') AS item_type,
           sum(e.amount_cents) FILTER (WHERE e.event = 'charge')::bigint AS charged_cents,
           sum(e.amount_cents)::bigint AS left_cents, max(e.at) AS moved_at,
           min(e.at) FILTER (WHERE e.event = 'charge') AS charged_at,
           coalesce(bool_or(r.pipeline = 'balance_export') FILTER (WHERE e.event = 'charge'), false) AS by_balances,
           bool_or(e.file_state = 'in_doubt') AS in_doubt
    FROM ({IN_FORCE}) e JOIN run r ON r.tenant_id = e.tenant_id AND r.id = e.run_id
    WHERE NOT e.is_rejected AND (e.event = 'charge' OR e.original_ref <> '')
    GROUP BY 1 HAVING count(*) FILTER (WHERE e.event = 'charge') > 0
"""
# Alma's payments and waivers, each with the line of ours that it is.
_SHOWN = """
    CREATE TEMPORARY TABLE shown ON COMMIT DROP AS
    SELECT x.fee_id, x.transaction_key, x.bursar_ref, x.type_code, x.amount_cents, x.transaction_at, x.external_id,
           coalesce(nullif(x.received_by, ''), x.created_by) AS by_whom,
           coalesce(l.payment_id, k.payment_id) AS payment_id, coalesce(l.n, k.n) AS n
    FROM alma_transaction x
    LEFT JOIN payment_line l ON l.tenant_id = :tenant_id AND l.external_id = x.external_id AND x.external_id <> ''
    LEFT JOIN payment_line k ON k.tenant_id = :tenant_id AND k.fee_id = x.fee_id AND k.tracking_id = x.transaction_key
         AND k.tracking_id <> '' AND k.state = 'posted' AND x.external_id <> k.external_id
    WHERE x.tenant_id = :tenant_id AND upper(x.type_code) IN ('PAYMENT', 'WAIVE')
"""
# Charged fees as Alma has them: under their id, or under the number that Alma gave one of them for the bursar.
_SEEN = """
    CREATE TEMPORARY TABLE seen ON COMMIT DROP AS
    SELECT c.fee_ref, c.charged_at, c.charged_cents, a.fee_id, a.patron_id, a.emplid, a.status, a.balance_cents,
           a.original_cents, a.seen_at
    FROM charged c JOIN alma_fee a ON a.tenant_id = :tenant_id AND a.fee_id = c.fee_ref
    UNION ALL
    SELECT c.fee_ref, c.charged_at, c.charged_cents, a.fee_id, a.patron_id, a.emplid, a.status, a.balance_cents,
           a.original_cents, a.seen_at
    FROM charged c JOIN (
        SELECT bursar_ref, min(fee_id) AS fee_id FROM alma_fee
        WHERE tenant_id = :tenant_id AND bursar_ref <> '' GROUP BY 1 HAVING count(*) = 1
    ) u ON u.bursar_ref = c.fee_ref JOIN alma_fee a ON a.tenant_id = :tenant_id AND a.fee_id = u.fee_id
    WHERE u.fee_id <> c.fee_ref
      AND NOT EXISTS (SELECT FROM alma_fee same WHERE same.tenant_id = :tenant_id AND same.fee_id = c.fee_ref)
"""
# What PeopleSoft told of each fee, and how much of it we posted. ``received_cents`` is no more asked of the student, wherever
# it is now, unless it was given back: money without a fee may have named one. Imports and waivers carry no number of ours: what Alma shows of them is told by its
# amount. A person may have named the fee by Alma's id.
_PAID = f"""
    CREATE TEMPORARY TABLE paid ON COMMIT DROP AS
    SELECT coalesce(a.fee_ref, nullif(l.fee_ref, ''), nullif(l.fee_id, ''), c.fee_ref, r.fee_ref) AS fee_ref,
           coalesce(sum(l.amount_cents) FILTER (WHERE l.state = 'posted'), 0)::bigint AS cents,
           coalesce(sum(l.amount_cents) FILTER (WHERE l.state <> 'refunded'), 0)::bigint AS received_cents,
           coalesce(sum(l.amount_cents) FILTER (WHERE {RETURNED}), 0)::bigint AS returned_cents,
           max(l.posted_at) AS last_at,
           coalesce(sum(l.amount_cents) FILTER (WHERE l.state = 'posted' AND l.op <> 'pay' AND s.payment_id IS NULL), 0)::bigint
               AS nameless_cents
    FROM payment_line l
    LEFT JOIN (SELECT DISTINCT payment_id, n FROM shown WHERE payment_id IS NOT NULL) s
           ON s.payment_id = l.payment_id AND s.n = l.n
    LEFT JOIN seen a ON a.fee_id = l.fee_id AND l.fee_id <> ''
    LEFT JOIN payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id AND l.fee_ref = '' AND l.fee_id = ''
    LEFT JOIN charged c ON c.fee_ref = p.reference
    LEFT JOIN (
        SELECT reference, min(fee_ref) AS fee_ref FROM charged WHERE reference <> '' GROUP BY 1 HAVING count(*) = 1
    ) r ON r.reference = p.reference
    WHERE l.tenant_id = :tenant_id AND l.state <> 'replaced' GROUP BY 1
"""
# What others paid or waived in Alma since the fee was charged: at the desk, mostly. Of the day before the charge only what is
# not in its amount: a file of charges is told some hours after Alma made it.
_FOREIGN = f"""
    CREATE TEMPORARY TABLE foreign_money ON COMMIT DROP AS
    SELECT fee_ref, max(at) AS last_at, (array_agg(by_whom ORDER BY at DESC))[1] AS by_whom,
           (coalesce(sum(cents) FILTER (WHERE at >= charged_at), 0) + greatest(0, least(
               coalesce(sum(cents) FILTER (WHERE at < charged_at AND at >= charged_at - interval '1 day'), 0),
               coalesce(sum(cents) FILTER (WHERE at < charged_at), 0) - max(before_cents))))::bigint AS cents
    FROM (
        SELECT s.fee_ref, s.charged_at, greatest(0, coalesce(s.original_cents - s.charged_cents, 0)) AS before_cents,
               x.amount_cents AS cents, coalesce(x.transaction_at, s.charged_at) AS at, x.by_whom
        FROM shown x JOIN seen s ON s.fee_id = x.fee_id
        WHERE x.payment_id IS NULL AND x.external_id !~ '{OURS}'
    ) each GROUP BY fee_ref
"""
# Until a wrong posting was mended in Alma by hand the fee is short of it, which the money to be given back tells already.
# Fees on which the books differ, and in what (``gap``). Where balances are told, what is open there is what is open here;
# where Alma hands fees over by itself, only what was paid in Alma after the charge matters. ``asked_cents``: what PeopleSoft
# still asks for; money that it received and that waits here is not said to be owed.
_FEE_BESIDE = """
    CREATE TEMPORARY TABLE fee_beside ON COMMIT DROP AS
    WITH side AS (
        SELECT c.fee_ref, c.by_balances, c.in_doubt, coalesce(nullif(c.emplid, ''), s.emplid) AS emplid, s.fee_id,
               s.patron_id, upper(btrim(s.status)) AS status, s.seen_at,
               c.left_cents - coalesce(p.cents, 0) - CASE
                   WHEN c.left_cents - p.cents - p.returned_cents = s.balance_cents THEN p.returned_cents ELSE 0
               END AS open_cents,
               c.left_cents - coalesce(p.received_cents, 0) AS asked_cents,
               CASE WHEN upper(btrim(s.status)) = 'CLOSED' THEN 0 ELSE s.balance_cents END AS alma_cents,
               coalesce(f.cents, 0) - coalesce(p.nameless_cents, 0) - (c.charged_cents - c.left_cents) AS untold_cents,
               f.last_at AS foreign_at, f.by_whom, s.seen_at >= greatest(c.moved_at, p.last_at) AS is_fresh,
               o.fee_ref IS NOT NULL AS is_open,
               greatest(c.moved_at, p.last_at, f.last_at) < :last_at OR o.fee_ref IS NOT NULL AS had_happened
        FROM charged c JOIN seen s USING (fee_ref) LEFT JOIN paid p USING (fee_ref) LEFT JOIN foreign_money f USING (fee_ref)
        LEFT JOIN (
            SELECT substr(key, 5) AS fee_ref FROM difference
            WHERE tenant_id = :tenant_id AND closed_at IS NULL AND key LIKE 'fee:%'
        ) o USING (fee_ref)
        WHERE NOT c.in_doubt
    ), told AS (
        SELECT *, CASE
            WHEN status = 'INDISPUTE' THEN ''
            WHEN NOT by_balances THEN CASE WHEN untold_cents > 0 AND least(open_cents, asked_cents) > 0
                AND NOT (status = 'ACTIVE' AND alma_cents >= open_cents) THEN 'paid_at_desk' ELSE '' END
            WHEN open_cents > alma_cents AND untold_cents > 0 AND asked_cents > 0 THEN 'paid_at_desk'
            WHEN status = 'EXPORTED' AND asked_cents > 0 THEN 'fee_exported'
            WHEN status = 'CLOSED' THEN CASE WHEN least(open_cents, asked_cents) > 0 THEN 'fee_closed' ELSE '' END
            WHEN open_cents <> alma_cents AND NOT (asked_cents <= 0 AND open_cents > alma_cents) THEN 'fee_balance'
            ELSE '' END AS gap
        FROM side
    )
    SELECT * FROM told WHERE gap <> '' AND had_happened
"""
