"""The hold register and the changes to it: advanced only by what was delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import CursorResult, Result, RowMapping, text

from webapp.store.look_again import ONLY_EMPLIDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class ChangeTotals:
    """Lines and cents of one action under one hold code, as the database adds them up."""

    hold_code: str
    action: str
    rows: int
    cents: int
    item_rows: int


def change_totals(session: Session, tenant_id: int, run_id: int) -> list[ChangeTotals]:
    """What one run changes, by hold code and action."""
    rows = session.execute(
        text("""
            SELECT hold_code, action, count(*), sum(amount_cents)::bigint, sum(item_count)::bigint
            FROM hold_change WHERE tenant_id = :tenant_id AND run_id = :run_id GROUP BY 1, 2 ORDER BY 1, 2
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )
    return [ChangeTotals(*row) for row in rows]


def totals_after(session: Session, tenant_id: int, run_id: int) -> list[tuple[str, int, int]]:
    """(hold code, holds, cents) in force once a run's changes are told."""
    rows = session.execute(
        text("""
            SELECT hold_code, count(*), sum(amount_cents)::bigint FROM (
                SELECT emplid, hold_code, amount_cents FROM hold_change
                WHERE tenant_id = :tenant_id AND run_id = :run_id AND action <> 'R'
                UNION ALL
                SELECT emplid, hold_code, amount_cents FROM hold_register r WHERE tenant_id = :tenant_id
                  AND NOT EXISTS (
                      SELECT FROM hold_change c WHERE c.tenant_id = :tenant_id AND c.run_id = :run_id
                        AND c.emplid = r.emplid AND c.hold_code = r.hold_code)
            ) held GROUP BY 1 ORDER BY 1
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )
    return [(code, int(count), int(cents)) for code, count, cents in rows]


@dataclass(frozen=True, slots=True)
class RegisterTotals:
    """Holds in force."""

    rows: int
    cents: int


def register_totals(session: Session, tenant_id: int) -> RegisterTotals:
    """How many holds are in force, and for how much."""
    row = session.execute(
        text(
            "SELECT count(*), coalesce(sum(amount_cents), 0)::bigint FROM hold_register WHERE tenant_id = :tenant_id"
        ),
        {"tenant_id": tenant_id},
    ).one()
    return RegisterTotals(*row)


def recent_change_counts(session: Session, tenant_id: int, before_run_id: int, limit: int) -> list[int]:
    """How many lines each of the last delivered runs told, newest first; those for a few patrons are no norm."""
    rows = session.execute(
        text(f"""
            SELECT coalesce((counts ->> 'changed')::bigint, 0) FROM run
            WHERE tenant_id = :tenant_id AND pipeline = 'holds_export' AND id < :run_id AND NOT dry_run
              AND state = 'succeeded' AND counts ? 'changed' AND NOT options ? '{ONLY_EMPLIDS}'
            ORDER BY id DESC LIMIT :limit
        """),
        {"tenant_id": tenant_id, "run_id": before_run_id, "limit": limit},
    )
    return [int(count) for (count,) in rows]


def largest_totals(session: Session, tenant_id: int, run_id: int, above_cents: int) -> tuple[int, str, int]:
    """How many lines of a run tell more than a limit, and whose is the largest (EMPLID, cents)."""
    row = session.execute(
        text("""
            SELECT count(*) OVER (), emplid, amount_cents FROM hold_change
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND amount_cents > :above_cents
            ORDER BY amount_cents DESC, emplid LIMIT 1
        """),
        {"tenant_id": tenant_id, "run_id": run_id, "above_cents": above_cents},
    ).one_or_none()
    return (row[0], row[1], row[2]) if row else (0, "", 0)


_OF_FILE = """
    h.tenant_id = :tenant_id AND h.run_id = :run_id AND h.action = ANY(:actions)
    AND (:hold_code = '' OR h.hold_code = :hold_code)
"""
# Another run's line about the same hold, decided later.
_NEWER = """
    SELECT FROM hold_change newer
    WHERE newer.tenant_id = h.tenant_id AND newer.emplid = h.emplid AND newer.hold_code = h.hold_code
      AND newer.id > h.id AND newer.run_id <> h.run_id
"""
# A delivery of any file of that run may have arrived.
_IN_DOUBT = """
    SELECT FROM effect e JOIN file f ON f.tenant_id = e.tenant_id AND e.detail -> 'file_ids' @> to_jsonb(f.id)
    WHERE e.tenant_id = newer.tenant_id AND e.state IN ('sent', 'unknown') AND f.run_id = newer.run_id
"""


def stream_changes(
    session: Session, *, tenant_id: int, run_id: int, actions: Sequence[str], hold_code: str
) -> Iterator[RowMapping]:
    """The changes for one file, by EMPLID and hold code, a batch at a time."""
    result = session.execute(
        text(f"""
            SELECT emplid, hold_code, hold_reason, action, amount_cents, user_type, violation_type, violation_on,
                   patron_name, item_count, reference, items
            FROM hold_change h WHERE {_OF_FILE} ORDER BY emplid COLLATE "C", hold_code COLLATE "C"
        """),
        _of_file(tenant_id, run_id, actions, hold_code),
        execution_options={"yield_per": 2_000},
    )
    yield from result.mappings()


def stream_register_after(
    session: Session, *, tenant_id: int, run_id: int, hold_code: str
) -> Iterator[RowMapping]:
    """Everyone who is on hold once this run's changes are told, by EMPLID and hold code.

    An unchanged hold comes with the name, the reference and the items that it was told with.
    """
    result = session.execute(
        text("""
            WITH change AS (SELECT * FROM hold_change WHERE tenant_id = :tenant_id AND run_id = :run_id)
            SELECT coalesce(c.emplid, r.emplid) AS emplid, coalesce(c.hold_code, r.hold_code) AS hold_code,
                   coalesce(c.hold_reason, r.hold_reason) AS hold_reason, 'S' AS action,
                   coalesce(c.amount_cents, r.amount_cents) AS amount_cents,
                   coalesce(c.user_type, r.user_type) AS user_type,
                   coalesce(c.violation_type, r.violation_type) AS violation_type,
                   CASE WHEN c.emplid IS NULL THEN r.violation_on ELSE c.violation_on END AS violation_on,
                   coalesce(c.patron_name, r.patron_name, '') AS patron_name,
                   coalesce(c.item_count, r.item_count, 0) AS item_count,
                   coalesce(c.reference, r.reference, '') AS reference, coalesce(c.items, r.items, '[]') AS items
            FROM change c FULL JOIN (
                -- What a hold is made of stands in the change that told it last.
                SELECT held.*, told.patron_name, told.item_count, told.reference, told.items
                FROM hold_register held LEFT JOIN hold_change told
                  ON told.tenant_id = held.tenant_id AND told.run_id = held.run_id
                 AND told.emplid = held.emplid AND told.hold_code = held.hold_code
                WHERE held.tenant_id = :tenant_id
            ) r
              ON r.emplid = c.emplid AND r.hold_code = c.hold_code
            WHERE c.action IS DISTINCT FROM 'R' AND (:hold_code = '' OR coalesce(c.hold_code, r.hold_code) = :hold_code)
            ORDER BY coalesce(c.emplid, r.emplid) COLLATE "C", coalesce(c.hold_code, r.hold_code) COLLATE "C"
        """),
        {"tenant_id": tenant_id, "run_id": run_id, "hold_code": hold_code},
        execution_options={"yield_per": 2_000},
    )
    yield from result.mappings()


def drop_change(
    session: Session, *, tenant_id: int, run_id: int, emplid: str, hold_code: str
) -> tuple[str, int, int] | None:
    """Take one line out of a run before its file is built; the register then stays as it is for that patron.

    Returns the line's action, rows behind it and cents, or None when there was none.
    """
    dropped = session.execute(
        text("""
            DELETE FROM hold_change
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND emplid = :emplid AND hold_code = :hold_code
            RETURNING action, item_count, amount_cents
        """),
        {"tenant_id": tenant_id, "run_id": run_id, "emplid": emplid, "hold_code": hold_code},
    ).one_or_none()
    return (dropped[0], dropped[1], dropped[2]) if dropped else None


def advance_register(
    session: Session,
    *,
    tenant_id: int,
    run_id: int,
    file_id: int,
    actions: Sequence[str],
    hold_code: str,
    unless_told_since: bool = False,
) -> int:
    """PeopleSoft has been told a file: let the register say so. Returns the lines; told twice it changes nothing.

    ``unless_told_since`` leaves out the lines about which PeopleSoft has been told something newer.
    """
    bound = _of_file(tenant_id, run_id, actions, hold_code) | {"file_id": file_id}
    of_file = f"{_OF_FILE} AND h.confirmed_at IS NULL"
    if unless_told_since:
        of_file += f" AND NOT EXISTS ({_NEWER} AND newer.confirmed_at IS NOT NULL)"
    session.execute(
        text(f"""
            INSERT INTO hold_register AS r (
                tenant_id, emplid, hold_code, hold_reason, amount_cents, user_type, violation_type, violation_on,
                placed_at, told_at, file_id, run_id)
            SELECT tenant_id, emplid, hold_code, hold_reason, amount_cents, user_type, violation_type, violation_on,
                   now(), now(), :file_id, run_id
            FROM hold_change h WHERE {of_file} AND h.action IN ('A', 'U')
            ON CONFLICT (tenant_id, emplid, hold_code) DO UPDATE SET
                amount_cents = excluded.amount_cents, user_type = excluded.user_type,
                violation_type = excluded.violation_type, violation_on = excluded.violation_on,
                told_at = excluded.told_at, file_id = excluded.file_id, run_id = excluded.run_id
        """),
        bound,
    )
    session.execute(
        text(f"""
            DELETE FROM hold_register r USING hold_change h
            WHERE {of_file} AND h.action = 'R'
              AND r.tenant_id = h.tenant_id AND r.emplid = h.emplid AND r.hold_code = h.hold_code
        """),
        bound,
    )
    told = session.execute(text(f"UPDATE hold_change h SET confirmed_at = now() WHERE {of_file}"), bound)
    return _rows_touched(told)


def _of_file(tenant_id: int, run_id: int, actions: Sequence[str], hold_code: str) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "run_id": run_id, "actions": list(actions), "hold_code": hold_code}


def told_since(
    session: Session, *, tenant_id: int, run_id: int, actions: Sequence[str], hold_code: str
) -> int:
    """How many patrons of a file PeopleSoft has been, or may have been, told something newer about."""
    return (
        session.scalar(
            text(f"""
                SELECT count(*) FROM hold_change h WHERE {_OF_FILE} AND EXISTS (
                    {_NEWER} AND (newer.confirmed_at IS NOT NULL OR EXISTS ({_IN_DOUBT})))
            """),
            _of_file(tenant_id, run_id, actions, hold_code),
        )
        or 0
    )


def decided_since(session: Session, *, tenant_id: int, run_id: int) -> int | None:
    """The newest later run, no dry run, that compared what is owed with the register; None when there is none."""
    newest: int | None = session.scalar(
        text("""
            SELECT max(later.id) FROM run later
            JOIN run_step step ON step.tenant_id = later.tenant_id AND step.run_id = later.id
            WHERE later.tenant_id = :tenant_id AND later.id > :run_id AND NOT later.dry_run
              AND later.pipeline = 'holds_export' AND step.name = 'decide' AND step.state = 'done'
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )
    return newest


def _rows_touched(result: Result[Any]) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
