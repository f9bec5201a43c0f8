"""Differences between the books: kept by their key from run to run, listed, counted, closed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from webapp.domain.reconcile import CLEARED
from webapp.models import Difference, Membership
from webapp.models.payments import DIFFERENCE_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from webapp.domain.reconcile import Beside, Finding
    from webapp.models.scope import ScopedSession

PAGE_ROWS = 50
_BATCH = 1_000
_COPIED_AT_ONCE = 10_000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\N{SYMBOL FOR NULL}"})
_COLUMNS = (
    "key", "books", "kind", "fee_ref", "payment_id", "emplid", "ours_cents", "theirs_cents", "reason", "next_action",
)  # fmt: skip
_COLUMN_LIST = ", ".join(_COLUMNS)
# The money in question: by how much the books differ, or all of it where only one of them has it.
AT_STAKE = """
    CASE WHEN ours_cents <> theirs_cents THEN abs(ours_cents - theirs_cents)
         ELSE abs(coalesce(ours_cents, theirs_cents, 0)) END
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a run's differences: open before, new, gone by themselves; left as a person closed them."""

    seen_again: int
    opened: int
    cleared: int
    left_closed: int


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page or an export wants of the open differences; empty: everything."""

    kind: str = ""
    books: str = ""
    owner_id: int | None = None
    emplid: str = ""
    fee_ref: str = ""


@dataclass(frozen=True, slots=True)
class OpenDifference:
    """A difference as a table shows it. Cents are as each side has them, None where it has nothing."""

    id: int
    key: str
    books: str
    kind: str
    fee_ref: str
    payment_id: int | None
    emplid: str
    ours_cents: int | None
    theirs_cents: int | None
    reason: str
    next_action: str
    owner_id: int | None
    owner_name: str
    note: str
    first_seen_at: datetime
    last_seen_at: datetime
    run_id: int | None
    closed_at: datetime | None
    closed_how: str


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """How many differences of a kind were open after a day's reconciliation, and the money in them."""

    on_date: date
    kind: str
    open_count: int
    open_cents: int


@contextmanager
def judged_rows(session: ScopedSession) -> Iterator[Callable[[Beside, Finding], None]]:
    """Make the transaction's table ``judged``, and a function that adds a difference to it while the block lasts."""
    session.execute(
        text("""
            CREATE TEMPORARY TABLE judged (
                key text, books text, kind text, fee_ref text, payment_id bigint, emplid text, ours_cents bigint,
                theirs_cents bigint, reason text, next_action text
            ) ON COMMIT DROP
        """)
    )
    pending: list[str] = []

    def flush() -> None:
        driver: Any = session.connection().connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY judged ({_COLUMN_LIST}) FROM STDIN") as copy,
        ):
            copy.write("".join(pending))
        pending.clear()

    def add(beside: Beside, finding: Finding) -> None:
        cells = (
            beside.key, finding.books, finding.kind, beside.fee_ref, beside.payment_id, beside.emplid, beside.ours_cents,
            beside.theirs_cents, finding.reason, finding.next_action,
        )  # fmt: skip
        pending.append(
            "\t".join("\\N" if cell is None else str(cell).translate(_ESCAPES) for cell in cells) + "\n"
        )
        if len(pending) >= _COPIED_AT_ONCE:
            flush()

    yield add
    if pending:
        flush()
    session.execute(text("ANALYZE judged"))


def take_judged(session: ScopedSession, run_id: int, *, closes: Collection[str]) -> Taken:
    """Make ``judged`` the open differences. Those of the books ``closes`` that are not in it are gone by themselves.

    Owner, note and first sight stay. What a person closed stays closed as long as it says the same.
    """
    bound = {"tenant_id": session.tenant_id, "run_id": run_id, "cleared": CLEARED, "closes": list(closes)}
    left_closed = _count(session, _LEFT_CLOSED, bound)
    seen_again = _count(session, _SEEN_AGAIN, bound)
    opened = _count(session, _OPENED, bound)
    cleared = _count(session, _CLEARED_ROWS, bound) if closes else 0
    return Taken(seen_again, opened, cleared, left_closed)


_LEFT_CLOSED = """
    DELETE FROM judged j USING (
        SELECT DISTINCT ON (key) key, kind, ours_cents, theirs_cents, closed_at, closed_how FROM difference
        WHERE tenant_id = :tenant_id ORDER BY key, closed_at DESC NULLS FIRST
    ) d
    WHERE d.key = j.key AND d.closed_at IS NOT NULL AND d.closed_how <> :cleared AND d.kind = j.kind
      AND d.ours_cents IS NOT DISTINCT FROM j.ours_cents AND d.theirs_cents IS NOT DISTINCT FROM j.theirs_cents
"""
_SEEN_AGAIN = """
    UPDATE difference d SET books = j.books, kind = j.kind, fee_ref = j.fee_ref, payment_id = j.payment_id,
        emplid = j.emplid, ours_cents = j.ours_cents, theirs_cents = j.theirs_cents, reason = j.reason,
        next_action = j.next_action, last_seen_at = clock_timestamp(), run_id = :run_id
    FROM judged j WHERE d.tenant_id = :tenant_id AND d.key = j.key AND d.closed_at IS NULL
"""
_OPENED = f"""
    INSERT INTO difference (tenant_id, run_id, {_COLUMN_LIST})
    SELECT DISTINCT ON (key) :tenant_id, :run_id, {_COLUMN_LIST} FROM judged j
    WHERE NOT EXISTS (SELECT FROM difference d WHERE d.tenant_id = :tenant_id AND d.key = j.key AND d.closed_at IS NULL)
    ORDER BY key
    ON CONFLICT (tenant_id, key) WHERE closed_at IS NULL DO NOTHING
"""
_CLEARED_ROWS = """
    UPDATE difference d SET closed_at = clock_timestamp(), closed_how = :cleared
    WHERE d.tenant_id = :tenant_id AND d.closed_at IS NULL AND d.books = ANY(:closes)
      AND NOT EXISTS (SELECT FROM judged j WHERE j.key = d.key)
"""


