"""PeopleSoft's own list of holds beside the register of those we placed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text, update

from webapp.domain.reconcile import Beside
from webapp.models import InboundFile
from webapp.store.planning import by_hashing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from webapp.models.scope import ScopedSession

KIND = "hold_list"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\N{SYMBOL FOR NULL}"})


@dataclass(frozen=True, slots=True)
class Listed:
    """Of a list: lines with a code of ours, how many of their students we know, and how many holds we have."""

    ours: int
    known: int
    registered: int


def newest_waiting(session: ScopedSession, inbound_file_id: int | None = None) -> InboundFile | None:
    """The list that counts: the named one, or the newest that waits; locked until the transaction ends."""
    query = select(InboundFile).where(InboundFile.kind == KIND, InboundFile.state == "waiting")
    if inbound_file_id is not None:
        query = query.where(InboundFile.id == inbound_file_id)
    query = query.order_by(InboundFile.modified_at.desc().nulls_last(), InboundFile.id.desc()).limit(1)
    return session.scalars(query.with_for_update()).first()


def pass_over_older(session: ScopedSession, file: InboundFile, run_id: int) -> None:
    """Lists that were waiting when a newer one was read tell nothing any more."""
    session.execute(
        update(InboundFile)
        .where(InboundFile.kind == KIND, InboundFile.state == "waiting", InboundFile.id < file.id)
        .values(
            state="done",
            run_id=run_id,
            settled_at=text("clock_timestamp()"),
            message=f"Passed over: {file.name} is newer.",
        )
    )


@contextmanager
def listed_rows(session: ScopedSession) -> Iterator[Callable[[str, str], None]]:
    """Make the transaction's table ``listed``, and a function that adds a student's hold while the block lasts."""
    session.execute(text("CREATE TEMPORARY TABLE listed_raw (emplid text, hold_code text) ON COMMIT DROP"))
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy("COPY listed_raw (emplid, hold_code) FROM STDIN") as copy:
        yield lambda emplid, hold_code: copy.write(
            f"{emplid.translate(_ESCAPES)}\t{hold_code.translate(_ESCAPES)}\n"
        )
    session.execute(
        text("""
            CREATE TEMPORARY TABLE listed ON COMMIT DROP AS SELECT DISTINCT emplid, hold_code FROM listed_raw
            WHERE hold_code IN (SELECT hold_code FROM hold_register WHERE tenant_id = :tenant_id
                                UNION SELECT hold_code FROM hold_change WHERE tenant_id = :tenant_id)
        """),
        {"tenant_id": session.tenant_id},
    )
    session.execute(text("ANALYZE listed"))


def tell_listed(session: ScopedSession) -> Listed:
    """What the list has of ours."""
    row = session.execute(
        text("""
            SELECT count(*), count(*) FILTER (WHERE EXISTS (
                       SELECT FROM hold_change c WHERE c.tenant_id = :tenant_id AND c.emplid = l.emplid)
                    OR EXISTS (SELECT FROM hold_register h WHERE h.tenant_id = :tenant_id AND h.emplid = l.emplid)),
                   (SELECT count(*) FROM hold_register WHERE tenant_id = :tenant_id)
            FROM listed l
        """),
        {"tenant_id": session.tenant_id},
    ).one()
    return Listed(*row)


def drifted(session: ScopedSession, listed_at: datetime) -> list[Beside]:
    """Holds that one side has and the other has not. What we told after the list was made is no difference."""
    bound = {"tenant_id": session.tenant_id, "listed_at": listed_at}
    with by_hashing(session):
        rows = session.execute(text(_DRIFTED), bound).all()
    return [
        Beside(
            case=row.what,
            key=f"hold:{row.emplid}:{row.hold_code}",
            emplid=row.emplid,
            ours_cents=row.amount_cents,
            happened_at=row.told_at,
            words={"code": row.hold_code},
        )
        for row in rows
    ]


_DRIFTED = """
    SELECT 'hold_missing' AS what, h.emplid, h.hold_code, h.amount_cents, h.told_at
    FROM hold_register h LEFT JOIN listed l ON l.emplid = h.emplid AND l.hold_code = h.hold_code
    WHERE h.tenant_id = :tenant_id AND l.emplid IS NULL AND h.told_at < :listed_at
    UNION ALL
    SELECT 'hold_stuck', l.emplid, l.hold_code, NULL, told.at
    FROM listed l LEFT JOIN hold_register h ON h.tenant_id = :tenant_id AND h.emplid = l.emplid
                                            AND h.hold_code = l.hold_code
    LEFT JOIN (
        SELECT emplid, hold_code, max(confirmed_at) AS at FROM hold_change
        WHERE tenant_id = :tenant_id AND action = 'R' AND confirmed_at IS NOT NULL GROUP BY 1, 2
    ) told ON told.emplid = l.emplid AND told.hold_code = l.hold_code
    WHERE h.emplid IS NULL AND coalesce(told.at, '-infinity') < :listed_at
"""
