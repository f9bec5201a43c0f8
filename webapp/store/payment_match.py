"""Which fee each piece of money pays: by its reference in whole sets, the rest patron by patron, all of it explained."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from webapp.domain.payments.allocation import OpenFee
from webapp.domain.payments.patron_fees import Money, PatronFees
from webapp.store.ledger import BURSAR, charges_of
from webapp.store.payment_rows import DOLLARS
from webapp.store.planning import by_hashing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

    from webapp.domain.payments.patron_fees import MatchRules, Placed
    from webapp.models.scope import ScopedSession

_BATCH = 1_000
WAITING, UNAPPLIED = "waiting", "unapplied"


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """Where one piece of a row's money would go, and why."""

    line: int
    emplid: str
    kind: str
    amount_cents: int
    fee_ref: str
    state: str
    rule: str
    reason: str


def match(session: ScopedSession, rules: MatchRules) -> None:
    """Make the transaction's table ``plan`` for all of ``news`` that is to be booked.

    A row's parts add up to its money; no fee gets more than is open of it.
    """
    bound = {"tenant_id": session.tenant_id, "waives": rules.waives}
    with by_hashing(session):
        for statement in (_PLAN, _WHO, _FRESH, _CANDIDATE, _SINGLE, _REST):
            session.execute(text(statement), bound)
    session.execute(text("ANALYZE rest"))
    for statement in (_EARLIER, _WANTED, _WANTED_OF_ITEMS, _WANTED_OF_PATRONS, _WANTED_IN_ALMA):
        session.execute(text(statement), bound)
    session.execute(text("ANALYZE wanted_fee"))
    with by_hashing(session):
        for statement in (_KNOWN_FEE, _BY_REFERENCE, _NOT_FOR_A_FEE, _AMBIGUOUS):
            session.execute(text(statement), bound)
    session.execute(text("ANALYZE plan"))
    _match_rest(session, rules)


def emplids_to_ask(session: ScopedSession, limit: int) -> list[str]:
    """EMPLIDs in ``news`` whose money names no fee we know, and of whom nothing is known either: Alma may know more."""
    rows = session.scalars(
        text("""
            SELECT DISTINCT n.emplid FROM news n
            WHERE n.verdict = 'post' AND n.cents > 0 AND n.kind IN ('payment', 'write_off') AND n.emplid <> ''
              AND NOT EXISTS (SELECT FROM ledger_entry e WHERE e.tenant_id = :tenant_id AND e.side = 'bursar'
                                AND e.event = 'charge' AND e.fee_ref = n.reference)
              AND NOT EXISTS (SELECT FROM ledger_entry e WHERE e.tenant_id = :tenant_id AND e.reference = n.reference
                                AND e.event = 'charge' AND e.reference <> e.fee_ref)
              AND NOT EXISTS (SELECT FROM alma_fee a WHERE a.tenant_id = :tenant_id AND a.fee_id = n.reference)
              AND NOT EXISTS (SELECT FROM alma_fee a WHERE a.tenant_id = :tenant_id AND a.bursar_ref = n.reference
                                AND a.bursar_ref <> '')
              AND NOT (n.reference = '' AND EXISTS (
                  SELECT FROM ledger_entry e WHERE e.tenant_id = :tenant_id AND e.side = 'bursar' AND e.event = 'charge'
                    AND e.patron_id IN (n.emplid, ltrim(n.emplid, '0'))))
            ORDER BY 1 LIMIT :limit
        """),
        {"tenant_id": session.tenant_id, "limit": limit},
    )
    return list(rows)


def planned_lines(session: ScopedSession, limit: int) -> list[PlannedLine]:
    """The first lines of ``plan``, in the order of the file."""
    rows = session.execute(
        text("""
            SELECT n.line, n.emplid, n.kind, p.amount_cents, p.fee_ref, p.state, p.rule, p.reason
            FROM plan p JOIN news n USING (n) ORDER BY n.n, p.part LIMIT :limit
        """),
        {"limit": limit},
    )
    return [PlannedLine(*row) for row in rows]


