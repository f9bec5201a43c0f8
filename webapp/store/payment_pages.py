"""What the pages about payments read: files that came, the list of payments by key, and one payment with its lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_, union
from sqlalchemy.orm import aliased

from webapp.models import InboundFile, Payment, PaymentLine, Person, Run
from webapp.store.emplids import spellings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from webapp.models.scope import ScopedSession

EXPORT_BATCH = 2_000
COUNTED_UP_TO = 10_000
FILES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """Which payments a list shows; empty means any.

    ``words``: whole ids of a patron, a payment, a line's name in Alma, or a fee. The two times bound the booking.
    """

    words: str = ""
    state: str = ""
    kind: str = ""
    inbound_file_id: int | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """The lines of a payment that are in one state, and their cents."""

    state: str
    lines: int
    cents: int


@dataclass(frozen=True, slots=True)
class ListedPayment:
    """A payment, the file it came in (empty: none), and where its money is."""

    payment: Payment
    file_name: str
    shares: Sequence[Share]


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """One page, newest first. ``after`` is the id to go on from, None at the end; ``count`` stops at ``COUNTED_UP_TO``."""

    rows: Sequence[ListedPayment]
    after: int | None
    count: int


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """A file of payments that came, the state of the run that took it, and the new money in it (None: not known yet)."""

    file: InboundFile
    run_state: str
    new_cents: int | None


@dataclass(frozen=True, slots=True)
class LineStory:
    """One line of a payment, who looks after it, and who decided about it."""

    line: PaymentLine
    owner: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class PaymentStory:
    """One payment with the file it came in and its lines, in their order."""

    payment: Payment
    file: InboundFile | None
    lines: Sequence[LineStory]


def payment_page(
    session: ScopedSession, wanted: PaymentFilter, *, after: int | None, limit: int
) -> PaymentPage:
    """One page of the list."""
    query = _ordered(wanted)
    if after is not None:
        query = query.where(_behind(session, wanted, after))
    rows = session.execute(query.limit(limit + 1)).all()
    shares = _shares(session, [row[0].id for row in rows[:limit]])
    listed = [ListedPayment(row[0], row[1], shares.get(row[0].id, ())) for row in rows[:limit]]
    counted = select(Payment.id).where(*_conditions(wanted)).limit(COUNTED_UP_TO)
    count = session.scalar(select(func.count()).select_from(counted.subquery())) or 0
    return PaymentPage(listed, listed[-1].payment.id if len(rows) > limit else None, count)


def every_line(
    session: ScopedSession, wanted: PaymentFilter
) -> Iterator[tuple[Payment, str, PaymentLine | None]]:
    """All payments of the list with their lines, fetched in batches, for an export; one without lines comes once."""
    query = (
        _ordered(wanted)
        .add_columns(PaymentLine)
        .outerjoin(
            PaymentLine,
            and_(PaymentLine.tenant_id == Payment.tenant_id, PaymentLine.payment_id == Payment.id),
        )
        .order_by(PaymentLine.n)
    )
    for row in session.execute(query, execution_options={"yield_per": EXPORT_BATCH}):
        yield row[0], row[1], row[2]


def payment_named(session: ScopedSession, name: str) -> int | None:
    """The payment with this reference, or with a line that Alma knows by this name."""
    found = union(
        select(Payment.id).where(Payment.ref == name),
        select(PaymentLine.payment_id).where(PaymentLine.external_id == name),
    )
    return session.scalar(select(found.subquery().c[0]).limit(1))


def payment_story(session: ScopedSession, payment_id: int) -> PaymentStory | None:
    """One payment of the scope's campus."""
    found = session.execute(
        select(Payment, InboundFile)
        .outerjoin(
            InboundFile,
            and_(InboundFile.tenant_id == Payment.tenant_id, InboundFile.id == Payment.inbound_file_id),
        )
        .where(Payment.id == payment_id)
    ).first()
    if found is None:
        return None
    owner, decider = aliased(Person), aliased(Person)
    lines = session.execute(
        select(PaymentLine, func.coalesce(owner.full_name, ""), func.coalesce(decider.full_name, ""))
        .outerjoin(owner, owner.id == PaymentLine.owner_id)
        .outerjoin(decider, decider.id == PaymentLine.decided_by)
        .where(PaymentLine.payment_id == payment_id)
        .order_by(PaymentLine.n)
    )
    return PaymentStory(found[0], found[1], [LineStory(*row) for row in lines])


