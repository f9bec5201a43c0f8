"""Decide in whole sets what PeopleSoft must be told. ``webapp.domain.holds.decide`` says the same row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import CursorResult, Result, text

from webapp.domain.holds.decision import Tally
from webapp.domain.holds.verdicts import EXCLUDED, REFUSED, KindOfFee, judge_kind, last_day_past_grace
from webapp.store import hold_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from sqlalchemy.orm import Session

    from webapp.domain.holds.policy import HoldPolicy

ITEM_CAP = 1_000
_BYTES_PER_ROW = 200
_LEAST_MEMORY_KB, _MOST_MEMORY_KB = 8 << 10, 192 << 10


@dataclass(frozen=True, slots=True)
class DecisionOutcome:
    """What the set-based decision found; ``tallies`` hold every row and cent that came in under one name."""

    tallies: Mapping[str, Tally] = field(default_factory=dict)
    held_back: int = 0
    changes: int = 0


@dataclass(frozen=True, slots=True)
class CollectedRows:
    """What is known of the transaction's ``collected`` table without reading it.

    ``kinds`` are all (fee type, status, user type) that occur. ``covers_everyone``: a patron without a row owes
    nothing. ``each_fee_once``: the source vouches for it. ``is_copy``: Alma itself may know better by now.
    """

    kinds: Collection[tuple[str, str, str]]
    fee_rows: int
    refused_rows: int
    covers_everyone: bool
    each_fee_once: bool = False
    is_copy: bool = False


def decide_holds(
    session: Session,
    collected: CollectedRows,
    *,
    tenant_id: int,
    run_id: int,
    policy: HoldPolicy,
    run_on: date,
) -> DecisionOutcome:
    """Apply the policy to the transaction's ``collected`` table and write this run's ``hold_change`` rows.

    Done again it first takes back what it wrote.
    """
    bound = {
        "tenant_id": tenant_id,
        "run_id": run_id,
        "run_on": run_on,
        "minimum_cents": policy.minimum_total_cents,
        "default_code": policy.default_code.code,
        "item_cap": ITEM_CAP,
        "grace_limit": last_day_past_grace(policy, run_on),
    }
    _make_room(session, collected.fee_rows)
    session.execute(text("DELETE FROM hold_change WHERE tenant_id = :tenant_id AND run_id = :run_id"), bound)
    if collected.is_copy:
        session.execute(text(hold_sql.MARK_PAID_SINCE), bound)
    if not collected.each_fee_once:
        session.execute(text(hold_sql.MARK_REPEATED))
    if collected.refused_rows:
        session.execute(text(hold_sql.OWNERS_OF_REFUSED), bound)
    _judge_kinds(session, policy, collected.kinds)
    session.execute(text(hold_sql.create_left_out(policy)), bound)
    if session.scalar(text(hold_sql.HAS_IGNORED), bound) and _has_doubts(session):
        session.execute(text(hold_sql.leave_ignored_out(policy)), bound)
        session.execute(text("DROP TABLE left_out"))
        session.execute(text(hold_sql.create_left_out(policy)), bound)
    session.execute(text(hold_sql.CREATE_RELEASED), bound)
    statement = hold_sql.create_decided(
        policy,
        has_doubts=_has_doubts(session),
        has_releases=bool(session.scalar(text("SELECT EXISTS (SELECT FROM released)"))),
        covers_everyone=collected.covers_everyone,
    )
    session.execute(text(statement), bound)
    session.execute(text("ANALYZE decided"))
    _name_verdicts(session)
    changes = _rows_touched(session.execute(text(hold_sql.insert_changes(policy)), bound))
    tallies: dict[str, Tally] = {}
    for row in session.execute(text(hold_sql.TALLIES)):
        tallies[row.name] = tallies.get(row.name, Tally()).plus(row.fee_rows, row.cents)
    held_back = session.scalar(text("SELECT count(*) FROM decided WHERE action = 'H'"))
    return DecisionOutcome(tallies, held_back or 0, changes)


def _has_doubts(session: Session) -> bool:
    return bool(session.scalar(text(hold_sql.HAS_DOUBTS)))


def _rows_touched(result: Result[Any]) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0


def _make_room(session: Session, fee_rows: int) -> None:
    """Sort and hash in memory instead of on disk, as much as the rows need and the server can spare."""
    memory_kb = min(max(fee_rows * _BYTES_PER_ROW >> 10, _LEAST_MEMORY_KB), _MOST_MEMORY_KB)
    session.execute(text(f"SET LOCAL work_mem = '{memory_kb}kB'"))
    # Compiling costs more than it saves on statements that run once.
    session.execute(text("SET LOCAL jit = off"))


def _judge_kinds(session: Session, policy: HoldPolicy, kinds: Collection[tuple[str, str, str]]) -> None:
    session.execute(text(hold_sql.CREATE_FATE))
    # Refused rows and patrons merely seen are of no kind.
    rows = []
    for kind in sorted({*map(tuple, kinds), ("", "", "")}):
        fate = judge_kind(policy, KindOfFee(*kind))
        rows.append(
            {
                "fee_type": kind[0],
                "status": kind[1],
                "user_type": kind[2],
                "verdict": fate.verdict,
                "is_trigger": fate.is_trigger,
                "hold_code": fate.hold_code,
                "hold_reason": fate.hold_reason,
            }
        )
    session.execute(
        text(
            "INSERT INTO fate VALUES (:fee_type, :status, :user_type, :verdict, :is_trigger, :hold_code, :hold_reason)"
        ),
        rows,
    )
    session.execute(text("ANALYZE fate"))


def _name_verdicts(session: Session) -> None:
    session.execute(text("CREATE TEMPORARY TABLE words (verdict text, words text) ON COMMIT DROP"))
    session.execute(
        text("INSERT INTO words VALUES (:verdict, :words)"),
        [{"verdict": name, "words": words} for name, words in EXCLUDED.items()],
    )


def unidentified_rows(session: Session) -> int:
    """Refused rows of the transaction's ``collected`` table that do not say whose they are.

    Alma names the patron of a row even where PeopleSoft does not know them: a community borrower's debt is nobody's
    hold, and must not ask for approval every night.
    """
    query = text("""
        SELECT count(*) FROM collected
        WHERE verdict = :refused AND emplid = ''
          AND concat(detail::jsonb -> 'raw' ->> 'patron_key', detail::jsonb -> 'raw' ->> 'user_primary_id') = ''
    """)
    return session.scalar(query, {"refused": REFUSED}) or 0


def in_grace(session: Session) -> list[str]:
    """Patrons with rows left out for the days of grace: they owe later without anything changing until then."""
    query = text(
        "SELECT DISTINCT emplid FROM left_out WHERE verdict = 'grace' AND emplid <> '' ORDER BY emplid"
    )
    return list(session.scalars(query))
