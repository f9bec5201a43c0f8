"""Files that arrive, the rows of a conversion, the ledger, and what people asked for a fee."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, NumberedTenantRow, TenantRow

INBOUND_KINDS = ("bursar_xml", "load_result", "payments", "hold_list", "student_list")
INBOUND_ORIGINS = ("sftp", "folder", "upload", "api", "webhook")
INBOUND_STATES = ("waiting", "taken", "done", "refused", "duplicate")
VERDICTS = ("send", "excluded", "quarantined")
SIDES = ("alma", "bursar", "gateway", "hold")
TASK_KINDS = ("recall", "credit", "resend")
TASK_STATES = ("open", "taken", "done", "withdrawn")
# The same content counts once; a refused file may come again mended, and a duplicate is only noted.
COUNTS_ONCE = "state in ('waiting', 'taken', 'done')"


class InboundFile(NumberedTenantRow, Base):
    """A file that arrived from Alma or PeopleSoft: kept as it came, and taken by one run."""

    __tablename__ = "inbound_file"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        CheckConstraint(f"kind in {INBOUND_KINDS}", name="kind"),
        CheckConstraint(f"origin in {INBOUND_ORIGINS}", name="origin"),
        CheckConstraint(f"state in {INBOUND_STATES}", name="state"),
        Index(
            "uq_inbound_file_content",
            "tenant_id",
            "kind",
            "sha256",
            unique=True,
            postgresql_where=text(COUNTS_ONCE),
        ),
        Index("ix_inbound_file_recent", "tenant_id", "received_at"),
    )

    kind: Mapped[str]
    origin: Mapped[str]
    name: Mapped[str]
    # Where it lay, in words and as address: "sftp.example.edu:/drop/in", "watched folder", "upload".
    place: Mapped[str] = mapped_column(server_default="")
    size: Mapped[int] = mapped_column(BigInteger)
    # When it was last written, as the place it lay at tells it: a file left there is known again by it.
    modified_at: Mapped[datetime | None]
    sha256: Mapped[str]
    store_key: Mapped[str]
    profile_code: Mapped[str] = mapped_column(server_default="")
    job_id: Mapped[str] = mapped_column(server_default="")
    export_number: Mapped[str] = mapped_column(server_default="")
    # Alma's number of the institution, as the file's first rows name it.
    institution_id: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="waiting")
    # The run that took it.
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    # For a duplicate: the file it repeats.
    repeats_id: Mapped[int | None] = mapped_column(BigInteger)
    message: Mapped[str] = mapped_column(server_default="")
    row_count: Mapped[int | None] = mapped_column(BigInteger)
    total_cents: Mapped[int | None] = mapped_column(BigInteger)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    received_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]
    # When the original was archived or renamed where it lay.
    put_aside_at: Mapped[datetime | None]
    purged_at: Mapped[datetime | None]


class AlmaEvent(TenantRow, Base):
    """One message of Alma's webhook, by its own id: what is told again counts as told. Nothing of a patron is in it."""

    __tablename__ = "alma_event"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),)

    event_id: Mapped[str] = mapped_column(primary_key=True)
    action: Mapped[str]
    job_name: Mapped[str] = mapped_column(server_default="")
    # The job's instance, which is also in the name of the file it wrote.
    job_id: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="")
    # What was made of it, in words.
    verdict: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    run_id: Mapped[int | None] = mapped_column(BigInteger)


class BursarRow(TenantRow, Base):
    """One fee of one run, as it came, and what was decided about it. The run's frozen input."""

    __tablename__ = "bursar_row"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        CheckConstraint(f"verdict in {VERDICTS}", name="verdict"),
        Index("ix_bursar_row_fee", "tenant_id", "run_id", "fee_ref"),
        Index("ix_bursar_row_verdict", "tenant_id", "run_id", "verdict", "rule"),
    )

    # The run's key names the campus; checking it once more for every row of a million costs seconds.
    tenant_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-20)
    run_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    # Where the row came from: the file, an earlier quarantine (row id), or a task (id).
    origin: Mapped[str] = mapped_column(server_default="file")
    origin_id: Mapped[int | None] = mapped_column(BigInteger)
    fee_ref: Mapped[str] = mapped_column(server_default="")
    patron_id: Mapped[str] = mapped_column(server_default="")
    barcode: Mapped[str] = mapped_column(server_default="")
    kind: Mapped[str] = mapped_column(server_default="charge")
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    verdict: Mapped[str] = mapped_column(server_default="send")
    rule: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    # Every field of the row, as the layout will see it.
    body: Mapped[dict[str, Any]]


