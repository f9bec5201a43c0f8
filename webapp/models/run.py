"""Schedules, occurrences, runs, their steps, events and outside effects."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.run_states import EFFECT_STATES, QUEUES, RUN_STATES, STEP_STATES, TRIGGERS
from webapp.models.base import Base, NumberedTenantRow, TenantRow

# A run that has started and is not finished, also while it waits for its next try.
OCCUPYING = "started_at is not null and finished_at is null and not dry_run"
# Pipelines of one lane exclude each other: both of these move the hold register, and each relies on where it stands.
# So do the two that bill fees: each asks the ledger what the bursar was told.
LANE = (
    "CASE WHEN pipeline IN ('holds_export', 'resend_file') THEN 'holds' "
    "WHEN pipeline IN ('bursar_conversion', 'balance_export') THEN 'bursar' ELSE pipeline END"
)


class Schedule(NumberedTenantRow, Base):
    """When a campus's pipeline is due. ``cursor_at``: every occurrence up to then has been admitted or skipped."""

    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint("tenant_id", "pipeline"),
        Index("ix_schedule_next_due_at", "next_due_at", postgresql_where=text("is_enabled")),
    )

    pipeline: Mapped[str]
    rule: Mapped[dict[str, Any]]
    is_enabled: Mapped[bool] = mapped_column(server_default="true")
    cursor_at: Mapped[datetime] = mapped_column(server_default=func.now())
    next_due_at: Mapped[datetime | None]
    next_local_key: Mapped[str | None]
    # Downtime longer than this asks a person instead of catching up by itself.
    catch_up_limit_h: Mapped[int] = mapped_column(server_default="24")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Occurrence(NumberedTenantRow, Base):
    """One moment a schedule was due, named by the campus's wall clock so that it can exist only once."""

    __tablename__ = "occurrence"
    __table_args__ = (
        UniqueConstraint("tenant_id", "schedule_id", "local_key"),
        ForeignKeyConstraint(["tenant_id", "schedule_id"], ["schedule.tenant_id", "schedule.id"]),
    )

    schedule_id: Mapped[int] = mapped_column(BigInteger)
    local_key: Mapped[str]
    due_at: Mapped[datetime]
    note: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Run(NumberedTenantRow, Base):
    """One execution of a pipeline for a campus. Only this row says what is to be done; a queue message is a bell."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("tenant_id", "occurrence_id"),
        ForeignKeyConstraint(["tenant_id", "occurrence_id"], ["occurrence.tenant_id", "occurrence.id"]),
        ForeignKeyConstraint(["tenant_id", "parent_run_id"], ["run.tenant_id", "run.id"]),
        CheckConstraint(f"state in {RUN_STATES}", name="state"),
        CheckConstraint(f'"trigger" in {TRIGGERS}', name="trigger"),
        CheckConstraint(f"queue in {QUEUES}", name="queue"),
        # Two runs of one lane would each compare with the same register; the second waits.
        Index(
            "uq_run_one_at_a_time",
            "tenant_id",
            "lane",
            unique=True,
            postgresql_where=text(OCCUPYING),
        ),
        Index("ix_run_due", "tenant_id", "queue", "not_before", postgresql_where=text("state = 'queued'")),
        Index("ix_run_leased", "lease_until", postgresql_where=text("state in ('running', 'delivering')")),
        Index("ix_run_id", "id"),
        Index("ix_run_recent", "tenant_id", "created_at"),
    )

    pipeline: Mapped[str]
    lane: Mapped[str] = mapped_column(Computed(LANE, persisted=True))
    trigger: Mapped[str]
    queue: Mapped[str] = mapped_column(server_default="batch")
    occurrence_id: Mapped[int | None] = mapped_column(BigInteger)
    parent_run_id: Mapped[int | None] = mapped_column(BigInteger)
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    dry_run: Mapped[bool] = mapped_column(server_default="false")
    options: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    scheduled_at: Mapped[datetime]
    # Facts are gathered from here on; a catch-up run's window reaches back to the last confirmed one.
    window_from_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    step: Mapped[str] = mapped_column(server_default="")
    progress_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    progress_total: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # What the step is busy with, in words; the story is what came of it all.
    progress_note: Mapped[str] = mapped_column(server_default="")
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    story: Mapped[str] = mapped_column(server_default="")
    # The story tells of a wait or an approval on the way, not of what came of the run.
    is_story_passing: Mapped[bool] = mapped_column(server_default="false")
    error: Mapped[dict[str, Any] | None]
    attempt: Mapped[int] = mapped_column(server_default="0")
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    cancel_requested: Mapped[bool] = mapped_column(server_default="false")
    # The fence: whoever holds the newest token may write; times are the database's clock only.
    lease_token: Mapped[int] = mapped_column(BigInteger, server_default="0")
    lease_until: Mapped[datetime | None]
    lease_holder: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RunStep(TenantRow, Base):
    """One step of a run with its frozen input: done again, it builds the same bytes."""

    __tablename__ = "run_step"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        CheckConstraint(f"state in {STEP_STATES}", name="state"),
    )

    run_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="running")
    attempt: Mapped[int] = mapped_column(server_default="1")
    # How many workers began it and were not heard of again.
    takeovers: Mapped[int] = mapped_column(server_default="0")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    # What the step was given and what it left: store keys with their sha256, counts, cents.
    frozen: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    result: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class RunEvent(NumberedTenantRow, Base):
    """What happened to a run, in order; one row for every change of state, and notes between."""

    __tablename__ = "run_event"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        Index("ix_run_event_run", "tenant_id", "run_id", "id"),
    )

    run_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    from_state: Mapped[str] = mapped_column(server_default="")
    to_state: Mapped[str] = mapped_column(server_default="")
    note: Mapped[str] = mapped_column(server_default="")


class Effect(NumberedTenantRow, Base):
    """Something done to the outside world, written down before it is done; unknown is settled by looking."""

    __tablename__ = "effect"
    __table_args__ = (
        UniqueConstraint("tenant_id", "key"),
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        CheckConstraint(f"state in {EFFECT_STATES}", name="state"),
        Index("ix_effect_run", "tenant_id", "run_id"),
        Index("ix_effect_open", "state", "created_at", postgresql_where=text("state in ('sent', 'unknown')")),
    )

    run_id: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="intended")
    attempts: Mapped[int] = mapped_column(server_default="0")
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    evidence: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]


class Approval(NumberedTenantRow, Base):
    """A run that asked a person before going on: why, who decided, and what they said."""

    __tablename__ = "approval"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        Index("ix_approval_run", "tenant_id", "run_id"),
    )

    run_id: Mapped[int] = mapped_column(BigInteger)
    reasons: Mapped[list[Any]]
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decision: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    note: Mapped[str] = mapped_column(server_default="")
