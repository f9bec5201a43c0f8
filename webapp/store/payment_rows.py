"""The lines of one payment file beside what is known already: which of them bring news, and how much."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from webapp.domain.payments.copy_text import COPY_COLUMNS
from webapp.store.planning import by_hashing, make_room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date, datetime

    from webapp.models.scope import ScopedSession

ROW_COLUMNS = (
    "n", "line", "kind", "item_key", "event_key", "emplid", "patron_id", "reference", "item_type", "term",
    "amount_cents", "applied_cents", "cents", "paid_on", "updated_at", "verdict", "rule", "reason", "raw",
)  # fmt: skip
# A row that may repeat one of another file: a person says whether it is money.
REPEAT = "repeat"
DOLLARS = "to_char(({}) / 100.0, 'FM$999,999,999,999,990.00')"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the rows' news depends on beside the rows: which file, since when, and the campus's rules."""

    inbound_file_id: int
    file_at: datetime
    repeat_rule: str
    repeat_days: int
    write_offs: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of one verdict and rule, with what is new in them."""

    verdict: str
    rule: str
    rows: int
    cents: int


def open_incoming(session: ScopedSession) -> None:
    """Make the transaction's temporary table ``incoming``."""
    session.execute(
        text("""
            CREATE TEMPORARY TABLE incoming (
                n bigint, line bigint, kind text, says text, item_key text, event_id text, emplid text, patron_id text,
                reference text, item_type text, term text, amount_cents bigint, applied_cents bigint, cents bigint,
                paid_on date, updated_at timestamptz, raw text, fault text
            ) ON COMMIT DROP
        """)
    )


@contextmanager
def copy_incoming(session: ScopedSession) -> Iterator[Callable[[bytes], object]]:
    """A function that adds COPY text, whole lines in the order of ``COPY_COLUMNS``, while the block lasts."""
    driver: Any = session.connection().connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY incoming ({', '.join(COPY_COLUMNS)}) FROM STDIN") as copy,
    ):
        yield copy.write


