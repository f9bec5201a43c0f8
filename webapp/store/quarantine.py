"""Rows that may not go out until a person decides. The same bad row every night is one entry with an age."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from webapp.domain.holds.verdicts import QUARANTINED, REFUSED, last_day_past_grace
from webapp.models import QuarantinedRow
from webapp.store.effects import HANDS_OVER
from webapp.store.hold_sql import judged_doubts
from webapp.store.planning import by_hashing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from webapp.domain.holds.policy import HoldPolicy
    from webapp.models.scope import ScopedSession

_LOCK = 7_235_118
LAYOUT = "layout"

# Two nights' rows with one fingerprint are the same row: its age stays, its words are the newest.
_MERGE = """
    , known AS (
        UPDATE quarantined_row q SET last_seen_at = now(), row_ref = f.row_ref, reason = f.reason,
               amount_cents = f.amount_cents, run_id = :run_id
        FROM found f
        WHERE q.tenant_id = :tenant_id AND q.fingerprint = f.fingerprint AND q.resolved_at IS NULL
        RETURNING q.fingerprint
    )
    INSERT INTO quarantined_row (tenant_id, run_id, fingerprint, source, row_ref, reason, amount_cents, raw)
    SELECT :tenant_id, :run_id, fingerprint, source, row_ref, reason, amount_cents, raw
    FROM found WHERE fingerprint NOT IN (SELECT fingerprint FROM known) AND NOT EXISTS (
        SELECT FROM quarantined_row q WHERE q.tenant_id = :tenant_id AND q.fingerprint = found.fingerprint
          AND q.decision = 'ignored')
"""


def park_collected(
    session: Session, *, tenant_id: int, run_id: int, policy: HoldPolicy, run_on: date
) -> None:
    """Park every doubtful row of the transaction's ``collected`` table, after ``decide_holds``."""
    session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK}, :tenant_id)"), {"tenant_id": tenant_id})
    session.execute(
        text(f"""
            WITH found AS (
                SELECT DISTINCT ON (fingerprint) fingerprint, source, n,
                       CASE WHEN final = '{REFUSED}' THEN detail::jsonb ->> 'row_ref'
                            WHEN fee_id <> '' THEN 'fee ' || fee_id ELSE 'row ' || n END AS row_ref,
                       CASE final WHEN '{REFUSED}' THEN detail::jsonb ->> 'reason'
                                  ELSE CAST(:reasons AS jsonb) ->> final END AS reason,
                       balance_cents AS amount_cents,
                       CASE WHEN final = '{REFUSED}' THEN detail::jsonb -> 'raw' ELSE
                           jsonb_strip_nulls(jsonb_build_object(
                               'fee_id', fee_id, 'patron_key', patron_key, 'emplid', emplid, 'fee_type', fee_type,
                               'status', status, 'user_type', user_type, 'billed_on', billed_on, 'title', title,
                               'library', library)) END AS raw
                FROM ({judged_doubts(policy)}) doubtful ORDER BY fingerprint, n
            ) {_MERGE}
        """),
        {
            "tenant_id": tenant_id,
            "run_id": run_id,
            "reasons": json.dumps(QUARANTINED),
            "grace_limit": last_day_past_grace(policy, run_on),
        },
    )


def reasons_met(session: Session, *, policy: HoldPolicy, run_on: date, limit: int) -> list[tuple[str, int]]:
    """Why rows of the transaction's ``collected`` table are held back, with how many rows each, most first."""
    rows = session.execute(
        text(f"""
            SELECT CASE final WHEN '{REFUSED}' THEN detail::jsonb ->> 'reason'
                              ELSE CAST(:reasons AS jsonb) ->> final END AS reason, count(*)
            FROM ({judged_doubts(policy)}) doubtful GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :limit
        """),
        {
            "reasons": json.dumps(QUARANTINED),
            "grace_limit": last_day_past_grace(policy, run_on),
            "limit": limit,
        },
    )
    return [(reason, count) for reason, count in rows]