def open_differences(
    session: ScopedSession, filters: Filters | None = None, *, limit: int = PAGE_ROWS, offset: int = 0
) -> list[OpenDifference]:
    """Open differences that need a person first, then those that may clear by themselves; the oldest first."""
    where, bound = _where(filters or Filters())
    rows = session.execute(
        text(f"{_SELECT} WHERE {where} ORDER BY {_ORDER} LIMIT :limit OFFSET :offset"),
        bound | {"tenant_id": session.tenant_id, "limit": limit, "offset": offset},
    )
    return [OpenDifference(*row) for row in rows]


def export_rows(session: ScopedSession, filters: Filters | None = None) -> Iterator[OpenDifference]:
    """The same, all of them, a batch at a time."""
    where, bound = _where(filters or Filters())
    rows = session.execute(
        text(f"{_SELECT} WHERE {where} ORDER BY {_ORDER}"),
        bound | {"tenant_id": session.tenant_id},
        execution_options={"yield_per": _BATCH},
    )
    for row in rows:
        yield OpenDifference(*row)


_SELECT = """
    SELECT d.id, d.key, d.books, d.kind, d.fee_ref, d.payment_id, d.emplid, d.ours_cents, d.theirs_cents, d.reason,
           d.next_action, d.owner_id, coalesce(p.full_name, '') AS owner_name, d.note, d.first_seen_at, d.last_seen_at, d.run_id,
           d.closed_at, d.closed_how
    FROM difference d LEFT JOIN person p ON p.id = d.owner_id
"""
_ORDER = "d.kind = 'timing', d.first_seen_at, d.id"


def _where(filters: Filters) -> tuple[str, dict[str, Any]]:
    wanted = {
        name: value
        for name in ("kind", "books", "owner_id", "emplid", "fee_ref")
        if (value := getattr(filters, name)) not in {"", None}
    }
    clauses = [
        "d.tenant_id = :tenant_id",
        "d.closed_at IS NULL",
        *(f"d.{name} = :{name}" for name in wanted),
    ]
    return " AND ".join(clauses), wanted


def open_counts(session: ScopedSession) -> dict[str, tuple[int, int]]:
    """Kind -> how many are open and the money in them, for all kinds."""
    rows = session.execute(
        text(f"""
            SELECT kind, count(*), coalesce(sum({AT_STAKE}), 0)::bigint FROM difference
            WHERE tenant_id = :tenant_id AND closed_at IS NULL GROUP BY kind
        """),
        {"tenant_id": session.tenant_id},
    )
    found = {kind: (count, cents) for kind, count, cents in rows}
    return {kind: found.get(kind, (0, 0)) for kind in DIFFERENCE_KINDS}


def the_difference(session: ScopedSession, difference_id: int, *, lock: bool = False) -> Difference | None:
    """One difference, open or closed; with ``lock`` nobody else changes it until the transaction ends."""
    return session.get(Difference, (session.tenant_id, difference_id), with_for_update=lock or None)


def is_member(session: ScopedSession, person_id: int) -> bool:
    """Whether a person has a role in this campus."""
    query = select(Membership.person_id).where(Membership.person_id == person_id)
    return session.scalar(query.limit(1)) is not None


def write_day(
    session: ScopedSession, on_date: date, run_id: int, *, is_past: bool = False
) -> Mapping[str, tuple[int, int]]:
    """Write down what is open now as the state after that day's reconciliation; returns it by kind.

    A day that is past keeps what was written on it: what is open now was not open then.
    """
    counts = open_counts(session)
    session.execute(
        text("""
            INSERT INTO reconciliation_day (tenant_id, on_date, kind, open_count, open_cents, run_id)
            VALUES (:tenant_id, :on_date, :kind, :open_count, :open_cents, :run_id)
            ON CONFLICT (tenant_id, on_date, kind) DO UPDATE SET
                open_count = excluded.open_count, open_cents = excluded.open_cents, run_id = excluded.run_id
            WHERE NOT :is_past
        """),
        [
            {"tenant_id": session.tenant_id, "on_date": on_date, "kind": kind, "run_id": run_id,
             "open_count": count, "open_cents": cents, "is_past": is_past}
            for kind, (count, cents) in counts.items()
        ],
    )  # fmt: skip
    return counts


def chart_points(session: ScopedSession, days: int) -> list[ChartPoint]:
    """What was open after each day's reconciliation, for the last so many days that had one; oldest first."""
    rows = session.execute(
        text("""
            SELECT on_date, kind, open_count, open_cents FROM reconciliation_day
            WHERE tenant_id = :tenant_id AND on_date > current_date - :days ORDER BY on_date, kind
        """),
        {"tenant_id": session.tenant_id, "days": days},
    )
    return [ChartPoint(*row) for row in rows]


def _count(session: ScopedSession, statement: str, bound: dict[str, Any]) -> int:
    return int(session.execute(text(statement), bound).rowcount)  # type: ignore[attr-defined]