def plan_totals(session: ScopedSession) -> dict[tuple[str, str], tuple[int, int]]:
    """(state, rule) -> lines and cents of ``plan``."""
    rows = session.execute(
        text("SELECT state, rule, count(*), sum(amount_cents)::bigint FROM plan GROUP BY 1, 2")
    )
    return {(state, rule): (count, cents) for state, rule, count, cents in rows}


_PLAN = """
    CREATE TEMPORARY TABLE plan (
        n bigint, part int, fee_ref text, fee_id text, amount_cents bigint, op text, state text, rule text, reason text
    ) ON COMMIT DROP
"""
# A row without EMPLID may name the patron as Alma does.
_WHO = f"""
    CREATE TEMPORARY TABLE who ON COMMIT DROP AS
    WITH wanted AS (
        SELECT DISTINCT patron_id FROM news WHERE verdict = 'post' AND emplid = '' AND patron_id <> ''
    ), told AS (
        SELECT w.patron_id, e.emplid FROM wanted w JOIN ledger_entry e ON e.tenant_id = :tenant_id
            AND e.patron_id = w.patron_id AND e.side = '{BURSAR}' AND e.event = 'charge' AND e.emplid <> ''
        UNION SELECT w.patron_id, a.emplid FROM wanted w JOIN alma_fee a ON a.tenant_id = :tenant_id
            AND a.patron_id = w.patron_id AND a.emplid <> ''
    )
    SELECT patron_id, min(emplid) AS emplid FROM told GROUP BY patron_id HAVING count(*) = 1
"""
_FRESH = """
    CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
    SELECT n.n, coalesce(nullif(n.emplid, ''), w.emplid, '') AS emplid, n.reference, n.item_type, n.term, n.amount_cents,
           n.cents, CASE WHEN n.applied_cents IS NOT NULL THEN n.item_key ELSE '' END AS item_key,
           CASE n.kind WHEN 'write_off' THEN 'waive' ELSE 'pay' END AS op
    FROM news n LEFT JOIN who w ON n.emplid = '' AND w.patron_id = n.patron_id
    WHERE n.verdict = 'post' AND n.rule = '' AND n.cents > 0
      AND (n.kind = 'payment' OR n.kind = 'write_off' AND :waives)
"""
# A reference is what the bursar was given, or the fee's own name in Alma. What the ledger knows, also under the fee's other
# name, goes first.
_CANDIDATE = f"""
    CREATE TEMPORARY TABLE candidate ON COMMIT DROP AS
    WITH wanted AS (SELECT DISTINCT reference FROM fresh WHERE reference <> ''), told AS (
        SELECT w.reference, e.fee_ref FROM wanted w JOIN ledger_entry e ON e.tenant_id = :tenant_id
            AND e.fee_ref = w.reference AND e.side = '{BURSAR}' AND e.event = 'charge'
        UNION SELECT w.reference, e.fee_ref FROM wanted w JOIN ledger_entry e ON e.tenant_id = :tenant_id
            AND e.reference = w.reference AND e.event = 'charge' AND e.reference <> e.fee_ref AND e.side = '{BURSAR}'
    )
    SELECT reference, fee_ref FROM told
    UNION SELECT w.reference, coalesce(e.fee_ref, a.fee_id) FROM wanted w JOIN alma_fee a ON a.tenant_id = :tenant_id
        AND a.fee_id = w.reference LEFT JOIN ledger_entry e ON e.tenant_id = :tenant_id AND a.bursar_ref <> ''
        AND e.fee_ref = a.bursar_ref AND e.side = '{BURSAR}' AND e.event = 'charge'
        WHERE NOT EXISTS (SELECT FROM told t WHERE t.reference = w.reference)
    UNION SELECT w.reference, a.fee_id FROM wanted w JOIN alma_fee a ON a.tenant_id = :tenant_id
        AND a.bursar_ref = w.reference AND a.bursar_ref <> ''
        WHERE NOT EXISTS (SELECT FROM told t WHERE t.reference = w.reference)
"""
_SINGLE = """
    CREATE TEMPORARY TABLE single ON COMMIT DROP AS
    SELECT reference, min(fee_ref) AS fee_ref, count(*) AS fees FROM candidate GROUP BY reference
"""
_REST = """
    CREATE TEMPORARY TABLE rest ON COMMIT DROP AS
    SELECT f.* FROM fresh f LEFT JOIN single s USING (reference) WHERE s.reference IS NULL
"""
# An item is one fee: further money of it goes where the first went.
_EARLIER = """
    CREATE TEMPORARY TABLE earlier ON COMMIT DROP AS
    SELECT r.item_key, min(l.fee_ref) AS fee_ref FROM (
        SELECT DISTINCT emplid, item_key FROM rest WHERE item_key <> ''
    ) r JOIN payment p ON p.tenant_id = :tenant_id AND p.emplid = r.emplid AND p.item_key = r.item_key AND p.kind = 'payment'
      JOIN payment_line l ON l.tenant_id = p.tenant_id AND l.payment_id = p.id AND l.fee_ref <> ''
        AND l.state IN ('waiting', 'sending', 'unknown', 'posted')
    GROUP BY r.item_key HAVING count(DISTINCT l.fee_ref) = 1
"""
_WANTED = """
    CREATE TEMPORARY TABLE wanted_fee ON COMMIT DROP AS SELECT fee_ref FROM single WHERE fees = 1
"""
_WANTED_OF_ITEMS = """
    INSERT INTO wanted_fee
    SELECT DISTINCT fee_ref FROM earlier WHERE fee_ref NOT IN (SELECT fee_ref FROM wanted_fee)
"""
# The ledger knows a patron as Alma does, which may have lost the zeros that PeopleSoft writes.
_WANTED_OF_PATRONS = f"""
    INSERT INTO wanted_fee
    SELECT DISTINCT e.fee_ref FROM (
        SELECT DISTINCT emplid AS patron_id FROM rest WHERE emplid <> ''
        UNION SELECT ltrim(emplid, '0') FROM rest WHERE emplid <> ''
    ) r JOIN ledger_entry e ON e.tenant_id = :tenant_id AND e.patron_id = r.patron_id AND e.side = '{BURSAR}'
        AND e.event = 'charge'
    WHERE e.fee_ref NOT IN (SELECT fee_ref FROM wanted_fee)
"""
_WANTED_IN_ALMA = """
    INSERT INTO wanted_fee
    SELECT a.fee_id FROM (SELECT DISTINCT emplid FROM rest WHERE emplid <> '') r
    JOIN alma_fee a ON a.tenant_id = :tenant_id AND a.emplid = r.emplid AND a.status = 'ACTIVE' AND a.balance_cents > 0
    WHERE NOT EXISTS (SELECT FROM wanted_fee w WHERE w.fee_ref IN (a.fee_id, a.bursar_ref))
"""
# What is open of a fee: of its charge what no credit took back and no payment was booked for; of an active fee in Alma its
# balance less what is on its way. The smaller counts where both are known; NULL: only Alma can say, when it is posted.
_KNOWN_FEE = f"""
    CREATE TEMPORARY TABLE known_fee ON COMMIT DROP AS
    WITH charge AS ({charges_of("SELECT fee_ref FROM wanted_fee")}), booked AS (
        SELECT l.fee_ref, sum(l.amount_cents) AS cents, sum(l.amount_cents) FILTER (WHERE l.state <> 'posted') AS on_its_way
        FROM payment_line l JOIN wanted_fee w ON w.fee_ref = l.fee_ref
        WHERE l.tenant_id = :tenant_id AND l.state IN ('waiting', 'sending', 'unknown', 'posted') GROUP BY 1
    ), alma AS (
        SELECT DISTINCT ON (fee_ref) * FROM (
            SELECT w.fee_ref, a.fee_id, a.emplid, a.fee_type, a.status, a.balance_cents, a.created_at,
                   a.barcode
            FROM wanted_fee w JOIN alma_fee a ON a.tenant_id = :tenant_id AND a.fee_id = w.fee_ref
            UNION ALL
            SELECT w.fee_ref, a.fee_id, a.emplid, a.fee_type, a.status, a.balance_cents, a.created_at,
                   a.barcode
            FROM wanted_fee w JOIN alma_fee a ON a.tenant_id = :tenant_id AND a.bursar_ref = w.fee_ref AND a.bursar_ref <> ''
        ) both_ways ORDER BY fee_ref, fee_id
    )
    SELECT fee_ref, coalesce(a.fee_id, '') AS fee_id, coalesce(nullif(c.emplid, ''), a.emplid, '') AS emplid,
           coalesce(nullif(c.fee_type, ''), a.fee_type, '') AS fee_type, coalesce(c.item_type, '') AS item_type,
           coalesce(c.term, '') AS term, coalesce(nullif(c.barcode, ''), a.barcode, '') AS barcode,
           coalesce(a.status, '') AS status, c.amount_cents, coalesce(c.billing_on, a.created_at::date) AS opened_on,
           least(CASE WHEN c.remaining_cents IS NOT NULL THEN greatest(0, c.remaining_cents - coalesce(b.cents, 0)) END,
                 CASE WHEN a.status = 'ACTIVE' THEN greatest(0, a.balance_cents - coalesce(b.on_its_way, 0)) END)::bigint
               AS open_cents
    FROM wanted_fee LEFT JOIN charge c USING (fee_ref) LEFT JOIN alma a USING (fee_ref) LEFT JOIN booked b USING (fee_ref)
"""
_BY_REFERENCE = f"""
    INSERT INTO plan
    WITH named AS (
        SELECT f.*, k.fee_ref, k.fee_id, k.open_cents, k.emplid AS fee_emplid, k.status,
               f.emplid <> '' AND k.emplid <> '' AND f.emplid <> k.emplid AS is_anothers
        FROM fresh f JOIN single s ON s.reference = f.reference AND s.fees = 1 JOIN known_fee k ON k.fee_ref = s.fee_ref
    ), judged AS (
        SELECT *, CASE WHEN is_anothers THEN 0 WHEN open_cents IS NULL THEN cents ELSE least(cents, greatest(0,
            open_cents - (sum(cents) OVER (PARTITION BY fee_ref, is_anothers ORDER BY n) - cents))) END AS fits
        FROM named
    )
    SELECT n, 1, fee_ref, fee_id, fits, op, '{WAITING}', '', concat('Names the fee by its reference.', CASE status
               WHEN 'CLOSED' THEN ' Alma last said that it is closed.' WHEN 'INDISPUTE' THEN ' Alma last said that it is '
               'disputed.' WHEN 'EXPORTED' THEN ' Alma last said that it was handed to the bursar.' END)
    FROM judged WHERE fits > 0
    UNION ALL
    SELECT n, 2, '', '', cents - fits, 'pay', '{UNAPPLIED}', 'overpaid',
           concat({DOLLARS.format("cents - fits")}, ' more than is left of fee ', fee_ref, '.')
    FROM judged WHERE fits < cents AND NOT is_anothers
    UNION ALL
    SELECT n, 1, '', '', cents, 'pay', '{UNAPPLIED}', 'other_patron',
           concat('The reference ', reference, ' is a fee of another patron.')
    FROM judged WHERE is_anothers
"""
_NOT_FOR_A_FEE = f"""
    INSERT INTO plan
    SELECT n, 1, '', '', cents, 'pay', '{UNAPPLIED}', CASE WHEN rule <> '' THEN rule WHEN kind = 'write_off' THEN kind
               ELSE 'reversal' END,
           CASE WHEN reason <> '' THEN reason
                WHEN rule <> '' THEN 'An equal row came with another file; it may be the same money.'
                ELSE CASE kind WHEN 'write_off' THEN 'PeopleSoft wrote this off; it is no payment.'
                               WHEN 'charge_reversal' THEN 'PeopleSoft reversed the charge; nobody paid.'
                               WHEN 'refund' THEN 'PeopleSoft gave this money back.'
                               ELSE 'PeopleSoft took back what it had said was paid.' END END
    FROM news WHERE verdict = 'post' AND cents <> 0 AND n NOT IN (SELECT n FROM fresh)
"""
_AMBIGUOUS = f"""
    INSERT INTO plan
    SELECT f.n, 1, '', '', f.cents, 'pay', '{UNAPPLIED}', 'ambiguous',
           concat('The reference ', f.reference, ' belongs to ', s.fees, ' fees.')
    FROM fresh f JOIN single s ON s.reference = f.reference AND s.fees > 1
"""


