"""The intent log: what was, or may have been, done to the outside world."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from webapp.models import Effect, File, Run

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from webapp.models.scope import ScopedSession

# A mail about a run. Every other kind takes files to PeopleSoft; their ids are the detail's ``file_ids``.
NOTICE = "notice"
# SQL: the effect ``x`` hands files over, rather than telling people or putting an original aside.
HANDS_OVER = "x.detail -> 'file_ids' IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A delivery of which nobody knows whether it arrived, and its files."""

    effect: Effect
    files: tuple[File, ...]

    @property
    def names(self) -> str:
        """The files' names."""
        return ", ".join(file.name for file in self.files)


def intend(session: ScopedSession, run_id: int, *, key: str, kind: str, detail: Mapping[str, Any]) -> Effect:
    """Write the intent down and return its row, locked until the transaction ends.

    ``detail`` says where to and what; it stays as it is from the moment the effect may have happened.
    """
    statement = insert(Effect).values(
        tenant_id=session.tenant_id, run_id=run_id, key=key, kind=kind, detail=dict(detail)
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "key"],
            set_={"kind": statement.excluded.kind, "detail": statement.excluded.detail},
            where=Effect.state.in_(("intended", "failed")),
        )
    )
    return session.scalars(select(Effect).where(Effect.key == key).with_for_update()).one()


def mark_sent(session: ScopedSession, effect_id: int) -> None:
    """From here on the effect may have happened."""
    session.execute(
        text("""
            UPDATE effect SET state = 'sent', attempts = attempts + 1, sent_at = clock_timestamp(), settled_at = NULL
            WHERE tenant_id = :tenant_id AND id = :id
        """),
        {"tenant_id": session.tenant_id, "id": effect_id},
    )


def settle(
    session: ScopedSession, effect_id: int, state: str, evidence: Mapping[str, Any] | None = None
) -> None:
    """Write down what became of it: ``confirmed``, ``failed``, ``unknown``, or ``intended`` (it did not happen)."""
    session.execute(
        text("""
            UPDATE effect SET state = :state, evidence = evidence || CAST(:evidence AS jsonb),
                              settled_at = CASE WHEN :state = 'intended' THEN NULL ELSE clock_timestamp() END
            WHERE tenant_id = :tenant_id AND id = :id
        """),
        {
            "tenant_id": session.tenant_id,
            "id": effect_id,
            "state": state,
            "evidence": json.dumps(dict(evidence or {})),
        },
    )


def doubt_sent(session: ScopedSession, run_id: int) -> None:
    """A run that ends leaves nothing half told: what was sent and never settled is unknown, and shown as such."""
    session.execute(
        text("""
            UPDATE effect SET state = 'unknown', settled_at = clock_timestamp()
            WHERE tenant_id = :tenant_id AND run_id = :run_id AND state = 'sent'
        """),
        {"tenant_id": session.tenant_id, "run_id": run_id},
    )


def doubts(
    session: ScopedSession, run_id: int | None = None, *, pipelines: Collection[str] | None = None
) -> list[Doubt]:
    """Deliveries of files that are still unknown, oldest first: of one run, of some pipelines, or of the whole campus."""
    query = select(Effect).where(Effect.state == "unknown", Effect.kind != NOTICE).order_by(Effect.id)
    if run_id is not None:
        query = query.where(Effect.run_id == run_id)
    if pipelines is not None:
        query = query.where(Effect.run_id.in_(select(Run.id).where(Run.pipeline.in_(pipelines))))
    found = session.scalars(query)
    open_doubts = [Doubt(effect, _files_of(session, effect)) for effect in found]
    return [doubt for doubt in open_doubts if doubt.files]


def lock_doubt(session: ScopedSession, run_id: int, file_id: int) -> Doubt | None:
    """The run's unknown delivery of this file, its row locked until the transaction ends."""
    query = select(Effect).where(
        Effect.run_id == run_id,
        Effect.state == "unknown",
        Effect.kind != NOTICE,
        Effect.detail["file_ids"].contains([file_id]),
    )
    effect = session.scalars(query.order_by(Effect.id).limit(1).with_for_update()).first()
    return Doubt(effect, _files_of(session, effect)) if effect else None


def _files_of(session: ScopedSession, effect: Effect) -> tuple[File, ...]:
    query = select(File).where(File.id.in_(effect.detail.get("file_ids", []))).order_by(File.id)
    return tuple(session.scalars(query))


def effect_of_key(session: ScopedSession, key: str) -> Effect | None:
    """The effect of this key."""
    return session.scalars(select(Effect).where(Effect.key == key)).first()


def effect_of_file(session: ScopedSession, run_id: int, file_id: int) -> Effect | None:
    """The effect by which a run handed this file over, if it came to that."""
    query = select(Effect).where(Effect.run_id == run_id, Effect.detail["file_ids"].contains([file_id]))
    return session.scalars(query.limit(1)).first()


def attempts_of(session: ScopedSession, key: str) -> int:
    """How often the effect of this key may have been done."""
    return session.scalar(select(Effect.attempts).where(Effect.key == key)) or 0