# What is known of each row that could be read, and what is new in it. Narrow: of a usual night's file most rows are known,
# and only the others are looked at again.
_TOLD = """
    CREATE TEMPORARY TABLE told (
        n bigint, kind text, event_key text, cents bigint, was_so_at timestamptz, known_by text, doubt text, is_to_remember boolean
    ) ON COMMIT DROP
"""
# An item's newest line in the file counts; what is new is told by the state that was known. What is older than that
# state, by PeopleSoft's own clock or by the file's, tells nothing any more. A clock that runs ahead of ours is not believed:
# its states would stand above all that really come later.
_STATES = """
    INSERT INTO told
    SELECT n, CASE WHEN news < 0 THEN 'reversal' WHEN kind = 'reversal' THEN 'payment' ELSE kind END,
           CASE WHEN known_by = '' OR is_to_remember THEN 'item:' || item_key || '#' || :inbound_file_id ELSE '' END, news,
           was_so_at, known_by, '', is_to_remember
    FROM (SELECT *, known_by = 'unchanged' AND is_fresher AS is_to_remember FROM (
        SELECT o.*, o.applied_cents - coalesce(k.applied_cents, 0) AS news,
               k.updated_at IS NULL OR o.was_so_at > k.updated_at AS is_fresher,
               CASE WHEN o.nth > 1 THEN 'superseded'
                    WHEN k.updated_at > o.was_so_at THEN 'older'
                    WHEN o.applied_cents = coalesce(k.applied_cents, 0) THEN 'unchanged' ELSE '' END AS known_by
        FROM (
            SELECT n, kind, item_key, applied_cents, least(coalesce(updated_at, :file_at), now()) AS was_so_at,
                   row_number() OVER (PARTITION BY item_key ORDER BY updated_at DESC NULLS LAST, n DESC) AS nth
            FROM incoming WHERE says = 'state' AND fault IS NULL
        ) o LEFT JOIN payment_item k ON k.tenant_id = :tenant_id AND k.item_key = o.item_key
    ) compared) states
"""
# An event is known by its number; without one by being equal, and then the equal ones of a file are counted. One whose
# number came before with other money is neither known nor surely new.
_EVENTS = f"""
    INSERT INTO told
    SELECT e.n, e.kind, CASE WHEN p.amount_cents <> e.cents THEN e.changed_key ELSE e.event_key END, e.cents, e.updated_at,
           CASE WHEN p.amount_cents = e.cents OR again.event_key IS NOT NULL THEN 'repeated'
                WHEN e.cents = 0 THEN 'nothing' ELSE '' END,
           CASE WHEN p.amount_cents <> e.cents
                THEN concat('The payment of this number came before with ', {DOLLARS.format("p.amount_cents")}, ', and now '
                            'has ', {DOLLARS.format("e.cents")}, '; a person must say what of it is new.') ELSE '' END, false
    FROM (
        SELECT t.*, event_key || '=' || cents AS changed_key FROM (
            SELECT k.*, CASE WHEN is_told_apart THEN base || '#' || occurrence
                             ELSE base || '@' || :inbound_file_id || '#' || occurrence END AS event_key
            FROM (
                SELECT b.*, row_number() OVER (PARTITION BY base ORDER BY n) AS occurrence,
                       event_id <> '' OR (:repeat_rule = 'overlap' AND paid_on IS NOT NULL) AS is_told_apart
                FROM (
                    SELECT n, kind, cents, updated_at, event_id, paid_on,
                        CASE WHEN event_id <> '' THEN 'event:' || kind || '|' || event_id
                        ELSE 'row:' || md5(concat_ws('|', kind, item_key, emplid, patron_id, item_type, term, reference,
                                                     cents, paid_on))
                        END AS base
                    FROM incoming WHERE says = 'event' AND fault IS NULL
                ) b
            ) k
        ) t
    ) e LEFT JOIN payment p ON p.tenant_id = :tenant_id AND p.event_key = e.event_key
        LEFT JOIN payment again ON again.tenant_id = :tenant_id AND again.event_key = e.changed_key
"""
_NEWS = """
    CREATE TEMPORARY TABLE news ON COMMIT DROP AS
    SELECT i.n, line, t.kind, item_key, t.event_key, emplid, patron_id, reference, item_type, term, amount_cents,
           CASE WHEN says = 'state' THEN applied_cents END AS applied_cents,
           CASE WHEN known_by = '' THEN t.cents ELSE 0 END AS cents, paid_on, t.was_so_at AS updated_at,
           CASE WHEN known_by <> '' THEN 'known'
                WHEN t.kind = 'write_off' AND :write_offs = 'ignore' THEN 'excluded' ELSE 'post' END AS verdict,
           CASE WHEN known_by <> '' THEN known_by
                WHEN t.kind = 'write_off' AND :write_offs = 'ignore' THEN 'write_off'
                WHEN doubt <> '' THEN :repeat ELSE '' END AS rule,
           CASE WHEN known_by = '' THEN doubt ELSE '' END AS reason, raw
    FROM incoming i JOIN told t ON t.n = i.n AND (t.known_by = '' OR t.is_to_remember)
    UNION ALL
    SELECT n, line, kind, item_key, '', emplid, patron_id, reference, item_type, term, amount_cents,
           applied_cents, 0, paid_on, updated_at, 'quarantined', 'unreadable', fault, raw
    FROM incoming WHERE fault IS NOT NULL
"""


def find_news(session: ScopedSession, facts: FileFacts) -> None:
    """Make the transaction's tables ``told``, what is known of each row of ``incoming``; and ``news`` (``ROW_COLUMNS``).

    ``news`` holds what is new, what cannot be read, and of what was known only the states that were seen again later than
    before.
    """
    bound = {
        "tenant_id": session.tenant_id,
        "inbound_file_id": str(facts.inbound_file_id),
        "file_at": facts.file_at,
        "repeat_rule": facts.repeat_rule,
        "repeat": REPEAT,
        "write_offs": facts.write_offs,
    }
    rows, events = session.execute(
        text("SELECT count(*), count(*) FILTER (WHERE says = 'event' AND fault IS NULL) FROM incoming")
    ).one()
    make_room(session, rows)
    session.execute(text("ANALYZE incoming (n, item_key, says, fault)"))
    session.execute(text(_TOLD))
    with by_hashing(session):
        session.execute(text(_STATES), bound)
        if events:
            session.execute(text(_EVENTS), bound)
        session.execute(text("ANALYZE told (n, known_by, is_to_remember)"))
        session.execute(text(_NEWS), bound)
    if facts.repeat_rule != "news":
        _mark_repeats(session, facts)
    session.execute(text("ANALYZE news (n, emplid, reference, verdict)"))