def _match_rest(session: ScopedSession, rules: MatchRules) -> None:
    """Rows without a reference that we know, patron by patron."""
    with tempfile.TemporaryFile() as lines:
        rows = session.execute(
            text("""
                WITH opened AS (
                    SELECT k.*, k.open_cents - coalesce(p.cents, 0) AS left_cents
                    FROM known_fee k LEFT JOIN (
                        SELECT fee_ref, sum(amount_cents) AS cents FROM plan WHERE state = 'waiting' GROUP BY 1
                    ) p USING (fee_ref)
                )
                SELECT r.emplid, r.rows, o.fees FROM (
                    SELECT emplid, json_agg(json_build_array(n, op, reference, item_type, term, amount_cents, cents,
                                                             coalesce(fee_ref, '')) ORDER BY n) AS rows
                    FROM rest LEFT JOIN earlier USING (item_key) GROUP BY emplid
                ) r LEFT JOIN (
                    SELECT emplid, json_agg(json_build_array(fee_ref, fee_id, fee_type, opened_on, left_cents, item_type,
                                                             term, amount_cents, barcode) ORDER BY fee_ref) AS fees
                    FROM opened WHERE left_cents > 0 AND emplid <> '' GROUP BY emplid
                ) o ON o.emplid = r.emplid ORDER BY r.emplid
            """),
            execution_options={"yield_per": _BATCH},
        )
        with rows:
            for emplid, wanted, fees in rows:
                patron = PatronFees(emplid, _fees(fees or []), rules)
                for n, op, *money in wanted:
                    lines.writelines(_line(part) for part in _parts(n, op, patron.pay(Money(*money))))
        lines.seek(0)
        _copy_plan(session, lines)


