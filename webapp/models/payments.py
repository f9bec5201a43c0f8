"""Money that comes back: what Alma says of a fee, payments and where they go, journals, and how the books compare."""

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

PAYMENT_SOURCES = ("peoplesoft", "cashier", "gateway")
PAYMENT_KINDS = ("payment", "reversal", "write_off", "charge_reversal", "refund")
ROW_VERDICTS = ("post", "known", "excluded", "quarantined")
LINE_OPS = ("pay", "waive", "import")
LINE_STATES = (
    "waiting",
    "sending",
    "posted",
    "unknown",
    "unapplied",
    "refund_due",
    "refunded",
    "ignored",
    "netted",
    "replaced",
)
BOOKS = ("alma_ledger", "ledger_bursar", "holds", "files", "money", "gateway")
DIFFERENCE_KINDS = (
    "missing_there",
    "missing_here",
    "amount",
    "status",
    "timing",
    "stuck_hold",
    "missing_hold",
    "missing_file",
    "clearing",
)
JOURNAL_EVENTS = ("posted", "refunded", "reversed")


class SeenFee(TenantRow, Base):
    """What Alma last said of a fee, and when. A copy: Alma is asked again before money moves."""

    __tablename__ = "alma_fee"
    __table_args__ = (
        Index("ix_alma_fee_emplid", "tenant_id", "emplid"),
        Index("ix_alma_fee_patron", "tenant_id", "patron_id"),
        Index("ix_alma_fee_bursar_ref", "tenant_id", "bursar_ref", postgresql_where=text("bursar_ref <> ''")),
    )

    fee_id: Mapped[str] = mapped_column(primary_key=True)
    # Alma's primary id.
    patron_id: Mapped[str]
    emplid: Mapped[str] = mapped_column(server_default="")
    # The bursar transaction id, once Alma has given the fee one.
    bursar_ref: Mapped[str] = mapped_column(server_default="")
    fee_type: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str]
    balance_cents: Mapped[int] = mapped_column(BigInteger)
    original_cents: Mapped[int | None] = mapped_column(BigInteger)
    library: Mapped[str] = mapped_column(server_default="")
    title: Mapped[str] = mapped_column(server_default="")
    barcode: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime | None]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class PaymentItem(TenantRow, Base):
    """The last state PeopleSoft gave of one of its items: news is what was applied since."""

    __tablename__ = "payment_item"

    item_key: Mapped[str] = mapped_column(primary_key=True)
    emplid: Mapped[str]
    reference: Mapped[str] = mapped_column(server_default="")
    item_type: Mapped[str] = mapped_column(server_default="")
    term: Mapped[str] = mapped_column(server_default="")
    amount_cents: Mapped[int | None] = mapped_column(BigInteger)
    applied_cents: Mapped[int] = mapped_column(BigInteger)
    # PeopleSoft's own time of the row; without one, the file's.
    updated_at: Mapped[datetime | None]
    inbound_file_id: Mapped[int | None] = mapped_column(BigInteger)
    line: Mapped[int | None] = mapped_column(BigInteger)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class PaymentRow(TenantRow, Base):
    """One line of a payment file as one run read it, and what was decided about it."""

    __tablename__ = "payment_row"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        CheckConstraint(f"verdict in {ROW_VERDICTS}", name="verdict"),
        Index("ix_payment_row_verdict", "tenant_id", "run_id", "verdict", "rule"),
    )

    # The run's key names the campus; checking it once more for every row of a million costs seconds.
    tenant_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-20)
    run_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    # Its line in the file, from 1.
    line: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    item_key: Mapped[str] = mapped_column(server_default="")
    event_key: Mapped[str] = mapped_column(server_default="")
    emplid: Mapped[str] = mapped_column(server_default="")
    patron_id: Mapped[str] = mapped_column(server_default="")
    reference: Mapped[str] = mapped_column(server_default="")
    item_type: Mapped[str] = mapped_column(server_default="")
    term: Mapped[str] = mapped_column(server_default="")
    # The item's amount and what is applied of it so far, where the file gives states.
    amount_cents: Mapped[int | None] = mapped_column(BigInteger)
    applied_cents: Mapped[int | None] = mapped_column(BigInteger)
    # What is new in this line.
    cents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    paid_on: Mapped[date | None]
    updated_at: Mapped[datetime | None]
    verdict: Mapped[str]
    rule: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    # The line as it came.
    raw: Mapped[str] = mapped_column(server_default="")