def park_unprintable(
    session: Session,
    *,
    tenant_id: int,
    run_id: int,
    emplid: str,
    hold_code: str,
    reason: str,
    raw: Mapping[str, str],
    amount_cents: int,
) -> None:
    """Park one line that the file layout refuses."""
    said = json.dumps([LAYOUT, emplid, hold_code, reason])
    session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK}, :tenant_id)"), {"tenant_id": tenant_id})
    session.execute(
        text(f"""
            WITH found AS (
                SELECT :fingerprint AS fingerprint, '{LAYOUT}' AS source, :row_ref AS row_ref, :reason AS reason,
                       CAST(:amount_cents AS bigint) AS amount_cents, CAST(:raw AS jsonb) AS raw
            ) {_MERGE}
        """),
        {
            "tenant_id": tenant_id,
            "run_id": run_id,
            "fingerprint": hashlib.sha256(said.encode()).hexdigest(),
            "row_ref": f"patron {emplid}",
            "reason": reason,
            "amount_cents": amount_cents,
            "raw": json.dumps(dict(raw)),
        },
    )


def resolve_gone(session: Session, *, tenant_id: int, run_id: int, of_layout: bool) -> int:
    """Close what this run, which looked at everything, has not found again; returns how many.

    ``of_layout`` are the lines that did not fit a layout, which only a built file can tell.
    """
    gone = session.execute(
        text("""
            UPDATE quarantined_row SET resolved_at = now(), resolution = 'no longer in the source'
            WHERE tenant_id = :tenant_id AND resolved_at IS NULL AND run_id < :run_id
              AND (source = :layout) = :of_layout RETURNING id
        """),
        {"tenant_id": tenant_id, "run_id": run_id, "layout": LAYOUT, "of_layout": of_layout},
    )
    return len(gone.all())


def park_bursar_rows(session: Session, tenant_id: int, run_id: int, pipeline: str) -> None:
    """Put the rows that a conversion held back on the desk, or renew the words of those that came from there.

    Rows that are equal in everything are one entry each all the same: each of them is a row of the file. What a person
    asked for is a row of conversions, whichever run took it up: a balance export finds its own rows anew each time, and
    that one never again.
    """
    session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK}, :tenant_id)"), {"tenant_id": tenant_id})
    bound = {"tenant_id": tenant_id, "run_id": run_id, "pipeline": pipeline}
    session.execute(
        text("""
            UPDATE quarantined_row q SET last_seen_at = now(), reason = b.reason, rule = b.rule, run_id = b.run_id
            FROM bursar_row b
            WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.origin = 'desk' AND b.verdict = 'quarantined'
              AND q.tenant_id = b.tenant_id AND q.id = b.origin_id AND q.resolved_at IS NULL
        """),
        bound,
    )
    session.execute(
        text("""
            WITH held AS (
                SELECT b.*, concat_ws(chr(31), fee_ref, patron_id, amount_cents, barcode, body ->> 'fee_type',
                                      body ->> 'transaction_at') AS said
                FROM bursar_row b
                WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.origin <> 'desk' AND b.verdict = 'quarantined'
            ), found AS (
                SELECT *, encode(sha256(convert_to(concat_ws(chr(31), CAST(:pipeline AS text), said,
                    row_number() OVER (PARTITION BY said ORDER BY n)), 'UTF8')), 'hex') AS fingerprint
                FROM held
            ), known AS (
                UPDATE quarantined_row q SET last_seen_at = now(), reason = f.reason, rule = f.rule, run_id = f.run_id
                FROM found f
                WHERE q.tenant_id = f.tenant_id AND q.fingerprint = f.fingerprint AND q.resolved_at IS NULL
                RETURNING q.fingerprint
            )
            INSERT INTO quarantined_row
                (tenant_id, run_id, fingerprint, source, row_ref, reason, rule, pipeline, amount_cents, raw)
            SELECT tenant_id, run_id, fingerprint, 'bursar_xml',
                   CASE WHEN fee_ref <> '' THEN 'fee ' || fee_ref ELSE 'row ' || n END,
                   reason, rule,
                   CASE origin WHEN 'task' THEN 'bursar_conversion' ELSE CAST(:pipeline AS text) END, amount_cents,
                   body - '{reverse_cents,recharge_cents}'::text[]
            FROM found WHERE fingerprint NOT IN (SELECT fingerprint FROM known) ORDER BY n
        """),
        bound,
    )