def _fees(found: list[list[Any]]) -> list[OpenFee]:
    return [
        OpenFee(fee_ref, fee_id, fee_type, date.fromisoformat(opened_on) if opened_on else None, *others)
        for fee_ref, fee_id, fee_type, opened_on, *others in found
    ]


def _parts(n: int, op: str, placed: Placed) -> Iterator[Mapping[str, Any]]:
    """The parts of one row's money as rows of ``plan``."""
    for number, part in enumerate(placed.parts, 1):
        yield {
            "n": n, "part": number, "fee_ref": part.fee_ref, "fee_id": part.fee_id, "cents": part.amount_cents,
            "op": op, "state": WAITING, "rule": "", "reason": part.reason,
        }  # fmt: skip
    if placed.left_cents:
        yield {
            "n": n, "part": len(placed.parts) + 1, "fee_ref": "", "fee_id": "", "cents": placed.left_cents, "op": "pay",
            "state": UNAPPLIED, "rule": placed.rule, "reason": placed.reason,
        }  # fmt: skip


def _line(part: Mapping[str, Any]) -> bytes:
    return json.dumps(part).encode() + b"\n"


def _copy_plan(session: ScopedSession, lines: IO[bytes]) -> None:
    batch: list[dict[str, Any]] = []
    for line in lines:
        batch.append(json.loads(line))
        if len(batch) == _BATCH:
            _add(session, batch)
            batch = []
    if batch:
        _add(session, batch)


def _add(session: ScopedSession, batch: list[dict[str, Any]]) -> None:
    session.execute(
        text("""
            INSERT INTO plan SELECT n, part, fee_ref, fee_id, cents, op, state, rule, reason
            FROM json_to_recordset(CAST(:batch AS json))
                AS b (n bigint, part int, fee_ref text, fee_id text, cents bigint, op text, state text, rule text, reason text)
        """),
        {"batch": json.dumps(batch)},
    )