def newest_files(session: ScopedSession) -> list[PaymentFile]:
    """The payment files that came last, newest first."""
    rows = session.execute(
        select(InboundFile, func.coalesce(Run.state, ""), Run.counts)
        .outerjoin(Run, and_(Run.tenant_id == InboundFile.tenant_id, Run.id == InboundFile.run_id))
        .where(InboundFile.kind == "payments")
        .order_by(InboundFile.received_at.desc(), InboundFile.id.desc())
        .limit(FILES_SHOWN)
    )
    return [PaymentFile(row[0], row[1], (row[2] or {}).get("new_cents")) for row in rows]


def file_named(session: ScopedSession, inbound_file_id: int) -> str | None:
    """The name of a payment file of the campus."""
    query = select(InboundFile.name).where(InboundFile.id == inbound_file_id, InboundFile.kind == "payments")
    return session.scalar(query)


def _shares(session: ScopedSession, payment_ids: Sequence[int]) -> dict[int, list[Share]]:
    rows = session.execute(
        select(PaymentLine.payment_id, PaymentLine.state, func.count(), func.sum(PaymentLine.amount_cents))
        .where(PaymentLine.payment_id.in_(payment_ids), PaymentLine.state != "replaced")
        .group_by(PaymentLine.payment_id, PaymentLine.state)
        .order_by(PaymentLine.payment_id, func.min(PaymentLine.n))
    )
    found: dict[int, list[Share]] = {}
    for payment_id, state, lines, cents in rows:
        found.setdefault(payment_id, []).append(Share(state, lines, int(cents)))
    return found


def _is_by_time(wanted: PaymentFilter) -> bool:
    """Whether the index of times answers: a day of a million payments is read from its end, not searched for."""
    return wanted.from_at is not None and wanted.inbound_file_id is None


def _ordered(wanted: PaymentFilter) -> Select[Payment, str]:
    query = (
        select(Payment, func.coalesce(InboundFile.name, ""))
        .outerjoin(
            InboundFile,
            and_(InboundFile.tenant_id == Payment.tenant_id, InboundFile.id == Payment.inbound_file_id),
        )
        .where(*_conditions(wanted))
    )
    if _is_by_time(wanted):
        return query.order_by(Payment.at.desc(), Payment.id.desc())
    return query.order_by(Payment.id.desc())


def _behind(session: ScopedSession, wanted: PaymentFilter, after: int) -> ColumnElement[bool]:
    if not _is_by_time(wanted):
        return Payment.id < after
    at = session.scalar(select(Payment.at).where(Payment.id == after))
    return Payment.id < after if at is None else tuple_(Payment.at, Payment.id) < (at, after)


def _conditions(wanted: PaymentFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.kind:
        found.append(Payment.kind == wanted.kind)
    if wanted.inbound_file_id is not None:
        found.append(Payment.inbound_file_id == wanted.inbound_file_id)
    if wanted.from_at is not None:
        found.append(Payment.at >= wanted.from_at)
    if wanted.until_at is not None:
        found.append(Payment.at < wanted.until_at)
    if wanted.state:
        line = select(PaymentLine.n).where(
            PaymentLine.tenant_id == Payment.tenant_id,
            PaymentLine.payment_id == Payment.id,
            PaymentLine.state == wanted.state,
        )
        found.append(line.exists())
    found.extend(Payment.id.in_(_with_word(word)) for word in wanted.words.split())
    return found


def _with_word(word: str) -> Select[int]:
    """Payments that an exact id names; each part is answered by an index of its own."""
    found = union(
        select(Payment.id).where(Payment.emplid.in_(spellings(word))),
        select(Payment.id).where(Payment.ref == word),
        select(PaymentLine.payment_id).where(PaymentLine.external_id == word),
        select(PaymentLine.payment_id).where(or_(PaymentLine.fee_ref == word, PaymentLine.fee_id == word)),
    )
    return select(found.subquery().c[0])
