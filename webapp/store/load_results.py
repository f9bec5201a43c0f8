"""PeopleSoft's answers beside the lines we sent: staged, paired, and written into the ledger as events of those lines."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from webapp.domain.answers import Answer, SentLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

LOOKED_BACK_DAYS = 180
_MONEY = "('charge', 'credit', 'reversal')"
# Part of an id that is told apart from others by itself; shorter ones only fit by chance.
_LEAST_ID_CHARS = 5
_LEAST_NAME_CHARS = 8
_COLUMNS = (
    "n", "line", "status", "reference", "emplid", "item_type", "term", "amount_cents", "file_name", "line_no",
    "message", "raw",
)  # fmt: skip
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\N{SYMBOL FOR NULL}"})
# What alike answers have in common.
_KEY = "a.reference, a.emplid, ltrim(a.item_type, '0'), a.term, a.amount_cents, a.file_name"


@dataclass(frozen=True, slots=True)
class AnswerGroup:
    """Answers that are alike in all they say of a line, and the lines they could speak of, each in file order."""

    answers: tuple[Answer, ...]
    sent: tuple[SentLine, ...]


@dataclass(frozen=True, slots=True)
class LeftOver:
    """An answer that could not be given to a line."""

    n: int
    line: int
    status: str
    amount_cents: int | None
    raw: Mapping[str, str]
    outcome: str


def open_answers(session: Session) -> None:
    """Make the transaction's temporary tables for one load result."""
    session.execute(
        text("""
            CREATE TEMPORARY TABLE answer (
                n bigint PRIMARY KEY, line bigint, status text, reference text, emplid text, item_type text, term text,
                amount_cents bigint, file_name text, line_no bigint, message text, raw jsonb, k bigint
            ) ON COMMIT DROP
        """)
    )
    session.execute(
        text("""
            CREATE TEMPORARY TABLE settled (n bigint PRIMARY KEY, outcome text NOT NULL, entry_id bigint)
            ON COMMIT DROP
        """)
    )


def answer_line(cells: Sequence[str | int | None]) -> str:
    """One line of COPY text for ``copy_answers``.

    In order: n, line, status, reference, emplid, item_type, term, amount_cents, file_name, line_no, message, raw (JSON).
    """
    return (
        "\t".join(
            "\\N" if cell is None else cell.translate(_ESCAPES) if isinstance(cell, str) else str(cell)
            for cell in cells
        )
        + "\n"
    )


@contextmanager
def copy_answers(session: Session) -> Iterator[Callable[[bytes], object]]:
    """A function that adds COPY text made of ``answer_line`` while the block lasts."""
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY answer ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
        yield copy.write


def pair_answers(session: Session, tenant_id: int, *, about: str) -> None:
    """Gather the lines that the staged answers could speak of, among files that left, or may have, in half a year.

    ``about``: the result's own name; where it holds the name of files we sent, only their lines count.
    """
    session.execute(
        text(f"""
            UPDATE answer SET k = ranked.k FROM (
                SELECT a.n, dense_rank() OVER (ORDER BY {_KEY}) AS k FROM answer a) ranked
            WHERE ranked.n = answer.n
        """)
    )
    session.execute(
        text(f"""
            CREATE TEMPORARY TABLE sent_line ON COMMIT DROP AS
            WITH files AS (
                SELECT f.id, lower(f.name) AS name,
                       length(f.name) >= {_LEAST_NAME_CHARS}
                       AND position(lower(regexp_replace(f.name, '[.][^.]*$', '')) IN lower(:about)) > 0 AS is_named
                FROM file f JOIN run r ON r.tenant_id = f.tenant_id AND r.id = f.run_id
                WHERE f.tenant_id = :tenant_id AND NOT r.dry_run AND f.kind <> 'collected'
                  AND f.created_at > now() - interval '{LOOKED_BACK_DAYS} days'
                  AND (f.confirmed_at IS NOT NULL OR EXISTS (
                       SELECT FROM delivery d WHERE d.tenant_id = f.tenant_id AND d.file_id = f.id
                         AND (d.state IN ('delivered', 'unknown') OR (d.target = 'download' AND d.state = 'pending'))))
            ), answered AS (
                SELECT file_id, line_no, (array_agg(event ORDER BY id DESC))[1] AS event FROM ledger_entry
                WHERE tenant_id = :tenant_id AND event IN ('accepted', 'rejected') GROUP BY file_id, line_no
            )
            SELECT e.id, e.file_id, e.line_no, e.reference, e.emplid, ltrim(e.item_type, '0') AS item_type, e.term,
                   e.amount_cents, f.name AS file_name, coalesce(said.event, '') AS answered
            FROM ledger_entry e JOIN files f ON f.id = e.file_id
            LEFT JOIN answered said ON said.file_id = e.file_id AND said.line_no = e.line_no
            WHERE e.tenant_id = :tenant_id AND e.side = 'bursar' AND e.event IN {_MONEY}
              AND (f.is_named OR NOT EXISTS (SELECT FROM files WHERE is_named))
              AND (e.reference IN (SELECT reference FROM answer WHERE reference <> '')
                   OR e.emplid IN (SELECT emplid FROM answer WHERE reference = '' AND emplid <> ''))
        """),
        {"tenant_id": tenant_id, "about": about},
    )
    session.execute(text("ANALYZE sent_line"))


