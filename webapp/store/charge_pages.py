"""What the pages about a conversion read: its rows with what was decided, its totals over weeks, what leaves soon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text

from webapp.models import BursarRow, Run, RunStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime

    from webapp.models.scope import ScopedSession

EXPORT_BATCH = 2_000
COUNTED_UP_TO = 100_000
MOST_RULES = 60
BURSAR_PIPELINES = ("bursar_conversion", "balance_export")


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows of a run a list shows; empty means any. ``words``: a fee, a patron, a barcode."""

    run_id: int
    verdict: str = ""
    rule: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class RunOfDay:
    """What the runs of one campus day told the bursar: lines, and cents as they were signed."""

    day_on: date
    lines: int
    cents: int


@dataclass(frozen=True, slots=True)
class LeavingRun:
    """A run that has rows to send and is not over.

    ``leaves_at``: when it builds its files, known while it waits for that moment alone. ``is_built``: they are built
    already, so that no fee can be pulled any more.
    """

    run: Run
    leaves_at: datetime | None
    is_built: bool


_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "n": BursarRow.n.expression,
    "fee": BursarRow.fee_ref.expression,
    "patron": BursarRow.patron_id.expression,
    "amount": BursarRow.amount_cents.expression,
}


def count_rows(session: ScopedSession, wanted: RowFilter) -> int:
    """How many rows the list has, counted up to ``COUNTED_UP_TO``."""
    found = select(BursarRow.n).where(*_conditions(wanted)).limit(COUNTED_UP_TO)
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def list_rows(
    session: ScopedSession, wanted: RowFilter, *, sort: str, descending: bool, limit: int, offset: int
) -> list[BursarRow]:
    """One page of the list."""
    return list(session.scalars(_ordered(wanted, sort, descending=descending).limit(limit).offset(offset)))


def every_row(
    session: ScopedSession, wanted: RowFilter, *, sort: str, descending: bool
) -> Iterator[BursarRow]:
    """All rows of the list, fetched in batches, for an export."""
    query = _ordered(wanted, sort, descending=descending).execution_options(yield_per=EXPORT_BATCH)
    yield from session.scalars(query)


def rules_of_run(counts: Mapping[str, Any]) -> list[str]:
    """The rules that rows of a run met, from its counts."""
    prefix = "rows_excluded_"
    return sorted(name.removeprefix(prefix) for name in counts if name.startswith(prefix))[:MOST_RULES]


def told_per_day(session: ScopedSession, *, zone: str, days: int) -> list[RunOfDay]:
    """Lines and cents that runs sent per campus day over the last ``days`` days, every day present, oldest first."""
    rows = session.execute(
        text("""
            SELECT day::date, coalesce(sum(told.lines), 0), coalesce(sum(told.cents), 0)
            FROM generate_series((now() AT TIME ZONE :zone)::date - (:days - 1),
                                 (now() AT TIME ZONE :zone)::date, interval '1 day') day
            LEFT JOIN (
                SELECT (r.finished_at AT TIME ZONE :zone)::date AS told_on,
                       (r.counts ->> 'rows_sent')::bigint AS lines, (r.counts ->> 'cents_sent')::bigint AS cents
                FROM run r
                WHERE r.tenant_id = :tenant_id AND r.pipeline = ANY(:pipelines) AND r.state = 'succeeded'
                  AND NOT r.dry_run AND r.created_at > now() - make_interval(days => :days + 30)
            ) told ON told.told_on = day::date
            GROUP BY 1 ORDER BY 1
        """),
        {"zone": zone, "days": days, "tenant_id": session.tenant_id, "pipelines": list(BURSAR_PIPELINES)},
    )
    return [RunOfDay(row[0], int(row[1]), int(row[2])) for row in rows]


def leaving_runs(session: ScopedSession) -> list[LeavingRun]:
    """Runs that have rows to send and are not over: those a fee can still be pulled from first, by their moment."""
    built = _built().label("is_built")
    rows = session.execute(
        select(Run, built)
        .where(
            *_unfinished(),
            select(BursarRow.n)
            .where(BursarRow.run_id == Run.id, BursarRow.tenant_id == Run.tenant_id)
            .exists(),
        )
        .order_by(built, Run.not_before, Run.id)
        .limit(10)
    )
    return [
        LeavingRun(run, run.not_before if is_at_cutoff(run) else None, is_built) for run, is_built in rows
    ]


def is_at_cutoff(run: Run) -> bool:
    """Whether a run waits for its cut-off: ``run.not_before`` is then the moment its files are built."""
    return run.pipeline in BURSAR_PIPELINES and run.state == "queued" and run.step == "wait"


def row_about_to_leave(session: ScopedSession, fee_ref: str) -> tuple[BursarRow, Run] | None:
    """The newest row of a fee that can still be pulled from an unfinished run, and that run."""
    found = session.execute(
        select(BursarRow, Run)
        .join(Run, and_(Run.tenant_id == BursarRow.tenant_id, Run.id == BursarRow.run_id))
        .where(
            BursarRow.fee_ref == fee_ref,
            BursarRow.verdict == "send",
            BursarRow.origin != "task",
            *_unfinished(),
            ~_built(),
        )
        .order_by(Run.id.desc())
        .limit(1)
    ).first()
    return None if found is None else (found[0], found[1])


def _unfinished() -> list[ColumnElement[bool]]:
    return [Run.pipeline.in_(BURSAR_PIPELINES), Run.finished_at.is_(None), Run.dry_run.is_(False)]


def _built() -> ColumnElement[bool]:
    steps = select(RunStep.n).where(
        RunStep.tenant_id == Run.tenant_id, RunStep.run_id == Run.id, RunStep.name == "build"
    )
    return steps.exists()


def _ordered(wanted: RowFilter, sort: str, *, descending: bool) -> Select[BursarRow]:
    order = _ORDERS[sort]
    query = select(BursarRow).where(*_conditions(wanted))
    if descending:
        return query.order_by(order.desc(), BursarRow.n.desc())
    return query.order_by(order.asc(), BursarRow.n.asc())


def _conditions(wanted: RowFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [BursarRow.run_id == wanted.run_id]
    if wanted.verdict:
        found.append(BursarRow.verdict == wanted.verdict)
    if wanted.rule:
        found.append(BursarRow.rule == wanted.rule)
    found.extend(
        or_(
            BursarRow.fee_ref == word,
            BursarRow.patron_id.startswith(word, autoescape=True),
            BursarRow.barcode == word,
        )
        for word in wanted.words.split()
    )
    return found
