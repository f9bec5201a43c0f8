"""The ledger on the bursar's side: what PeopleSoft was told of each fee, line by line. Lines are added and never changed.

A line counts by what became of its file. *told*: confirmed, on its way, or waiting to be fetched. *in doubt*: its run
is over and nobody knows whether the file arrived. *dead*: its run failed or was cancelled and the file never left.
Told and in-doubt lines are **in force**. A line that PeopleSoft rejected was told, but is no charge to take back from.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import date, datetime

    from webapp.models.scope import ScopedSession

BURSAR = "bursar"
MONEY_EVENTS = ("charge", "credit", "reversal")
LINE_COLUMNS = (
    "file_kind",
    "part",
    "line_no",
    "event",
    "fee_ref",
    "amount_cents",
    "patron_id",
    "emplid",
    "fee_type",
    "barcode",
    "item_type",
    "term",
    "billing_on",
    "reference",
    "original_ref",
    "evidence",
)
ENTRY_FIELDS = LINE_COLUMNS[2:]

# SQL: the file ``f`` lies in the portal for somebody to fetch it. A run that fails before takes its files away again.
WAITS_IN_PORTAL = """
    EXISTS (SELECT FROM delivery w WHERE w.tenant_id = f.tenant_id AND w.file_id = f.id
              AND w.target = 'download' AND w.state = 'pending')
"""
# Every file of the campus with what its lines are worth: told, in_doubt or dead.
FILE_STATE = f"""
    SELECT f.tenant_id, f.id, f.run_id, CASE
        WHEN f.confirmed_at IS NOT NULL OR r.state NOT IN ('failed', 'cancelled') OR {WAITS_IN_PORTAL} THEN 'told'
        WHEN EXISTS (SELECT FROM effect x
                     WHERE x.tenant_id = f.tenant_id AND x.state IN ('sent', 'unknown')
                       AND x.detail -> 'file_ids' @> to_jsonb(f.id)) THEN 'in_doubt'
        ELSE 'dead' END AS state
    FROM file f JOIN run r ON r.tenant_id = f.tenant_id AND r.id = f.run_id
    WHERE f.tenant_id = :tenant_id AND NOT r.dry_run
"""
# PeopleSoft's load result refused the line ``e``, and no later one says that it was taken after all.
IS_REJECTED = """
    EXISTS (SELECT FROM ledger_entry no WHERE no.tenant_id = e.tenant_id AND no.file_id = e.file_id
              AND no.line_no = e.line_no AND no.event = 'rejected' AND NOT EXISTS (
                  SELECT FROM ledger_entry yes WHERE yes.tenant_id = e.tenant_id AND yes.file_id = e.file_id
                    AND yes.line_no = e.line_no AND yes.event = 'accepted' AND yes.id > no.id))
"""
# The bursar's lines in force. ``is_rejected``: PeopleSoft's load result refused the line.
IN_FORCE = f"""
    SELECT e.*, s.state AS file_state, {IS_REJECTED} AS is_rejected
    FROM ledger_entry e JOIN ({FILE_STATE}) s ON s.tenant_id = e.tenant_id AND s.id = e.file_id AND s.state <> 'dead'
    WHERE e.tenant_id = :tenant_id AND e.side = '{BURSAR}' AND e.event IN {MONEY_EVENTS}
"""


def charges_of(wanted: str) -> str:
    """SQL: each charge in force among the fees that the query ``wanted`` gives as ``fee_ref``, with what is left of it.

    Columns: fee_ref, entry_id, patron_id, barcode, fee_type, item_type, term, billing_on, reference, amount_cents (of
    the newest charge line), remaining_cents, in_doubt. Rejected lines do not count; whether one is so is asked only of
    lines of these fees (``OFFSET 0``), not of the whole ledger.
    """
    return f"""
        SELECT c.fee_ref, c.entry_id, c.patron_id, c.emplid, c.barcode, c.fee_type, c.item_type, c.term, c.billing_on,
               c.reference, c.amount_cents, c.charged_cents + coalesce(taken.cents, 0) AS remaining_cents,
               c.in_doubt OR coalesce(taken.in_doubt, false) AS in_doubt
        FROM (
            SELECT DISTINCT ON (e.fee_ref) e.fee_ref, e.id AS entry_id, e.patron_id, e.emplid, e.barcode, e.fee_type,
                   e.item_type, e.term, e.billing_on, e.reference, e.amount_cents,
                   sum(e.amount_cents) OVER (PARTITION BY e.fee_ref) AS charged_cents,
                   bool_or(e.file_state = 'in_doubt') OVER (PARTITION BY e.fee_ref) AS in_doubt
            FROM ({IN_FORCE} AND e.event = 'charge' AND e.fee_ref IN ({wanted}) OFFSET 0) e
            WHERE NOT e.is_rejected ORDER BY e.fee_ref, e.id DESC
        ) c LEFT JOIN (
            SELECT e.original_ref, sum(e.amount_cents) AS cents, bool_or(e.file_state = 'in_doubt') AS in_doubt
            FROM ({IN_FORCE} AND e.event IN ('credit', 'reversal') AND e.original_ref <> ''
                  AND e.original_ref IN ({wanted}) OFFSET 0) e
            WHERE NOT e.is_rejected GROUP BY e.original_ref
        ) taken ON taken.original_ref = c.fee_ref
    """


@dataclass(frozen=True, slots=True)
class ToldCharge:
    """A fee that the bursar was told as a charge: its newest line, and what is left after credits and reversals."""

    fee_ref: str
    entry_id: int
    patron_id: str
    emplid: str
    barcode: str
    fee_type: str
    item_type: str
    term: str
    billing_on: date | None
    reference: str
    amount_cents: int
    remaining_cents: int
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of the ledger with what it is worth: told, in_doubt or dead; and whether PeopleSoft rejected it.

    ``inbound_name`` is the file that brought the news, empty for none; ``evidence`` what it was written down with.
    """

    id: int
    fee_ref: str
    side: str
    event: str
    amount_cents: int
    item_type: str
    term: str
    billing_on: date | None
    reference: str
    original_ref: str
    run_id: int | None
    file_id: int | None
    file_name: str
    line_no: int | None
    at: datetime
    state: str
    is_rejected: bool
    patron_id: str
    emplid: str
    fee_type: str
    barcode: str
    inbound_file_id: int | None
    inbound_name: str
    evidence: dict[str, Any]


