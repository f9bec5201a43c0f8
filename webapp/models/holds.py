"""Files, their deliveries, the hold register and what changed it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, NumberedTenantRow, TenantRow

DELIVERY_STATES = ("pending", "delivered", "failed", "unknown", "bounced")


class File(NumberedTenantRow, Base):
    """A generated or received file. Name, bytes and totals are fixed before anything is delivered."""

    __tablename__ = "file"
    __table_args__ = (
        UniqueConstraint("tenant_id", "run_id", "kind", "hold_code", "part"),
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        Index("ix_file_recent", "tenant_id", "created_at"),
        Index("ix_file_name", "tenant_id", "name"),
    )

    run_id: Mapped[int] = mapped_column(BigInteger)
    # added, released, snapshot, collected; for charges what the layout calls its files (charges, debits, community …).
    kind: Mapped[str]
    hold_code: Mapped[str] = mapped_column(server_default="")
    # A long file may be split; parts count from 1.
    part: Mapped[int] = mapped_column(server_default="1")
    name: Mapped[str]
    store_key: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    row_count: Mapped[int] = mapped_column(BigInteger)
    total_cents: Mapped[int] = mapped_column(BigInteger)
    layout_name: Mapped[str] = mapped_column(server_default="")
    layout_version: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When what the file says became what PeopleSoft was last told.
    confirmed_at: Mapped[datetime | None]
    purged_at: Mapped[datetime | None]


class Delivery(NumberedTenantRow, Base):
    """One hand-over of a run's file to one target; a mail about a whole run has no file of its own."""

    __tablename__ = "delivery"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        ForeignKeyConstraint(["tenant_id", "file_id"], ["file.tenant_id", "file.id"]),
        ForeignKeyConstraint(["tenant_id", "effect_id"], ["effect.tenant_id", "effect.id"]),
        CheckConstraint(f"state in {DELIVERY_STATES}", name="state"),
        Index("ix_delivery_run", "tenant_id", "run_id"),
    )

    run_id: Mapped[int] = mapped_column(BigInteger)
    file_id: Mapped[int | None] = mapped_column(BigInteger)
    effect_id: Mapped[int | None] = mapped_column(BigInteger)
    target: Mapped[str]
    address: Mapped[str] = mapped_column(server_default="")
    remote_name: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="pending")
    message: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    delivered_at: Mapped[datetime | None]
    # When the receiver showed that it took the file, and how: its name with .processed behind it, a load result.
    acknowledged_at: Mapped[datetime | None]
    acknowledgement: Mapped[str] = mapped_column(server_default="")
    # When it should have; null where the campus asks for no sign of it.
    awaited_until: Mapped[datetime | None]


class HoldRegister(TenantRow, Base):
    """What PeopleSoft was last told: one row for each hold now in force that we placed."""

    __tablename__ = "hold_register"
    __table_args__ = (CheckConstraint("amount_cents > 0", name="amount_positive"),)

    emplid: Mapped[str] = mapped_column(primary_key=True)
    hold_code: Mapped[str] = mapped_column(primary_key=True)
    # A release names the reason the hold was placed with, not the one mapped today.
    hold_reason: Mapped[str] = mapped_column(server_default="")
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    user_type: Mapped[str] = mapped_column(server_default="")
    violation_type: Mapped[str] = mapped_column(server_default="")
    violation_on: Mapped[date | None]
    placed_at: Mapped[datetime]
    told_at: Mapped[datetime]
    file_id: Mapped[int] = mapped_column(BigInteger)
    run_id: Mapped[int] = mapped_column(BigInteger)


class HoldChange(NumberedTenantRow, Base):
    """One line of one run's answer: who is added, updated or released, and why. The register follows on delivery."""

    __tablename__ = "hold_change"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        CheckConstraint("action in ('A', 'U', 'R', 'S')", name="action"),
        UniqueConstraint("tenant_id", "run_id", "emplid", "hold_code"),
        Index("ix_hold_change_patron", "tenant_id", "emplid", "id"),
    )

    run_id: Mapped[int] = mapped_column(BigInteger)
    emplid: Mapped[str]
    hold_code: Mapped[str]
    hold_reason: Mapped[str] = mapped_column(server_default="")
    action: Mapped[str]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    previous_cents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    user_type: Mapped[str] = mapped_column(server_default="")
    violation_type: Mapped[str] = mapped_column(server_default="")
    violation_on: Mapped[date | None]
    patron_name: Mapped[str] = mapped_column(server_default="")
    item_count: Mapped[int] = mapped_column(server_default="0")
    reference: Mapped[str] = mapped_column(server_default="")
    why: Mapped[str] = mapped_column(server_default="")
    items: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    confirmed_at: Mapped[datetime | None]


class QuarantinedRow(NumberedTenantRow, Base):
    """A row that may not go out until a person decides, with its reason."""

    __tablename__ = "quarantined_row"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        Index("ix_quarantined_row_run", "tenant_id", "run_id"),
        Index(
            "ix_quarantined_row_open",
            "tenant_id",
            "fingerprint",
            postgresql_where=text("resolved_at is null"),
        ),
        Index(
            "ix_quarantined_row_ignored",
            "tenant_id",
            "fingerprint",
            postgresql_where=text("decision = 'ignored'"),
        ),
        CheckConstraint("decision in ('ignored', 'mended', 'released')", name="decision"),
    )

    run_id: Mapped[int] = mapped_column(BigInteger)
    # The same bad row every night is one entry with an age, not a new one each time.
    fingerprint: Mapped[str]
    source: Mapped[str]
    row_ref: Mapped[str]
    reason: Mapped[str]
    # Which job parked it, and by which rule; what a person corrected flows into its next run.
    pipeline: Mapped[str] = mapped_column(server_default="holds_export")
    rule: Mapped[str] = mapped_column(server_default="")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    patch: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    amount_cents: Mapped[int | None] = mapped_column(BigInteger)
    raw: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # What a person decided; null while nobody has, and where the row went away by itself.
    decision: Mapped[str | None]
    resolution: Mapped[str] = mapped_column(server_default="")


class TemporaryRelease(NumberedTenantRow, Base):
    """A hold lifted until a date, after which it comes back by itself if the debt is still there."""

    __tablename__ = "temporary_release"
    __table_args__ = (Index("ix_temporary_release_patron", "tenant_id", "emplid"),)

    emplid: Mapped[str]
    until_on: Mapped[date]
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None]
