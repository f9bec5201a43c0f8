"""What PeopleSoft's answers put on the desk: rejected lines to mend and send again, and answers nobody can place."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from webapp.models import BursarTask, QuarantinedRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from webapp.domain.layouts.inbound import InboundFault
    from webapp.models.scope import ScopedSession
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

    The row's ``raw`` is the row as it was sent, so that it can be mended and go out again; what the line said besides
    stands under names that begin with ``sent_``. No run takes such a row by itself: PeopleSoft would reject it anew
    every night.
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
                   jsonb_build_object('patron_id', e.patron_id, 'emplid', e.emplid, 'fee_type', e.fee_type,
                                      'item_barcode', e.barcode)
                   || (coalesce(b.body, '{}') - 'reverse_cents' - 'recharge_cents')
                   || jsonb_build_object('fee_ref', e.fee_ref, 'kind', sent.event, 'amount_cents', e.amount_cents,
                       'sent_entry_id', sent.id, 'sent_file', f.name, 'sent_line', e.line_no,
                       'sent_item_type', e.item_type, 'sent_term', e.term, 'sent_reference', e.reference),
                   'bursar_acknowledgements', :rule
            FROM ledger_entry e
            JOIN ledger_entry sent ON sent.tenant_id = e.tenant_id AND sent.id = (e.evidence ->> 'entry_id')::bigint
            JOIN file f ON f.tenant_id = e.tenant_id AND f.id = e.file_id
            LEFT JOIN bursar_row b ON b.tenant_id = sent.tenant_id AND b.run_id = sent.run_id
                 AND b.n = (sent.evidence ->> 'n')::bigint
            WHERE e.tenant_id = :tenant_id AND e.inbound_file_id = :inbound_file_id AND e.event = 'rejected' ORDER BY e.id
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


def lock_rejected(session: ScopedSession, row_ids: Sequence[int]) -> list[QuarantinedRow]:
    """The open rows of rejected lines among these, locked until the transaction ends, in their order."""
    query = select(QuarantinedRow).where(
        QuarantinedRow.id.in_(row_ids),
        QuarantinedRow.rule == REJECTED,
        QuarantinedRow.resolved_at.is_(None),
    )
    return list(session.scalars(query.order_by(QuarantinedRow.id).with_for_update()))


def add_resend(
    session: ScopedSession,
    row: QuarantinedRow,
    *,
    body: Mapping[str, Any],
    patch: Mapping[str, str],
    reason: str,
    person_id: int | None,
) -> int | None:
    """Ask for the row's line to be sent again with this body, and take it off the desk; returns the task's id.

    None when the same fee is being sent again already.
    """
    task_id: int | None = session.scalar(
        insert(BursarTask)
        .values(
            tenant_id=session.tenant_id,
            kind="resend",
            fee_ref=body["fee_ref"],
            amount_cents=body["amount_cents"],
            entry_id=row.raw["sent_entry_id"],
            body=dict(body),
            reason=reason,
            created_by=person_id,
        )
        .on_conflict_do_nothing()
        .returning(BursarTask.id)
    )
    if task_id is not None:
        row.patch, row.decision = dict(patch), "mended"
        row.resolved_at, row.resolved_by, row.resolution = func.clock_timestamp(), person_id, "sent again"
    return task_id


def close_accepted(session: Session, tenant_id: int, *, inbound_file_id: int, name: str) -> int:
    """Take off the desk what PeopleSoft has after all, and do not send it again; returns how many rows."""
    session.execute(
        text("""
            UPDATE bursar_task t SET state = 'withdrawn', settled_at = clock_timestamp()
            FROM ledger_entry e
            WHERE t.tenant_id = :tenant_id AND t.kind = 'resend' AND t.state = 'open' AND e.tenant_id = t.tenant_id
              AND e.inbound_file_id = :inbound_file_id AND e.event = 'accepted'
              AND (e.evidence ->> 'entry_id')::bigint = t.entry_id
        """),
        {"tenant_id": tenant_id, "inbound_file_id": inbound_file_id},
    )
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