class Payment(NumberedTenantRow, Base):
    """One piece of money news from the bursar, a cashier or a gateway. Rows are added and never changed."""

    __tablename__ = "payment"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        UniqueConstraint("tenant_id", "ref"),
        # The same news counts once, whatever file repeats it.
        UniqueConstraint("tenant_id", "event_key"),
        CheckConstraint(f"source in {PAYMENT_SOURCES}", name="source"),
        CheckConstraint(f"kind in {PAYMENT_KINDS}", name="kind"),
        CheckConstraint("amount_cents <> 0", name="amount"),
        Index("ix_payment_patron", "tenant_id", "emplid", "id"),
        Index("ix_payment_file", "tenant_id", "inbound_file_id", "id"),
        Index("ix_payment_at", "tenant_id", "at"),
    )

    # What the other side sees: the beginning of Alma's external transaction id.
    ref: Mapped[str]
    source: Mapped[str]
    kind: Mapped[str]
    event_key: Mapped[str]
    item_key: Mapped[str] = mapped_column(server_default="")
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    emplid: Mapped[str] = mapped_column(server_default="")
    patron_id: Mapped[str] = mapped_column(server_default="")
    reference: Mapped[str] = mapped_column(server_default="")
    item_type: Mapped[str] = mapped_column(server_default="")
    term: Mapped[str] = mapped_column(server_default="")
    paid_on: Mapped[date | None]
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    inbound_file_id: Mapped[int | None] = mapped_column(BigInteger)
    line: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    evidence: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class PaymentLine(TenantRow, Base):
    """Where money of a payment goes: to one fee in Alma, or to a person's desk. All lines but replaced ones add up to it."""

    __tablename__ = "payment_line"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "payment_id"], ["payment.tenant_id", "payment.id"]),
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        UniqueConstraint("tenant_id", "external_id"),
        CheckConstraint(f"op in {LINE_OPS}", name="op"),
        CheckConstraint(f"state in {LINE_STATES}", name="state"),
        CheckConstraint("amount_cents <> 0", name="amount"),
        # One line at a time is on its way to a fee: the lock that outlives any process.
        Index(
            "uq_payment_line_on_its_way",
            "tenant_id",
            "fee_id",
            unique=True,
            postgresql_where=text("state in ('sending', 'unknown')"),
        ),
        Index(
            "ix_payment_line_open",
            "tenant_id",
            "state",
            "payment_id",
            postgresql_where=text("state not in ('posted', 'replaced', 'netted', 'refunded', 'ignored')"),
        ),
        Index("ix_payment_line_fee_ref", "tenant_id", "fee_ref"),
        Index("ix_payment_line_fee", "tenant_id", "fee_id"),
        Index("ix_payment_line_run", "tenant_id", "run_id"),
        Index("ix_payment_line_posted", "tenant_id", "posted_at"),
    )

    payment_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    op: Mapped[str] = mapped_column(server_default="pay")
    state: Mapped[str]
    # The ledger's name of the fee, and Alma's.
    fee_ref: Mapped[str] = mapped_column(server_default="")
    fee_id: Mapped[str] = mapped_column(server_default="")
    patron_id: Mapped[str] = mapped_column(server_default="")
    rule: Mapped[str] = mapped_column(server_default="")
    # Why this fee and this amount, or why no fee: a sentence for a librarian.
    reason: Mapped[str] = mapped_column(server_default="")
    external_id: Mapped[str]
    tracking_id: Mapped[str] = mapped_column(server_default="")
    message: Mapped[str] = mapped_column(server_default="")
    attempts: Mapped[int] = mapped_column(server_default="0")
    # The posting run that took it.
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    sent_at: Mapped[datetime | None]
    posted_at: Mapped[datetime | None]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decision: Mapped[str] = mapped_column(server_default="")
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None]


