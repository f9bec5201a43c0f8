"""The rows of a conversion: staged, told apart, and given back or closed with their run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select, text

from webapp.models import InboundFile, Run
from webapp.store import quarantine
from webapp.store.effects import HANDS_OVER
from webapp.store.ledger import FILE_STATE, WAITS_IN_PORTAL
from webapp.store.planning import by_hashing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy import Row

    from webapp.models.scope import ScopedSession

PIPELINES = ("bursar_conversion", "balance_export")
FILE, DESK, TASK = "file", "desk", "task"
# A row that a person lets go out as it is: the verdict is *send*, and this is its rule.
RELEASED = "released"
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows and cents under one verdict and rule."""

    verdict: str
    rule: str
    kind: str
    rows: int
    cents: int


def tallies(session: ScopedSession, tenant_id: int, run_id: int) -> list[Tally]:
    """What the run's rows add up to, by verdict, rule and kind."""
    rows = session.execute(
        text("""
            SELECT verdict, rule, kind, count(*), sum(amount_cents)::bigint FROM bursar_row
            WHERE tenant_id = :tenant_id AND run_id = :run_id GROUP BY verdict, rule, kind ORDER BY 1, 2, 3
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )
    return [Tally(*row) for row in rows]


def reasons(session: ScopedSession, tenant_id: int, run_id: int, limit: int) -> list[tuple[str, int]]:
    """Why rows wait at the desk, with how many rows each, most first."""
    rows = session.execute(
        text("""
            SELECT reason, count(*) FROM bursar_row
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND verdict = 'quarantined'
            GROUP BY reason ORDER BY 2 DESC, 1 LIMIT :limit
        """),
        {"tenant_id": tenant_id, "run_id": run_id, "limit": limit},
    )
    return [(reason, count) for reason, count in rows]


def stream_to_send(
    session: ScopedSession, tenant_id: int, run_id: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows to send as (n, body), in their order, a batch at a time."""
    found = session.execute(
        text("""
            SELECT n, body::text FROM bursar_row
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND verdict = 'send' ORDER BY n
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
        execution_options={"yield_per": BATCH},
    )
    for rows in found.partitions(BATCH):
        yield from [(n, orjson.loads(body)) for n, body in rows]


def most_of_one_patron(session: ScopedSession, tenant_id: int, run_id: int) -> tuple[str, int]:
    """The patron who is charged most by the rows to send, and how many cents; ("", 0) without any."""
    row = session.execute(
        text("""
            SELECT patron_id, sum(amount_cents)::bigint AS cents FROM bursar_row
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND verdict = 'send' AND patron_id <> ''
            GROUP BY patron_id ORDER BY cents DESC, patron_id LIMIT 1
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    ).first()
    return (row[0], row[1]) if row else ("", 0)


def refuse_rows(
    session: ScopedSession, tenant_id: int, run_id: int, refused: Callable[[], Iterator[tuple[int, str]]]
) -> None:
    """Rows (n, reason) that the layout refuses wait at the desk; ``refused`` gives them one by one."""
    session.execute(text("CREATE TEMPORARY TABLE refused_row (n bigint, reason text) ON COMMIT DROP"))
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy("COPY refused_row FROM STDIN") as copy:
        for row in refused():
            copy.write_row(row)
    with by_hashing(session):
        session.execute(
            text("""
                UPDATE bursar_row b SET verdict = 'quarantined', rule = 'layout', reason = r.reason
                FROM refused_row r WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.n = r.n
            """),
            {"tenant_id": tenant_id, "run_id": run_id},
        )


def recent_lines(session: ScopedSession, tenant_id: int, run_id: int, pipeline: str, limit: int) -> list[int]:
    """How many rows each of the pipeline's last finished runs sent, newest first; runs without a file count not."""
    found = session.scalars(
        text("""
            SELECT (counts ->> 'rows_sent')::bigint FROM run
            WHERE tenant_id = :tenant_id AND id < :run_id AND pipeline = :pipeline AND NOT dry_run
              AND state = 'succeeded' AND counts ? 'rows_sent' ORDER BY id DESC LIMIT :limit
        """),
        {"tenant_id": tenant_id, "run_id": run_id, "pipeline": pipeline, "limit": limit},
    )
    return list(found)


def next_sequence(session: ScopedSession, tenant_id: int, run_id: int, day: tuple[datetime, datetime]) -> int:
    """One more than the campus's other runs about charges that built a file within the day [from, to).

    They run one at a time, and not always in the order in which they were asked for.
    """
    earlier = session.scalar(
        text("""
            SELECT count(*) FROM run r
            WHERE r.tenant_id = :tenant_id AND r.id <> :run_id AND r.pipeline = ANY(:pipelines) AND NOT r.dry_run
              AND r.started_at >= :day_from AND r.started_at < :day_to
              AND EXISTS (SELECT FROM file f WHERE f.tenant_id = r.tenant_id AND f.run_id = r.id)
        """),
        {
            "tenant_id": tenant_id,
            "run_id": run_id,
            "pipelines": list(PIPELINES),
            "day_from": day[0],
            "day_to": day[1],
        },
    )
    return int(earlier or 0) + 1


def name_is_taken(session: ScopedSession, tenant_id: int, run_id: int, name: str, sha256: str | None) -> bool:
    """Whether another run's file of this name (and these bytes, if given) reached, or may have reached, its receiver."""
    query = text(f"""
        SELECT EXISTS (
            SELECT FROM ({FILE_STATE}) s JOIN file f ON f.tenant_id = s.tenant_id AND f.id = s.id
            WHERE s.state <> 'dead' AND f.name = :name AND f.run_id <> :run_id
              AND f.sha256 = coalesce(CAST(:sha256 AS text), f.sha256))
    """)
    bound = {"tenant_id": tenant_id, "run_id": run_id, "name": name, "sha256": sha256}
    return bool(session.scalar(query, bound))


def inbound_file(session: ScopedSession, inbound_file_id: int) -> InboundFile | None:
    """A file that arrived at the scope's campus."""
    return session.scalars(select(InboundFile).where(InboundFile.id == inbound_file_id)).first()


def note_content(
    session: ScopedSession, inbound_file_id: int, export_number: str, rows: int, cents: int
) -> None:
    """What was found in the file when it was read to its end."""
    session.execute(
        text("""
            UPDATE inbound_file SET row_count = :rows, total_cents = :cents,
                   export_number = CASE WHEN :export_number <> '' THEN :export_number ELSE export_number END
            WHERE tenant_id = :tenant_id AND id = :id
        """),
        {
            "tenant_id": session.tenant_id,
            "id": inbound_file_id,
            "export_number": export_number,
            "rows": rows,
            "cents": cents,
        },
    )


def refuse_file(session: ScopedSession, inbound_file_id: int, message: str) -> None:
    """The file cannot be read; the message says why and where."""
    session.execute(
        text("""
            UPDATE inbound_file SET state = 'refused', message = :message, settled_at = clock_timestamp()
            WHERE tenant_id = :tenant_id AND id = :id
        """),
        {"tenant_id": session.tenant_id, "id": inbound_file_id, "message": message},
    )


def same_export(session: ScopedSession, inbound_file_id: int, export_number: str) -> list[InboundFile]:
    """Other files with this export number that were read, or are being read."""
    if not export_number:
        return []
    query = select(InboundFile).where(
        InboundFile.export_number == export_number,
        InboundFile.id != inbound_file_id,
        InboundFile.kind == "bursar_xml",
        InboundFile.state.in_(("taken", "done")),
    )
    return list(session.scalars(query.order_by(InboundFile.id)))


def asked_for_by(session: ScopedSession, run: Run) -> int | None:
    """Who asked for the run, or handed in the file it converts; None when it began by itself."""
    if run.requested_by is not None:
        return run.requested_by
    return session.scalars(select(InboundFile.received_by).where(InboundFile.run_id == run.id)).first()


def open_tasks(session: ScopedSession, tenant_id: int, run_id: int) -> list[Row[Any]]:
    """What people asked for that is not done: (id, kind, fee_ref, amount_cents, body); recalls send nothing.

    Also what the run took itself, before its worker died and its rows are staged anew.
    """
    return list(
        session.execute(
            text("""
                SELECT id, kind, fee_ref, amount_cents, body FROM bursar_task
                WHERE tenant_id = :tenant_id AND (state = 'open' OR state = 'taken' AND run_id = :run_id)
                  AND kind <> 'recall' ORDER BY id
            """),
            {"tenant_id": tenant_id, "run_id": run_id},
        )
    )


def take_tasks(session: ScopedSession, tenant_id: int, run_id: int) -> None:
    """The tasks whose rows the run has staged are this run's."""
    session.execute(
        text("""
            UPDATE bursar_task t SET state = 'taken', run_id = :run_id FROM bursar_row b
            WHERE b.tenant_id = :tenant_id AND b.run_id = :run_id AND b.origin = 'task' AND t.tenant_id = b.tenant_id
              AND t.id = b.origin_id AND t.state = 'open'
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )


def close_run(session: ScopedSession, run_id: int) -> None:
    """Everything the run took is dealt with: sent, left out by a rule, or at the desk. A second time changes nothing."""
    run = _real_run(session, run_id)
    if run is None:
        return
    quarantine.park_bursar_rows(session, run.tenant_id, run.id, run.pipeline)
    quarantine.resolve_bursar_rows(session, run.tenant_id, run.id)
    bound = {"tenant_id": run.tenant_id, "run_id": run.id}
    for statement in (
        """
        UPDATE bursar_task SET state = 'done', settled_at = clock_timestamp()
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND state = 'taken'
        """,
        """
        UPDATE inbound_file SET state = 'done', settled_at = clock_timestamp()
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND state = 'taken'
        """,
    ):
        session.execute(text(statement), bound)


def give_back(session: ScopedSession, run_id: int) -> None:
    """The run is over without success: what it took waits for the next one, except what it had told before it ended.

    Nothing of it waits when its files were handed over and it failed afterwards.

    While nobody knows whether one of its files arrived, everything stays with it: ``settle_effect`` comes back here.
    """
    run = _real_run(session, run_id)
    if run is None or _is_in_doubt(session, run):
        return
    if _handed_everything_over(session, run):
        close_run(session, run_id)
        return
    quarantine.resolve_bursar_rows(session, run.tenant_id, run.id, only_told=True)
    bound = {"tenant_id": run.tenant_id, "run_id": run.id}
    for statement in (
        """
        UPDATE bursar_task t SET state = 'done', settled_at = clock_timestamp()
        WHERE t.tenant_id = :tenant_id AND t.run_id = :run_id AND t.state = 'taken' AND EXISTS (
            SELECT FROM bursar_row b
            JOIN ledger_entry e ON e.tenant_id = b.tenant_id AND e.run_id = b.run_id
             AND (e.evidence ->> 'n')::bigint = b.n
            JOIN file f ON f.tenant_id = e.tenant_id AND f.id = e.file_id AND f.confirmed_at IS NOT NULL
            WHERE b.tenant_id = t.tenant_id AND b.run_id = t.run_id AND b.origin = 'task' AND b.origin_id = t.id)
        """,
        """
        UPDATE bursar_task SET state = 'open', run_id = NULL
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND state = 'taken'
        """,
        """
        UPDATE inbound_file SET state = 'waiting', run_id = NULL
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND state = 'taken'
        """,
        """
        UPDATE delivery SET state = 'failed', message = 'Its run did not come to its end; the file is not to be used.'
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND target = 'download' AND state = 'pending'
        """,
    ):
        with by_hashing(session):
            session.execute(text(statement), bound)


def _real_run(session: ScopedSession, run_id: int) -> Run | None:
    query = select(Run).where(Run.id == run_id, Run.pipeline.in_(PIPELINES), ~Run.dry_run)
    return session.scalars(query).first()


def _is_in_doubt(session: ScopedSession, run: Run) -> bool:
    return bool(
        session.scalar(
            text(f"""
                SELECT EXISTS (SELECT FROM effect x WHERE x.tenant_id = :tenant_id AND x.run_id = :run_id
                               AND {HANDS_OVER} AND x.state IN ('sent', 'unknown'))
            """),
            {"tenant_id": run.tenant_id, "run_id": run.id},
        )
    )


def _handed_everything_over(session: ScopedSession, run: Run) -> bool:
    """Whether every file of the run arrived, or waits in the portal to be fetched: whatever failed came after that."""
    return bool(
        session.scalar(
            text(f"""
                SELECT count(*) > 0 AND bool_and(f.confirmed_at IS NOT NULL OR {WAITS_IN_PORTAL}) FROM file f
                WHERE f.tenant_id = :tenant_id AND f.run_id = :run_id
            """),
            {"tenant_id": run.tenant_id, "run_id": run.id},
        )
    )
