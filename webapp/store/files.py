"""Generated files and their deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, exists, func, or_, select, text, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from webapp.models import Delivery, Effect, File, LayoutVersion, Run

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def files_of(session: Session, tenant_id: int, run_id: int) -> list[File]:
    """A run's generated files, by kind and hold code; without the frozen collection."""
    query = select(File).where(File.tenant_id == tenant_id, File.run_id == run_id, File.kind != "collected")
    return list(session.scalars(query.order_by(File.kind, File.hold_code)))


def newest_files(session: Session, tenant_id: int, limit: int) -> list[File]:
    """The campus's newest files that go out (not what was collected), newest first."""
    query = select(File).where(File.tenant_id == tenant_id, File.kind != "collected")
    return list(session.scalars(query.order_by(File.id.desc()).limit(limit)))


def file_by_id(session: Session, tenant_id: int, file_id: int) -> File | None:
    """One file of the campus, or None."""
    return session.scalars(select(File).where(File.tenant_id == tenant_id, File.id == file_id)).first()


def record_file(session: Session, tenant_id: int, values: dict[str, Any]) -> File:
    """Add the file of a run, kind, hold code and part, or find that it is there with the same bytes.

    Raises: ValueError when a file with other bytes was recorded before.
    """
    session.execute(
        insert(File)
        .values(tenant_id=tenant_id, **values)
        .on_conflict_do_nothing(index_elements=["tenant_id", "run_id", "kind", "hold_code", "part"])
    )
    file = session.scalars(
        select(File).where(
            File.tenant_id == tenant_id,
            File.run_id == values["run_id"],
            File.kind == values["kind"],
            File.hold_code == values.get("hold_code", ""),
            File.part == values.get("part", 1),
        )
    ).one()
    if file.sha256 != values["sha256"]:
        raise ValueError(f"The {file.kind} file of run {file.run_id} was built twice with different bytes.")
    return file


def forget_files(session: Session, tenant_id: int, run_id: int, kinds: tuple[str, ...]) -> None:
    """Take back what an unfinished step recorded of a run; nothing of it was delivered."""
    session.query(File).where(
        File.tenant_id == tenant_id, File.run_id == run_id, File.kind.in_(kinds), File.confirmed_at.is_(None)
    ).delete()


def newest_layout(session: Session, tenant_id: int, name: str) -> LayoutVersion | None:
    """The newest version of the campus's own layout of this name, or None."""
    return session.scalars(
        select(LayoutVersion)
        .where(LayoutVersion.tenant_id == tenant_id, LayoutVersion.name == name)
        .order_by(LayoutVersion.version.desc())
        .limit(1)
    ).first()


def next_sequence(
    session: Session, tenant_id: int, *, run_id: int, kind: str, day: tuple[datetime, datetime]
) -> int:
    """One more than the campus's earlier runs that built a file of this kind within the day [from, to)."""
    earlier = session.scalar(
        select(func.count(func.distinct(File.run_id)))
        .join(Run, (Run.tenant_id == File.tenant_id) & (Run.id == File.run_id))
        .where(
            File.tenant_id == tenant_id,
            File.kind == kind,
            File.run_id < run_id,
            Run.dry_run.is_(False),
            Run.started_at >= day[0],
            Run.started_at < day[1],
        )
    )
    return (earlier or 0) + 1


def name_is_taken(session: Session, tenant_id: int, *, name: str, run_id: int) -> bool:
    """Whether an earlier run's file of this name reached, or may have reached, its receiver."""
    query = text("""
        SELECT EXISTS (
            SELECT FROM file f JOIN run r ON r.tenant_id = f.tenant_id AND r.id = f.run_id
            WHERE f.tenant_id = :tenant_id AND f.name = :name AND f.run_id < :run_id AND NOT r.dry_run
              AND (f.confirmed_at IS NOT NULL OR r.state NOT IN ('failed', 'cancelled') OR EXISTS (
                  SELECT FROM delivery d
                  WHERE d.tenant_id = f.tenant_id AND d.file_id = f.id AND d.state IN ('delivered', 'unknown'))))
    """)
    return bool(session.scalar(query, {"tenant_id": tenant_id, "name": name, "run_id": run_id}))


