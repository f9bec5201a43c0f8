"""What the page of a run about money reads: the payments it booked, posted or put into a journal, and where they are now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, select

from webapp.models import JournalLine, Payment, PaymentLine, Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from webapp.models.scope import ScopedSession

PARTS_SHOWN = 20
PIPELINES = frozenset({"payment_import", "payment_posting", "reconciliation", "gl_journal"})
# Those that need somebody come first.
_URGENCY = {"unknown": 0, "unapplied": 1, "refund_due": 2, "sending": 3, "waiting": 4}


@dataclass(frozen=True, slots=True)
class RunPart:
    """A part of a payment that a run met, and its payment."""

    line: PaymentLine
    payment: Payment


@dataclass(frozen=True, slots=True)
class JournalSum:
    """Payments of one day under one chartfield string, as they stand in a journal; ``chartfields`` is written out."""

    on_date: date
    chartfields: str
    payments: int
    cents: int


@dataclass(frozen=True, slots=True)
class RunMoney:
    """What a run about money did. ``posting_run_id``: the run that posts what an import booked, once there is one.

    ``parts``: the first of those that a posting run took up or that a journal holds.
    """

    posting_run_id: int | None = None
    import_run_id: int | None = None
    parts: Sequence[RunPart] = ()
    sums: Sequence[JournalSum] = ()


def money_of(session: ScopedSession, run: Run) -> RunMoney | None:
    """What there is to say of a run of the scope's campus; None of a run that is not about money."""
    if run.pipeline not in PIPELINES:
        return None
    if run.pipeline == "payment_import":
        return RunMoney(posting_run_id=_posting_run(session, run.id))
    if run.pipeline == "payment_posting":
        asked_by = run.options.get("import_run_id")
        return RunMoney(
            import_run_id=asked_by if isinstance(asked_by, int) else None, parts=_posted(session, run.id)
        )
    if run.pipeline == "gl_journal":
        return RunMoney(parts=_journalled(session, run.id), sums=_sums(session, run.id))
    return RunMoney()


def _posting_run(session: ScopedSession, import_run_id: int) -> int | None:
    query = select(func.max(Run.id)).where(
        Run.pipeline == "payment_posting", Run.options["import_run_id"].as_integer() == import_run_id
    )
    return session.scalar(query)


def _posted(session: ScopedSession, run_id: int) -> list[RunPart]:
    rows = session.execute(
        select(PaymentLine, Payment)
        .join(Payment, and_(Payment.tenant_id == PaymentLine.tenant_id, Payment.id == PaymentLine.payment_id))
        .where(PaymentLine.run_id == run_id)
        .order_by(case(_URGENCY, value=PaymentLine.state, else_=9), PaymentLine.payment_id, PaymentLine.n)
        .limit(PARTS_SHOWN)
    )
    return [RunPart(*row) for row in rows]


def _journalled(session: ScopedSession, run_id: int) -> list[RunPart]:
    held = select(JournalLine.payment_id, JournalLine.line_n).where(JournalLine.run_id == run_id)
    first = held.order_by(JournalLine.id).limit(PARTS_SHOWN).subquery("first")
    rows = session.execute(
        select(PaymentLine, Payment)
        .join(Payment, and_(Payment.tenant_id == PaymentLine.tenant_id, Payment.id == PaymentLine.payment_id))
        .join(first, and_(first.c.payment_id == PaymentLine.payment_id, first.c.line_n == PaymentLine.n))
        .order_by(PaymentLine.payment_id, PaymentLine.n)
    )
    return [RunPart(*row) for row in rows]


def _sums(session: ScopedSession, run_id: int) -> list[JournalSum]:
    rows = session.execute(
        select(JournalLine.on_date, JournalLine.chartfields, func.count(), func.sum(JournalLine.amount_cents))
        .where(JournalLine.run_id == run_id)
        .group_by(JournalLine.on_date, JournalLine.chartfields)
        .order_by(JournalLine.on_date, func.sum(JournalLine.amount_cents).desc())
    )
    return [JournalSum(on_date, _string(fields), count, int(cents)) for on_date, fields, count, cents in rows]


def _string(fields: Mapping[str, str]) -> str:
    """The chartfield string as people write it: account / fund / dept / ..., without what is empty at its end."""
    names = ("account", "fund", "dept", "program", "class_field", "project")
    return " / ".join(fields.get(name) or "–" for name in names).rstrip("– /")