def told(session: ScopedSession, tenant_id: int, fee_refs: Collection[str]) -> dict[str, ToldCharge]:
    """What the bursar was told of these fees as charges, by fee reference; fees without a charge in force are missing."""
    rows = session.execute(
        text(charges_of("SELECT unnest(CAST(:fee_refs AS text[]))")),
        {"tenant_id": tenant_id, "fee_refs": list(fee_refs)},
    )
    return {row.fee_ref: ToldCharge(*row) for row in rows}


def lines_of_fee(session: ScopedSession, tenant_id: int, fee_ref: str) -> list[LedgerLine]:
    """Everything the ledger holds about a fee and the credits that take it back, oldest first."""
    rows = session.execute(
        text(f"""
            SELECT e.id, e.fee_ref, e.side, e.event, e.amount_cents, e.item_type, e.term, e.billing_on, e.reference,
                   e.original_ref, e.run_id, e.file_id, coalesce(f.name, ''), e.line_no, e.at,
                   coalesce(s.state, 'told'),
                   {IS_REJECTED}, e.patron_id, e.emplid, e.fee_type, e.barcode, e.inbound_file_id,
                   coalesce(i.name, ''), e.evidence
            FROM ledger_entry e
            LEFT JOIN file f ON f.tenant_id = e.tenant_id AND f.id = e.file_id
            LEFT JOIN inbound_file i ON i.tenant_id = e.tenant_id AND i.id = e.inbound_file_id
            LEFT JOIN ({FILE_STATE}) s ON s.tenant_id = e.tenant_id AND s.id = e.file_id
            WHERE e.tenant_id = :tenant_id AND (e.fee_ref = :fee_ref OR e.original_ref = :fee_ref) ORDER BY e.id
        """),
        {"tenant_id": tenant_id, "fee_ref": fee_ref},
    )
    return [LedgerLine(*row) for row in rows]


def open_lines(session: ScopedSession) -> None:
    """Make the transaction's temporary table for a run's lines: row security allows no COPY into the ledger itself."""
    session.execute(
        text("""
            CREATE TEMPORARY TABLE new_line (
                file_kind text, part int, line_no bigint, event text, fee_ref text, amount_cents bigint, patron_id text,
                emplid text, fee_type text, barcode text, item_type text, term text, billing_on date, reference text,
                original_ref text, evidence jsonb
            ) ON COMMIT DROP
        """)
    )


@contextmanager
def copy_lines(session: ScopedSession) -> Iterator[Callable[[str], object]]:
    """A function that adds COPY text, whole lines in the order of ``LINE_COLUMNS``, while the block lasts."""
    driver: Any = session.connection().connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY new_line ({', '.join(LINE_COLUMNS)}) FROM STDIN") as copy,
    ):
        yield copy.write


def write_lines(session: ScopedSession, tenant_id: int, run_id: int, inbound_file_id: int | None) -> None:
    """Add the transaction's lines to the ledger; the run's files are recorded already."""
    session.execute(
        text(f"""
            INSERT INTO ledger_entry (tenant_id, side, run_id, file_id, inbound_file_id, {", ".join(ENTRY_FIELDS)})
            SELECT f.tenant_id, '{BURSAR}', f.run_id, f.id, CAST(:inbound_file_id AS bigint),
                   {", ".join(f"l.{name}" for name in ENTRY_FIELDS)}
            FROM new_line l JOIN file f ON f.tenant_id = :tenant_id AND f.run_id = :run_id AND f.kind = l.file_kind
                 AND f.part = l.part
        """),
        {"tenant_id": tenant_id, "run_id": run_id, "inbound_file_id": inbound_file_id},
    )


@dataclass(frozen=True, slots=True)
class FileTotals:
    """What one file tells: lines that charge and lines that give back, with their cents (the latter below zero)."""

    debits: int
    debit_cents: int
    credits: int
    credit_cents: int


def totals_by_file(session: ScopedSession, tenant_id: int, run_id: int) -> dict[int, FileTotals]:
    """The totals of each file of a run, by the file's id."""
    rows = session.execute(
        text(f"""
            SELECT file_id, count(*) FILTER (WHERE amount_cents >= 0),
                   coalesce(sum(amount_cents) FILTER (WHERE amount_cents >= 0), 0)::bigint,
                   count(*) FILTER (WHERE amount_cents < 0),
                   coalesce(sum(amount_cents) FILTER (WHERE amount_cents < 0), 0)::bigint
            FROM ledger_entry
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND side = '{BURSAR}' AND event IN {MONEY_EVENTS}
            GROUP BY file_id
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )
    return {file_id: FileTotals(*totals) for file_id, *totals in rows}


def totals_of_run(session: ScopedSession, tenant_id: int, run_id: int) -> dict[str, tuple[int, int]]:
    """What a run wrote down: event -> (lines, cents)."""
    rows = session.execute(
        text(f"""
            SELECT event, count(*), sum(amount_cents)::bigint FROM ledger_entry
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND side = '{BURSAR}' AND event IN {MONEY_EVENTS}
            GROUP BY event
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )
    return {event: (lines, cents) for event, lines, cents in rows}
