"""What the pages about runs read: the list, and one run with everything that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import aliased

from webapp.domain.run_states import RUN_STATES
from webapp.models import (
    Approval,
    Delivery,
    File,
    InboundFile,
    Person,
    QuarantinedRow,
    Run,
    RunEvent,
    RunStep,
)
from webapp.store.idle_looks import is_idle_look

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from webapp.models.scope import ScopedSession

EVENTS_SHOWN = 200
QUARANTINED_SHOWN = 20
EXPORT_BATCH = 500


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list shows; empty means any. ``from_at`` and ``until_at`` bound when a run was due."""

    state: str = ""
    pipeline: str = ""
    trigger: str = ""
    from_at: datetime | None = None
    until_at: datetime | None = None
    run_id: int | None = None
    words: str = ""
    # Looks for files that found none, started by the clock every few minutes.
    leaves_out_idle_looks: bool = False


@dataclass(frozen=True, slots=True)
class DecidedApproval:
    """A question that a run asked, and its answer if there is one."""

    approval: Approval
    decided_by: str


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file of a run, and each hand-over of it."""

    file: File
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class OtherDelivery:
    """A hand-over of none of the run's own files: of an earlier run's ``file_name``, or of no file at all (empty)."""

    delivery: Delivery
    file_name: str


@dataclass(frozen=True, slots=True)
class RunPage:
    """One run and what belongs to it; ``events`` and ``approvals`` are newest first. ``came``: arrived files it took."""

    run: Run
    requested_by: str
    steps: tuple[RunStep, ...]
    came: tuple[InboundFile, ...]
    files: tuple[DeliveredFile, ...]
    others: tuple[OtherDelivery, ...]
    approvals: tuple[DecidedApproval, ...]
    events: tuple[RunEvent, ...]
    quarantined: tuple[QuarantinedRow, ...]
    quarantined_count: int

    @property
    def open_approval(self) -> Approval | None:
        """The question the run waits for."""
        return next((a.approval for a in self.approvals if a.approval.decision is None), None)


# Every order ends with the id, so that pages never overlap.
_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "when": Run.scheduled_at.expression,
    "state": case({state: n for n, state in enumerate(RUN_STATES)}, value=Run.state),
    "took": func.coalesce(Run.finished_at, func.now()) - Run.started_at,
}


def count_runs(session: ScopedSession, wanted: RunFilter) -> int:
    """How many runs the list has."""
    return session.scalar(select(func.count()).select_from(Run).where(*_conditions(wanted))) or 0


def list_runs(
    session: ScopedSession, wanted: RunFilter, *, sort: str, descending: bool, limit: int, offset: int
) -> list[Run]:
    """One page of the list."""
    return list(session.scalars(_ordered(wanted, sort, descending=descending).limit(limit).offset(offset)))


def every_run(session: ScopedSession, wanted: RunFilter, *, sort: str, descending: bool) -> Iterator[Run]:
    """All runs of the list, fetched in batches, for an export."""
    query = _ordered(wanted, sort, descending=descending).execution_options(yield_per=EXPORT_BATCH)
    yield from session.scalars(query)


def run_row(session: ScopedSession, run_id: int) -> Run | None:
    """One run of the scope's campus."""
    return session.scalar(select(Run).where(Run.id == run_id))


def run_progress(session: ScopedSession, run_id: int) -> tuple[Run, tuple[RunStep, ...]] | None:
    """A run and its steps, for the part of the page that is drawn again and again."""
    run = run_row(session, run_id)
    return None if run is None else (run, _steps(session, run_id))


def read_run_page(session: ScopedSession, run_id: int) -> RunPage | None:
    """Everything the run's page shows, or None when the campus has no such run."""
    found = _core(session, run_id)
    if found is None:
        return None
    files, others = files_of_run(session, run_id)
    quarantined, quarantined_count = _quarantined(session, run_id)
    return RunPage(
        run=found.run,
        requested_by=found.requested_by,
        approvals=found.approvals,
        steps=found.steps,
        came=found.came,
        files=files,
        others=others,
        events=tuple(
            session.scalars(
                select(RunEvent)
                .where(RunEvent.run_id == run_id)
                .order_by(RunEvent.id.desc())
                .limit(EVENTS_SHOWN)
            )
        ),
        quarantined=quarantined,
        quarantined_count=quarantined_count,
    )