def _mark_repeats(session: ScopedSession, facts: FileFacts) -> None:
    """A row without number or day that equals one of another file may be the same money."""
    session.execute(
        text("""
            UPDATE news SET rule = :repeat FROM payment p
            WHERE news.verdict = 'post' AND news.event_key LIKE 'row:%@%' AND p.tenant_id = :tenant_id
              AND p.at > clock_timestamp() - make_interval(days => :days) AND p.inbound_file_id <> :inbound_file_id
              AND split_part(p.event_key, '@', 1) = split_part(news.event_key, '@', 1)
        """),
        {
            "tenant_id": session.tenant_id,
            "days": facts.repeat_days,
            "repeat": REPEAT,
            "inbound_file_id": facts.inbound_file_id,
        },
    )


def keep_rows(session: ScopedSession, run_id: int) -> None:
    """Stage ``news`` as the run's own rows; what an earlier try left is replaced."""
    bound = {"tenant_id": session.tenant_id, "run_id": run_id}
    session.execute(text("DELETE FROM payment_row WHERE tenant_id = :tenant_id AND run_id = :run_id"), bound)
    columns = ", ".join(ROW_COLUMNS)
    session.execute(
        text(
            f"INSERT INTO payment_row (tenant_id, run_id, {columns}) SELECT :tenant_id, :run_id, {columns} FROM news"
        ),
        bound,
    )


def news_of_run(session: ScopedSession, run_id: int) -> None:
    """Make ``news`` again of what the run staged."""
    session.execute(
        text(f"""
            CREATE TEMPORARY TABLE news ON COMMIT DROP AS
            SELECT {", ".join(ROW_COLUMNS)} FROM payment_row WHERE tenant_id = :tenant_id AND run_id = :run_id
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )
    make_room(session, session.scalar(text("SELECT count(*) FROM news")) or 0)
    session.execute(text("ANALYZE news (n, emplid, reference, verdict)"))


def tallies(session: ScopedSession) -> list[Tally]:
    """Every row of ``incoming``, by verdict and rule."""
    rows = session.execute(
        text("""
            SELECT verdict, rule, count(*), sum(cents)::bigint FROM news WHERE verdict <> 'known' GROUP BY 1, 2
            UNION ALL SELECT 'known', known_by, count(*), 0 FROM told WHERE known_by <> '' GROUP BY 2
            ORDER BY 1, 2
        """)
    )
    return [Tally(*row) for row in rows]


def taken_back_cents(session: ScopedSession) -> int:
    """How much of what was said to be paid ``news`` takes back: 0 or more."""
    found: int = session.scalar(
        text("SELECT coalesce(-sum(cents), 0)::bigint FROM news WHERE verdict = 'post' AND cents < 0")
    )
    return found


def days(session: ScopedSession) -> tuple[date | None, date | None]:
    """The first and the last day of payment in ``incoming``."""
    first, last = session.execute(text("SELECT min(paid_on), max(paid_on) FROM incoming")).one()
    return first, last


def faults(session: ScopedSession, run_id: int, limit: int) -> Mapping[int, str]:
    """The reason of each row that could not be read, by its line."""
    rows = session.execute(
        text("""
            SELECT line, reason FROM payment_row
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND verdict = 'quarantined' ORDER BY n LIMIT :limit
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id, "limit": limit},
    )
    return {row.line: row.reason for row in rows}


def faults_in_news(session: ScopedSession, limit: int) -> list[tuple[int, str]]:
    """The first rows of ``news`` that could not be read: line and reason."""
    rows = session.execute(
        text("SELECT line, reason FROM news WHERE verdict = 'quarantined' ORDER BY n LIMIT :limit"),
        {"limit": limit},
    )
    return [(row.line, row.reason) for row in rows]