class LedgerEntry(NumberedTenantRow, Base):
    """What one side knows about a fee, in the order it learned it. Rows are added and never changed.

    An entry on the bursar's side counts once its file is confirmed, and while that is not known: see ``store.ledger``.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        # Its file names tenant and run as well; each further check would be made a million times a run.
        ForeignKeyConstraint(["tenant_id", "file_id"], ["file.tenant_id", "file.id"]),
        # A layout with one line per patron has several fees behind a line.
        UniqueConstraint("tenant_id", "file_id", "line_no", "event", "fee_ref"),
        CheckConstraint(f"side in {SIDES}", name="side"),
        Index("ix_ledger_entry_fee", "tenant_id", "fee_ref", "id"),
        Index("ix_ledger_entry_patron", "tenant_id", "patron_id", "id"),
        Index(
            "ix_ledger_entry_original",
            "tenant_id",
            "original_ref",
            postgresql_where=text("original_ref <> ''"),
        ),
        Index("ix_ledger_entry_run", "tenant_id", "run_id"),
        # What PeopleSoft was given as reference, where it is not the fee's own: payments come back with it.
        Index(
            "ix_ledger_entry_reference",
            "tenant_id",
            "reference",
            postgresql_where=text("event = 'charge' and reference <> fee_ref"),
        ),
    )

    tenant_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-20)
    fee_ref: Mapped[str]
    side: Mapped[str]
    # charge, credit, reversal, accepted, rejected …; amounts are signed as the side sees them.
    event: Mapped[str]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    patron_id: Mapped[str] = mapped_column(server_default="")
    emplid: Mapped[str] = mapped_column(server_default="")
    fee_type: Mapped[str] = mapped_column(server_default="")
    barcode: Mapped[str] = mapped_column(server_default="")
    item_type: Mapped[str] = mapped_column(server_default="")
    term: Mapped[str] = mapped_column(server_default="")
    billing_on: Mapped[date | None]
    reference: Mapped[str] = mapped_column(server_default="")
    # A credit or reversal names the fee it takes back.
    original_ref: Mapped[str] = mapped_column(server_default="")
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    file_id: Mapped[int | None] = mapped_column(BigInteger)
    line_no: Mapped[int | None] = mapped_column(BigInteger)
    inbound_file_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    evidence: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class BursarTask(NumberedTenantRow, Base):
    """What a person asked for one fee: pull it before it leaves, take it back, or send a rejected line again."""

    __tablename__ = "bursar_task"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        ForeignKeyConstraint(["tenant_id", "entry_id"], ["ledger_entry.tenant_id", "ledger_entry.id"]),
        CheckConstraint(f"kind in {TASK_KINDS}", name="kind"),
        CheckConstraint(f"state in {TASK_STATES}", name="state"),
        Index(
            "uq_bursar_task_open",
            "tenant_id",
            "kind",
            "fee_ref",
            unique=True,
            postgresql_where=text("state in ('open', 'taken')"),
        ),
    )

    kind: Mapped[str]
    fee_ref: Mapped[str]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    # The ledger's line that is meant, for a credit or a line sent again.
    entry_id: Mapped[int | None] = mapped_column(BigInteger)
    # The row to send, with what a person corrected in it.
    body: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    settled_at: Mapped[datetime | None]


class SharedLayout(Base):
    """A campus's layout offered to all others: everybody reads it, only its owner adds versions or withdraws it."""

    __tablename__ = "shared_layout"
    __table_args__ = (UniqueConstraint("owner_id", "name", "version"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"))
    owner_name: Mapped[str]
    name: Mapped[str]
    version: Mapped[int]
    body: Mapped[dict[str, Any]]
    golden: Mapped[dict[str, Any] | None]
    note: Mapped[str] = mapped_column(server_default="")
    effective_on: Mapped[date | None]
    shared_at: Mapped[datetime] = mapped_column(server_default=func.now())
    withdrawn_at: Mapped[datetime | None]