def resolve_bursar_rows(session: Session, tenant_id: int, run_id: int, *, only_told: bool = False) -> None:
    """Close the desk's rows that a conversion took up and sent, or left out by a rule.

    ``only_told``: the run failed, and only what one of its confirmed files had told is done.
    """
    with by_hashing(session):
        session.execute(
            text("""
                UPDATE quarantined_row q SET resolved_at = now(), resolution = CASE b.verdict
                    WHEN 'send' THEN 'sent by run ' || b.run_id ELSE 'left out by run ' || b.run_id || ': ' || b.reason END
                FROM bursar_row b
                WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.origin = 'desk' AND b.verdict <> 'quarantined'
                  AND q.tenant_id = b.tenant_id AND q.id = b.origin_id AND q.resolved_at IS NULL
                  AND (NOT :only_told OR EXISTS (
                      SELECT FROM ledger_entry e
                      JOIN file f ON f.tenant_id = e.tenant_id AND f.id = e.file_id AND f.confirmed_at IS NOT NULL
                      WHERE e.tenant_id = b.tenant_id AND e.run_id = b.run_id AND (e.evidence ->> 'n')::bigint = b.n))
            """),
            {"tenant_id": tenant_id, "run_id": run_id, "only_told": only_told},
        )


def desk_rows_to_flow(session: Session, tenant_id: int, *, only_decided: bool) -> list[Row[Any]]:
    """Open rows of conversions that the next run judges anew: (id, raw, patch, decision, rule, reason), oldest first.

    ``only_decided``: only those that a person mended or released. A row that may be in a file of which nobody knows
    whether it arrived waits until that is settled.
    """
    return list(
        session.execute(
            text(f"""
                SELECT q.id, q.raw, q.patch, q.decision, q.rule, q.reason FROM quarantined_row q
                WHERE q.tenant_id = :tenant_id AND q.resolved_at IS NULL AND q.pipeline = 'bursar_conversion'
                  AND (NOT :only_decided OR q.patch <> '{{}}' OR q.decision = 'released')
                  AND q.id NOT IN (
                      SELECT b.origin_id FROM effect x
                      JOIN bursar_row b ON b.tenant_id = x.tenant_id AND b.run_id = x.run_id
                      WHERE x.tenant_id = :tenant_id AND x.state IN ('sent', 'unknown') AND {HANDS_OVER}
                        AND b.origin = 'desk' AND b.verdict = 'send')
                ORDER BY q.id
            """),
            {"tenant_id": tenant_id, "only_decided": only_decided},
        )
    )


def lock_row(session: ScopedSession, row_id: int) -> QuarantinedRow | None:
    """One row of the scope's campus, locked until the transaction ends."""
    query = select(QuarantinedRow).where(QuarantinedRow.id == row_id)
    return session.scalars(query.with_for_update()).first()


def is_under_way(session: ScopedSession, row_id: int) -> bool:
    """Whether a run that is not over has taken the row up, to send it or to leave it out."""
    query = text("""
        SELECT EXISTS (
            SELECT FROM run r JOIN bursar_row b ON b.tenant_id = r.tenant_id AND b.run_id = r.id
            WHERE r.tenant_id = :tenant_id AND r.started_at IS NOT NULL AND r.finished_at IS NULL AND NOT r.dry_run
              AND b.origin = 'desk' AND b.origin_id = :row_id AND b.verdict <> 'quarantined')
    """)
    return bool(session.scalar(query, {"tenant_id": session.tenant_id, "row_id": row_id}))