def groups(session: Session) -> Iterator[AnswerGroup]:
    """Every group of alike answers with its lines, as paired; an answer without any comes with none."""
    agrees = f"""
        (a.term = '' OR s.term = a.term) AND (a.file_name = '' OR s.file_name = lower(a.file_name))
        AND (a.amount_cents IS NULL OR abs(s.amount_cents) = abs(a.amount_cents))
        AND (a.item_type = '' OR s.item_type = ltrim(a.item_type, '0'))
        AND (a.emplid = '' OR s.emplid = a.emplid
             OR (length(a.emplid) >= {_LEAST_ID_CHARS} AND right(s.emplid, length(a.emplid)) = a.emplid))
    """
    rows = session.execute(
        text(f"""
            WITH one AS (SELECT DISTINCT ON (k) * FROM answer a ORDER BY k),
            pair AS (
                SELECT a.k, s.* FROM one a JOIN sent_line s ON s.reference = a.reference
                WHERE a.reference <> '' AND {agrees}
                UNION ALL
                SELECT a.k, s.* FROM one a JOIN sent_line s ON s.emplid = a.emplid
                WHERE a.reference = '' AND a.emplid <> '' AND a.item_type <> '' AND a.amount_cents IS NOT NULL
                  AND {agrees}
            )
            SELECT a.k, 0 AS is_line, a.n, a.status AS said, a.amount_cents, a.line_no, 0 AS file_id FROM answer a
            UNION ALL
            SELECT p.k, 1, p.id, p.answered, p.amount_cents, p.line_no, p.file_id FROM pair p
            ORDER BY k, is_line, file_id, line_no, n
        """)
    )
    return _grouped(rows)


def _grouped(rows: Iterable[Row[Any]]) -> Iterator[AnswerGroup]:
    for _, members in groupby(rows, key=lambda row: row.k):
        answers, sent = [], []
        for row in members:
            if row.is_line:
                sent.append(SentLine(row.n, row.amount_cents, row.line_no, row.said))
            else:
                answers.append(Answer(row.n, row.said, row.amount_cents, row.line_no))
        yield AnswerGroup(tuple(sorted(answers, key=lambda answer: answer.n)), tuple(sent))


@contextmanager
def settle_answers(session: Session) -> Iterator[Callable[[tuple[int, str, int | None]], object]]:
    """A function that notes what came of one answer (n, outcome, entry id), while the block lasts."""
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy("COPY settled (n, outcome, entry_id) FROM STDIN") as copy:
        yield copy.write_row


def write_events(session: Session, tenant_id: int, inbound_file_id: int) -> dict[str, int]:
    """Add an event to the ledger for each line that got a new answer; returns event -> lines.

    A line that was answered the same way before, also long before another answer, gets nothing.
    """
    rows = session.execute(
        text("""
            WITH added AS (
                INSERT INTO ledger_entry (tenant_id, fee_ref, side, event, amount_cents, patron_id, emplid, fee_type,
                    barcode, item_type, term, billing_on, reference, original_ref, run_id, file_id, line_no,
                    inbound_file_id, evidence)
                SELECT DISTINCT ON (e.id, a.status) e.tenant_id, e.fee_ref, e.side, a.status, e.amount_cents,
                    e.patron_id, e.emplid, e.fee_type, e.barcode, e.item_type, e.term, e.billing_on, e.reference,
                    e.original_ref, e.run_id, e.file_id, e.line_no, :inbound_file_id,
                    jsonb_build_object('line', a.line, 'message', a.message, 'entry_id', e.id)
                FROM settled m JOIN answer a ON a.n = m.n
                JOIN ledger_entry e ON e.tenant_id = :tenant_id AND e.id = m.entry_id
                WHERE m.outcome IN ('new', 'changed') ORDER BY e.id, a.status, a.n
                ON CONFLICT (tenant_id, file_id, line_no, event, fee_ref) DO NOTHING
                RETURNING event
            )
            SELECT event, count(*) FROM added GROUP BY event
        """),
        {"tenant_id": tenant_id, "inbound_file_id": inbound_file_id},
    )
    return {event: int(count) for event, count in rows}


def stamp_answered(session: Session, tenant_id: int, inbound_file_id: int, words: str) -> None:
    """Files of which lines were answered have been taken; the first sign of it counts."""
    session.execute(
        text("""
            UPDATE delivery SET acknowledged_at = clock_timestamp(), acknowledgement = :words
            WHERE tenant_id = :tenant_id AND acknowledged_at IS NULL AND state IN ('delivered', 'unknown')
              AND file_id IN (SELECT file_id FROM ledger_entry
                              WHERE tenant_id = :tenant_id AND inbound_file_id = :inbound_file_id
                                AND event IN ('accepted', 'rejected'))
        """),
        {"tenant_id": tenant_id, "inbound_file_id": inbound_file_id, "words": words},
    )


def outcomes(session: Session) -> dict[str, int]:
    """How many staged answers came to what."""
    rows = session.execute(text("SELECT outcome, count(*) FROM settled GROUP BY outcome"))
    return {outcome: int(count) for outcome, count in rows}


def left_over(session: Session, limit: int) -> list[LeftOver]:
    """The first answers that no line could be given, in the order of their file."""
    rows = session.execute(
        text("""
            SELECT a.n, a.line, a.status, a.amount_cents, a.raw, m.outcome
            FROM settled m JOIN answer a ON a.n = m.n WHERE m.outcome IN ('unknown', 'ambiguous')
            ORDER BY a.n LIMIT :limit
        """),
        {"limit": limit},
    )
    return [LeftOver(*row) for row in rows]
