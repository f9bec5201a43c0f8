"""Lines that go to Alma in a file for its bursar import: which file has them, and what its fate means for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from webapp.models.scope import ScopedSession

FILE_KIND = "payments"
_BATCH = 1_000
# Lines of a run that wait for their file: taken up, and in no file yet.
_FOR_THE_FILE = """
    FROM payment_line l JOIN effect x ON x.tenant_id = l.tenant_id AND x.key = 'pay:' || l.external_id
    WHERE l.tenant_id = :tenant_id AND l.run_id = :run_id AND l.state = 'sending' AND l.op = 'import'
      AND x.state IN ('intended', 'failed')
"""


@dataclass(frozen=True, slots=True)
class LineForFile:
    """One payment that the file is to hold; ``detail`` is its fee as it was when the line was taken up."""

    external_id: str
    amount_cents: int
    detail: Mapping[str, Any]


def lines_for_file(session: ScopedSession, run_id: int) -> Iterator[LineForFile]:
    """The run's lines that are in no file yet: patron by patron, the oldest payment first."""
    rows = session.execute(
        text(f"""
            SELECT l.external_id, l.amount_cents, x.detail {_FOR_THE_FILE}
            ORDER BY x.detail ->> 'user_primary_id', l.payment_id, l.n
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
        execution_options={"yield_per": _BATCH},
    )
    for row in rows:
        yield LineForFile(*row)


def put_in_file(session: ScopedSession, run_id: int, file_id: int) -> int:
    """From here on the file may reach Alma, and these lines with it; returns how many."""
    marked = session.execute(
        text(f"""
            UPDATE effect SET state = 'sent', attempts = attempts + 1, sent_at = clock_timestamp(), settled_at = NULL,
                              detail = detail || jsonb_build_object('import_file_id', CAST(:file_id AS bigint))
            WHERE tenant_id = :tenant_id AND id IN (SELECT x.id {_FOR_THE_FILE})
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id, "file_id": file_id},
    )
    return int(marked.rowcount)  # type: ignore[attr-defined]


def take_back_file(session: ScopedSession, file_id: int, message: str, *, is_certain: bool = False) -> int:
    """The file did not reach Alma: its lines wait for the next run; returns how many.

    Unless that ``is_certain``, they are looked for in Alma once more before anything is sent.
    """
    taken = session.execute(
        text("""
            WITH back AS (
                UPDATE effect SET state = :state, settled_at = CASE WHEN :state = 'failed' THEN clock_timestamp() END
                WHERE tenant_id = :tenant_id AND state IN ('sent', 'unknown')
                  AND detail -> 'import_file_id' = to_jsonb(CAST(:file_id AS bigint))
                RETURNING key
            )
            UPDATE payment_line l SET state = 'waiting', message = :message FROM back
            WHERE l.tenant_id = :tenant_id AND 'pay:' || l.external_id = back.key
              AND l.state IN ('sending', 'unknown')
        """),
        {
            "tenant_id": session.tenant_id,
            "file_id": file_id,
            "message": message,
            "state": "intended" if is_certain else "failed",
        },
    )
    return int(taken.rowcount)  # type: ignore[attr-defined]