class SeenTransaction(TenantRow, Base):
    """A payment or waiver as Alma's own report of fee transactions lists it."""

    __tablename__ = "alma_transaction"
    __table_args__ = (
        Index("ix_alma_transaction_external", "tenant_id", "external_id"),
        Index("ix_alma_transaction_at", "tenant_id", "transaction_at"),
    )

    fee_id: Mapped[str] = mapped_column(primary_key=True)
    # Alma's transaction id, or one made of what it says when it gives none.
    transaction_key: Mapped[str] = mapped_column(primary_key=True)
    patron_id: Mapped[str] = mapped_column(server_default="")
    bursar_ref: Mapped[str] = mapped_column(server_default="")
    type_code: Mapped[str]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    transaction_at: Mapped[datetime | None]
    external_id: Mapped[str] = mapped_column(server_default="")
    method: Mapped[str] = mapped_column(server_default="")
    received_by: Mapped[str] = mapped_column(server_default="")
    created_by: Mapped[str] = mapped_column(server_default="")
    library: Mapped[str] = mapped_column(server_default="")
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Difference(NumberedTenantRow, Base):
    """Something two books do not agree on: typed, aged by its first sight, owned, until it is gone or closed."""

    __tablename__ = "difference"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        CheckConstraint(f"books in {BOOKS}", name="books"),
        CheckConstraint(f"kind in {DIFFERENCE_KINDS}", name="kind"),
        Index(
            "uq_difference_open", "tenant_id", "key", unique=True, postgresql_where=text("closed_at is null")
        ),
        Index("ix_difference_age", "tenant_id", "first_seen_at", "id"),
        Index("ix_difference_fee", "tenant_id", "fee_ref"),
    )

    key: Mapped[str]
    books: Mapped[str]
    kind: Mapped[str]
    fee_ref: Mapped[str] = mapped_column(server_default="")
    payment_id: Mapped[int | None] = mapped_column(BigInteger)
    emplid: Mapped[str] = mapped_column(server_default="")
    ours_cents: Mapped[int | None] = mapped_column(BigInteger)
    theirs_cents: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str]
    next_action: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    note: Mapped[str] = mapped_column(server_default="")
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    closed_at: Mapped[datetime | None]
    closed_how: Mapped[str] = mapped_column(server_default="")
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class ReconciliationDay(TenantRow, Base):
    """How many differences of a kind were open after a day's reconciliation, for the chart."""

    __tablename__ = "reconciliation_day"

    on_date: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    open_count: Mapped[int] = mapped_column(BigInteger)
    open_cents: Mapped[int] = mapped_column(BigInteger)
    run_id: Mapped[int | None] = mapped_column(BigInteger)


class MoneyCheck(TenantRow, Base):
    """The money identity of a campus at one moment: received = all the others together."""

    __tablename__ = "money_check"

    at: Mapped[datetime] = mapped_column(primary_key=True, server_default=func.clock_timestamp())
    received_cents: Mapped[int] = mapped_column(BigInteger)
    posted_cents: Mapped[int] = mapped_column(BigInteger)
    # Planned or on its way to Alma.
    waiting_cents: Mapped[int] = mapped_column(BigInteger)
    unapplied_cents: Mapped[int] = mapped_column(BigInteger)
    refunded_cents: Mapped[int] = mapped_column(BigInteger)
    set_aside_cents: Mapped[int] = mapped_column(BigInteger)
    unknown_cents: Mapped[int] = mapped_column(BigInteger)
    is_equal: Mapped[bool]
    # Since when the oldest money is neither posted nor set aside.
    oldest_open_at: Mapped[datetime | None]


class JournalLine(NumberedTenantRow, Base):
    """One event of a payment's line in the journal that carries it. Rows are added; a file that never left is redone."""

    __tablename__ = "journal_line"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "payment_id", "line_n"],
            ["payment_line.tenant_id", "payment_line.payment_id", "payment_line.n"],
        ),
        ForeignKeyConstraint(["tenant_id", "run_id"], ["run.tenant_id", "run.id"]),
        # Each payment is in exactly one journal.
        UniqueConstraint("tenant_id", "payment_id", "line_n", "event"),
        CheckConstraint(f"event in {JOURNAL_EVENTS}", name="event"),
        Index("ix_journal_line_run", "tenant_id", "run_id"),
    )

    payment_id: Mapped[int] = mapped_column(BigInteger)
    line_n: Mapped[int]
    event: Mapped[str]
    run_id: Mapped[int] = mapped_column(BigInteger)
    on_date: Mapped[date]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    # business_unit, account, fund, dept, program, class, project of the revenue side.
    chartfields: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
