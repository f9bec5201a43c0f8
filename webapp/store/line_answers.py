"""What PeopleSoft said of the lines of a file, and which lines a run sent again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession

MOST_SHOWN = 25


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that PeopleSoft rejected, its row on the desk, and how that was resolved (empty: it is open).

    ``resend_state`` is empty while nobody asked for it to go out again.
    """

    line_no: int
    fee_ref: str
    amount_cents: int
    message: str
    resend_state: str
    resend_run_id: int | None
    desk_row_id: int | None
    resolution: str


@dataclass(frozen=True, slots=True)
class LineAnswers:
    """How many lines of a file were answered, each by its newest answer, with the first of the rejected."""

    accepted: int
    rejected: int
    lines: tuple[RejectedLine, ...]


@dataclass(frozen=True, slots=True)
class SentAgain:
    """A rejected line that a run sends again: where it stood, who asked for it, and why."""

    fee_ref: str
    amount_cents: int
    reason: str
    asked_by: str
    file_id: int
    file_name: str
    line_no: int


def answers_of_file(session: ScopedSession, file_id: int) -> LineAnswers:
    """What PeopleSoft said of the lines of a file; zeros when it has said nothing."""
    given = {"tenant_id": session.tenant_id, "file_id": file_id}
    newest = """
        WITH newest AS (
            SELECT DISTINCT ON (line_no, fee_ref) * FROM ledger_entry
            WHERE tenant_id = :tenant_id AND file_id = :file_id AND event IN ('accepted', 'rejected')
            ORDER BY line_no, fee_ref, id DESC
        )
    """
    counted = text(f"{newest} SELECT event, count(*) FROM newest GROUP BY event")
    counts = {str(event): int(lines) for event, lines in session.execute(counted, given)}
    if not counts.get("rejected"):
        return LineAnswers(counts.get("accepted", 0), 0, ())
    rows = session.execute(
        text(f"""
            {newest}
            SELECT n.line_no, n.fee_ref, n.amount_cents, n.evidence ->> 'message', coalesce(t.state, ''), t.run_id,
                   q.id, coalesce(q.resolution, '')
            FROM newest n LEFT JOIN LATERAL (
                SELECT state, run_id FROM bursar_task t
                WHERE t.tenant_id = n.tenant_id AND t.kind = 'resend'
                  AND t.entry_id = (n.evidence ->> 'entry_id')::bigint ORDER BY t.id DESC LIMIT 1
            ) t ON true LEFT JOIN LATERAL (
                SELECT id, resolution FROM quarantined_row q
                WHERE q.tenant_id = n.tenant_id AND q.rule = 'rejected_by_peoplesoft'
                  AND q.raw ->> 'sent_entry_id' = n.evidence ->> 'entry_id' ORDER BY q.id DESC LIMIT 1
            ) q ON true
            WHERE n.event = 'rejected' ORDER BY n.line_no LIMIT {MOST_SHOWN}
        """),
        given,
    )
    return LineAnswers(
        counts.get("accepted", 0), counts["rejected"], tuple(RejectedLine(*row) for row in rows)
    )


def sent_again(session: ScopedSession, run_id: int) -> list[SentAgain]:
    """The rejected lines that this run took to send again, in the order in which they were asked for."""
    rows = session.execute(
        text("""
            SELECT t.fee_ref, t.amount_cents, t.reason, coalesce(p.full_name, ''), f.id, f.name, e.line_no
            FROM bursar_task t
            JOIN ledger_entry e ON e.tenant_id = t.tenant_id AND e.id = t.entry_id
            JOIN file f ON f.tenant_id = e.tenant_id AND f.id = e.file_id
            LEFT JOIN person p ON p.id = t.created_by
            WHERE t.tenant_id = :tenant_id AND t.kind = 'resend' AND t.run_id = :run_id
            ORDER BY t.id LIMIT :most
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id, "most": MOST_SHOWN},
    )
    return [SentAgain(*row) for row in rows]
