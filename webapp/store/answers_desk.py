"""What PeopleSoft's answers put on the desk: rejected lines to mend and send again, and answers nobody can place."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from webapp.domain.layouts.inbound import InboundFault
    from webapp.store.load_results import LeftOver

REJECTED = "rejected_by_peoplesoft"
UNPLACED, AMBIGUOUS, UNREADABLE = "answer_unplaced", "answer_ambiguous", "answer_unreadable"
SOURCE = "peoplesoft"
_REASONS = {
    UNPLACED: "PeopleSoft answered a line that we did not send, or sent otherwise: {said}. Compare it with the file.",
    AMBIGUOUS: "PeopleSoft's answer ({said}) may speak of several lines we sent; none was taken. Look it up there.",
}


def park_rejected(session: Session, tenant_id: int, *, run_id: int, inbound_file_id: int) -> int:
    """A row on the desk for each line this load result rejected; returns how many.

    The row's ``raw`` holds the row as it was sent (field ``fee`` of ``answers`` below it), so that it can go out again.
    """
    rows = session.execute(
        text("""
            INSERT INTO quarantined_row (tenant_id, run_id, fingerprint, source, row_ref, reason, amount_cents, raw,
                                         pipeline, rule)
            SELECT e.tenant_id, :run_id, 'rejected-line-' || e.file_id || '-' || e.line_no, :source,
                   'line ' || e.line_no || ' of ' || f.name,
                   'PeopleSoft rejected it' || CASE WHEN e.evidence ->> 'message' <> ''
                       THEN ': ' || (e.evidence ->> 'message') ELSE ' without saying why.' END,
                   e.amount_cents,
                   jsonb_build_object('fee_ref', e.fee_ref, 'kind', sent.event, 'patron_id', e.patron_id, 'emplid', e.emplid,
                       'fee_type', e.fee_type, 'item_type', e.item_type, 'term', e.term, 'reference', e.reference,
                       'original_ref', e.original_ref, 'amount_cents', e.amount_cents, 'entry_id', sent.id,
                       'file', f.name, 'line', e.line_no),
                   'bursar_conversion', :rule
            FROM ledger_entry e
            JOIN ledger_entry sent ON sent.tenant_id = e.tenant_id AND sent.id = (e.evidence ->> 'entry_id')::bigint
            JOIN file f ON f.tenant_id = e.tenant_id AND f.id = e.file_id
            WHERE e.tenant_id = :tenant_id AND e.inbound_file_id = :inbound_file_id AND e.event = 'rejected'
            RETURNING id
        """),
        {
            "tenant_id": tenant_id,
            "run_id": run_id,
            "inbound_file_id": inbound_file_id,
            "source": SOURCE,
            "rule": REJECTED,
        },
    )
    return len(rows.all())


def close_accepted(session: Session, tenant_id: int, *, inbound_file_id: int, name: str) -> int:
    """Take off the desk what PeopleSoft has after all; returns how many rows."""
    rows = session.execute(
        text("""
            UPDATE quarantined_row q SET resolved_at = clock_timestamp(),
                   resolution = 'PeopleSoft took the line after all (' || :name || ')'
            FROM ledger_entry e
            WHERE q.tenant_id = :tenant_id AND q.rule = :rule AND q.resolved_at IS NULL
              AND e.tenant_id = q.tenant_id AND e.inbound_file_id = :inbound_file_id AND e.event = 'accepted'
              AND q.fingerprint = 'rejected-line-' || e.file_id || '-' || e.line_no
            RETURNING q.id
        """),
        {"tenant_id": tenant_id, "rule": REJECTED, "inbound_file_id": inbound_file_id, "name": name},
    )
    return len(rows.all())


def park_left_over(
    session: Session,
    tenant_id: int,
    *,
    run_id: int,
    name: str,
    left_over: Sequence[LeftOver],
    faults: Sequence[InboundFault],
) -> None:
    """A row on the desk for each answer nobody can place and each line nobody can read; the same one only once."""
    rows = [
        _row(
            UNPLACED if answer.outcome == "unknown" else AMBIGUOUS,
            name,
            answer.line,
            answer.raw,
            answer.amount_cents,
            _REASONS[UNPLACED if answer.outcome == "unknown" else AMBIGUOUS].format(said=answer.status),
        )
        for answer in left_over
    ]
    rows += [_row(UNREADABLE, name, fault.line, fault.raw, None, fault.reason) for fault in faults]
    if rows:
        session.execute(
            text("""
                INSERT INTO quarantined_row (tenant_id, run_id, fingerprint, source, row_ref, reason, amount_cents, raw,
                                             pipeline, rule)
                SELECT :tenant_id, :run_id, :fingerprint, :source, :row_ref, :reason, :amount_cents,
                       CAST(:raw AS jsonb), 'bursar_acknowledgements', :rule
                WHERE NOT EXISTS (SELECT FROM quarantined_row q
                    WHERE q.tenant_id = :tenant_id AND q.fingerprint = :fingerprint
                      AND (q.resolved_at IS NULL OR q.decision = 'ignored'))
            """),
            [{"tenant_id": tenant_id, "run_id": run_id, "source": SOURCE, **row} for row in rows],
        )


def _row(
    rule: str, name: str, line: int, raw: Mapping[str, str], amount_cents: int | None, reason: str
) -> dict[str, object]:
    said = json.dumps([rule, sorted(raw.items())])
    return {
        "fingerprint": hashlib.sha256(said.encode()).hexdigest(),
        "row_ref": f"line {line} of {name}",
        "reason": reason,
        "amount_cents": amount_cents,
        "raw": json.dumps(dict(raw)),
        "rule": rule,
    }
