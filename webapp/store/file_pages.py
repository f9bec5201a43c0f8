"""What the pages about files read: the list, one file, and how it differs from the one delivered before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, select, text, update

from webapp.models import Delivery, File, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from webapp.models.scope import ScopedSession

EXPORT_BATCH = 500
LOOKED_BACK = 2_000
# Which lines of a run's answer are in a file of each kind (A added, U updated, R released).
ACTIONS_OF_KIND: Mapping[str, tuple[str, ...]] = {"added": ("A", "U"), "released": ("R",)}


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files a list shows; empty means any."""

    kind: str = ""
    name: str = ""
    from_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One line of the list: the file, and the state its run is in."""

    file: File
    run_state: str
    is_dry_run: bool


@dataclass(frozen=True, slots=True)
class FilePage:
    """One file, its run, and each hand-over of it, oldest first."""

    file: File
    run: Run
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """One patron's hold in two files; None where a file does not have it."""

    emplid: str
    hold_code: str
    patron_name: str
    before_cents: int | None
    after_cents: int | None

    @property
    def kind(self) -> str:
        """New, gone or changed."""
        if self.before_cents is None:
            return "new"
        return "gone" if self.after_cents is None else "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """How two files differ. The counts are of everything; ``lines`` are the first of them, by EMPLID."""

    new: int
    gone: int
    changed: int
    same: int
    lines: tuple[ChangedLine, ...]

    @property
    def all_lines(self) -> int:
        """How many lines differ."""
        return self.new + self.gone + self.changed


_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "created": File.created_at.expression,
    "name": File.name.expression,
    "rows": File.row_count.expression,
    "total": File.total_cents.expression,
    "size": File.size.expression,
}


def kinds_of_files(session: ScopedSession) -> list[str]:
    """What the newest files are: those of holds, and whatever the layouts of charges call theirs."""
    newest = (
        select(File.kind).where(File.kind != "collected").order_by(File.created_at.desc()).limit(LOOKED_BACK)
    ).subquery()
    return list(session.scalars(select(newest.c.kind).distinct().order_by(newest.c.kind)))


def count_files(session: ScopedSession, wanted: FileFilter) -> int:
    """How many files the list has."""
    return session.scalar(select(func.count()).select_from(File).where(*_conditions(wanted))) or 0


def list_files(
    session: ScopedSession, wanted: FileFilter, *, sort: str, descending: bool, limit: int, offset: int
) -> list[ListedFile]:
    """One page of the list."""
    query = _ordered(wanted, sort, descending=descending).limit(limit).offset(offset)
    return [ListedFile(*row) for row in session.execute(query)]


def every_file(
    session: ScopedSession, wanted: FileFilter, *, sort: str, descending: bool
) -> Iterator[ListedFile]:
    """All files of the list, fetched in batches, for an export."""
    query = _ordered(wanted, sort, descending=descending)
    for row in session.execute(query, execution_options={"yield_per": EXPORT_BATCH}):
        yield ListedFile(*row)


def file_row(session: ScopedSession, file_id: int) -> File | None:
    """One file of the scope's campus."""
    return session.scalar(select(File).where(File.id == file_id))


def file_of_delivery(session: ScopedSession, delivery_id: int) -> int | None:
    """The file that a delivery of the scope's campus handed over; None without one."""
    return session.scalar(select(Delivery.file_id).where(Delivery.id == delivery_id))


def read_file_page(session: ScopedSession, file_id: int) -> FilePage | None:
    """What the file's page shows, or None when the campus has no such file."""
    found = session.execute(
        select(File, Run).join(Run, Run.id == File.run_id).where(File.id == file_id)
    ).first()
    if found is None:
        return None
    deliveries = session.scalars(
        select(Delivery).where(Delivery.file_id == file_id).order_by(Delivery.id)
    ).all()
    return FilePage(found[0], found[1], tuple(deliveries))