def files_of_run(
    session: ScopedSession, run_id: int
) -> tuple[tuple[DeliveredFile, ...], tuple[OtherDelivery, ...]]:
    """A run's files with their hand-overs, and its other hand-overs: mails, and files of an earlier run."""
    handed: dict[int, list[Delivery]] = {}
    others: list[OtherDelivery] = []
    files = list(
        session.scalars(
            select(File).where(File.run_id == run_id, File.kind != "collected").order_by(File.kind, File.id)
        )
    )
    own = {file.id for file in files}
    rows = session.execute(
        select(Delivery, File.name)
        .outerjoin(File, File.id == Delivery.file_id)
        .where(Delivery.run_id == run_id)
        .order_by(Delivery.id)
    )
    for delivery, file_name in rows:
        if delivery.file_id in own:
            handed.setdefault(delivery.file_id, []).append(delivery)
        else:
            others.append(OtherDelivery(delivery, file_name or ""))
    return tuple(DeliveredFile(file, tuple(handed.get(file.id, ()))) for file in files), tuple(others)


def _steps(session: ScopedSession, run_id: int) -> tuple[RunStep, ...]:
    return tuple(session.scalars(select(RunStep).where(RunStep.run_id == run_id).order_by(RunStep.n)))


@dataclass(frozen=True, slots=True)
class _Core:
    """What hangs on the run itself and is small."""

    run: Run
    requested_by: str
    approvals: tuple[DecidedApproval, ...]
    steps: tuple[RunStep, ...]
    came: tuple[InboundFile, ...]


def _core(session: ScopedSession, run_id: int) -> _Core | None:
    """The run, who asked for it, its questions (newest first), its steps and the files it took: few of each, one read."""
    requester, decider = aliased(Person), aliased(Person)
    rows = session.execute(
        select(Run, requester.full_name, Approval, decider.full_name, RunStep, InboundFile)
        .outerjoin(requester, requester.id == Run.requested_by)
        .outerjoin(Approval, and_(Approval.tenant_id == Run.tenant_id, Approval.run_id == Run.id))
        .outerjoin(decider, decider.id == Approval.decided_by)
        .outerjoin(RunStep, and_(RunStep.tenant_id == Run.tenant_id, RunStep.run_id == Run.id))
        .outerjoin(InboundFile, and_(InboundFile.tenant_id == Run.tenant_id, InboundFile.run_id == Run.id))
        .where(Run.id == run_id)
        .order_by(Approval.id.desc(), RunStep.n, InboundFile.id)
    ).all()
    if not rows:
        return None
    asked = {row[2].id: DecidedApproval(row[2], row[3] or "") for row in rows if row[2] is not None}
    return _Core(
        rows[0][0],
        rows[0][1] or "",
        tuple(asked.values()),
        tuple({row[4].n: row[4] for row in rows if row[4] is not None}.values()),
        tuple({row[5].id: row[5] for row in rows if row[5] is not None}.values()),
    )


def _quarantined(session: ScopedSession, run_id: int) -> tuple[tuple[QuarantinedRow, ...], int]:
    rows = session.execute(
        select(QuarantinedRow, func.count().over())
        .where(QuarantinedRow.run_id == run_id)
        .order_by(QuarantinedRow.id)
        .limit(QUARANTINED_SHOWN)
    ).all()
    return tuple(row[0] for row in rows), rows[0][1] if rows else 0


def _ordered(wanted: RunFilter, sort: str, *, descending: bool) -> Select[Run]:
    order = _ORDERS[sort]
    way = order.desc().nulls_last() if descending else order.asc().nulls_last()
    tie = Run.id.desc() if descending else Run.id.asc()
    return select(Run).where(*_conditions(wanted)).order_by(way, tie)


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (Run.state, wanted.state),
            (Run.pipeline, wanted.pipeline),
            (Run.trigger, wanted.trigger),
        )
        if value
    ]
    if wanted.run_id is not None:
        found.append(Run.id == wanted.run_id)
    if wanted.from_at is not None:
        found.append(Run.scheduled_at >= wanted.from_at)
    if wanted.until_at is not None:
        found.append(Run.scheduled_at < wanted.until_at)
    if wanted.leaves_out_idle_looks:
        found.append(~is_idle_look())
    if wanted.words:
        found.append(and_(*(Run.story.icontains(word, autoescape=True) for word in wanted.words.split())))
    return found