def is_of_kind(session: Session, tenant_id: int, *, sha256: str, kinds: tuple[str, ...]) -> bool:
    """Whether the campus made a file of one of these kinds with this content."""
    query = select(File.id).where(File.tenant_id == tenant_id, File.sha256 == sha256, File.kind.in_(kinds))
    return session.scalars(query.limit(1)).first() is not None


def confirm_file(session: Session, tenant_id: int, file_id: int) -> None:
    """The file has reached its receiver; the first time counts."""
    session.execute(
        text("""
            UPDATE file SET confirmed_at = now()
            WHERE tenant_id = :tenant_id AND id = :id AND confirmed_at IS NULL
        """),
        {"tenant_id": tenant_id, "id": file_id},
    )


def newer_snapshot(session: Session, file: File, *, only_confirmed: bool = False) -> File | None:
    """A later list of everyone under the file's hold code that reached PeopleSoft, or may have; None without one."""
    newer = aliased(File)
    in_doubt = exists().where(
        Effect.tenant_id == newer.tenant_id,
        Effect.state.in_(("sent", "unknown")),
        Effect.detail["file_ids"].contains(func.to_jsonb(newer.id)),
    )
    told: ColumnElement[bool] = newer.confirmed_at.is_not(None)
    query = select(newer).where(
        newer.tenant_id == file.tenant_id,
        newer.kind == "snapshot",
        newer.id > file.id,
        newer.run_id != file.run_id,
        newer.hold_code.in_((file.hold_code, "")) if file.hold_code else true(),
        told if only_confirmed else or_(told, in_doubt),
    )
    return session.scalars(query.order_by(newer.id.desc()).limit(1)).first()


def delivery_of(
    session: Session, tenant_id: int, *, run_id: int, file_id: int | None, target: str
) -> Delivery:
    """The run's delivery of one file (None: of the whole run) to one target; made pending where there is none."""
    same_file = Delivery.file_id.is_(None) if file_id is None else Delivery.file_id == file_id
    found = session.scalars(
        select(Delivery).where(
            Delivery.tenant_id == tenant_id, Delivery.run_id == run_id, same_file, Delivery.target == target
        )
    ).first()
    if found is None:
        found = Delivery(tenant_id=tenant_id, run_id=run_id, file_id=file_id, target=target, state="pending")
        session.add(found)
        session.flush()
    return found


def stamp_delivered(session: Session, tenant_id: int, delivery_id: int) -> None:
    """Note when, on the database's clock; the first time counts."""
    session.flush()
    session.execute(
        text("""
            UPDATE delivery SET delivered_at = coalesce(delivered_at, clock_timestamp())
            WHERE tenant_id = :tenant_id AND id = :id
        """),
        {"tenant_id": tenant_id, "id": delivery_id},
    )


def overtake_waiting(session: Session, tenant_id: int, run_id: int) -> None:
    """Files of the pipeline's earlier runs that nobody fetched say less than this run's: not to be fetched any more."""
    session.execute(
        text("""
            UPDATE delivery SET state = 'failed', message = 'Nobody fetched it before run ' || :run_id || ' made newer files.'
            WHERE tenant_id = :tenant_id AND run_id < :run_id AND target = 'download' AND state = 'pending'
              AND run_id IN (SELECT earlier.id FROM run this JOIN run earlier USING (tenant_id, pipeline)
                             WHERE this.tenant_id = :tenant_id AND this.id = :run_id)
        """),
        {"tenant_id": tenant_id, "run_id": run_id},
    )


def deliveries_of(session: Session, tenant_id: int, run_id: int) -> list[Delivery]:
    """A run's deliveries, oldest first."""
    query = select(Delivery).where(Delivery.tenant_id == tenant_id, Delivery.run_id == run_id)
    return list(session.scalars(query.order_by(Delivery.id)))