def take_waiting_delivery(session: ScopedSession, file_id: int, *, taken_by: str) -> bool:
    """Close the hand-over of a file that waits in the portal, if there is one; whether there was."""
    taken = session.execute(
        update(Delivery)
        .where(Delivery.file_id == file_id, Delivery.target == "download", Delivery.state == "pending")
        .values(state="delivered", address=taken_by, delivered_at=func.clock_timestamp())
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return taken.first() is not None


def delivered_before(session: ScopedSession, file: File) -> File | None:
    """The newest confirmed file of the same kind and hold code that is older than this one."""
    return session.scalar(
        select(File)
        .where(
            File.kind == file.kind,
            File.hold_code == file.hold_code,
            File.run_id < file.run_id,
            File.confirmed_at.is_not(None),
        )
        .order_by(File.run_id.desc())
        .limit(1)
    )


# A run's changes are kept in the database by EMPLID, so two files are compared without reading either.
_PAIRS = """
    WITH after AS (
        SELECT emplid, hold_code, patron_name, amount_cents FROM hold_change
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND action = ANY(:actions)
          AND (:hold_code = '' OR hold_code = :hold_code)
    ), before AS (
        SELECT emplid, hold_code, patron_name, amount_cents FROM hold_change
        WHERE tenant_id = :tenant_id AND run_id = :before_run_id AND action = ANY(:actions)
          AND (:hold_code = '' OR hold_code = :hold_code)
    ), pair AS MATERIALIZED (
        SELECT coalesce(a.emplid, b.emplid) AS emplid, coalesce(a.hold_code, b.hold_code) AS hold_code,
               coalesce(nullif(a.patron_name, ''), b.patron_name, '') AS patron_name,
               b.amount_cents AS before_cents, a.amount_cents AS after_cents
        FROM after a FULL JOIN before b ON b.emplid = a.emplid AND b.hold_code = a.hold_code
    )
"""
# A full list differs from the one before it by exactly what its own run changed.
_OWN_CHANGES = """
    WITH pair AS MATERIALIZED (
        SELECT emplid, hold_code, patron_name,
               CASE WHEN action = 'A' THEN NULL ELSE previous_cents END AS before_cents,
               CASE WHEN action = 'R' THEN NULL ELSE amount_cents END AS after_cents
        FROM hold_change
        WHERE tenant_id = :tenant_id AND run_id = :run_id AND (:hold_code = '' OR hold_code = :hold_code)
    )
"""
_TOLD = """
    , totals AS (
        SELECT count(*) FILTER (WHERE before_cents IS NULL), count(*) FILTER (WHERE after_cents IS NULL),
               count(*) FILTER (WHERE before_cents <> after_cents), count(*) FILTER (WHERE before_cents = after_cents)
        FROM pair
    ), line AS (
        SELECT emplid, hold_code, patron_name, before_cents, after_cents FROM pair
        WHERE before_cents IS DISTINCT FROM after_cents
        ORDER BY emplid COLLATE "C", hold_code COLLATE "C" LIMIT :limit
    )
    SELECT totals.*, line.* FROM totals LEFT JOIN line ON true ORDER BY emplid COLLATE "C", hold_code COLLATE "C"
"""


def difference(session: ScopedSession, file: File, before: File | None, *, limit: int) -> Difference:
    """How a file differs from the one delivered before it, line by line on (EMPLID, hold code).

    ``before`` None compares with nothing: every line is new.
    """
    pairs = _OWN_CHANGES if file.kind == "snapshot" else _PAIRS
    bound = {
        "tenant_id": session.tenant_id,
        "run_id": file.run_id,
        "before_run_id": before.run_id if before else None,
        "actions": list(ACTIONS_OF_KIND.get(file.kind, ("A", "U", "R"))),
        "hold_code": file.hold_code,
        "limit": limit,
    }
    rows = session.execute(text(pairs + _TOLD), bound).all()
    lines = tuple(ChangedLine(*row[4:]) for row in rows if row[4] is not None)
    new, gone, changed, same = rows[0][:4]
    return Difference(new, gone, changed, same, lines)


def _ordered(wanted: FileFilter, sort: str, *, descending: bool) -> Select[File, str, bool]:
    order = _ORDERS[sort]
    query = select(File, Run.state, Run.dry_run).join(Run, Run.id == File.run_id).where(*_conditions(wanted))
    if descending:
        return query.order_by(order.desc(), File.id.desc())
    return query.order_by(order.asc(), File.id.asc())


def _conditions(wanted: FileFilter) -> list[ColumnElement[bool]]:
    # The collected rows are the run's own frozen input, nothing that leaves.
    found: list[ColumnElement[bool]] = [File.kind != "collected"]
    if wanted.kind:
        found.append(File.kind == wanted.kind)
    if wanted.from_at is not None:
        found.append(File.created_at >= wanted.from_at)
    found.extend(File.name.icontains(word, autoescape=True) for word in wanted.name.split())
    return found
