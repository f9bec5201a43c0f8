"""Who changed what, chained by hash so that a change to the past shows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from webapp.models import AuditEvent
from webapp.models.scope import ScopedSession
from webapp.store import audit as audit_store
from webapp.store.clock import database_now

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, or (``person_id`` None) a part of Feebridge by name."""

    person_id: int | None
    name: str


SYSTEM = Actor(None, "Feebridge")


def record(
    session: ScopedSession,
    *,
    actor: Actor,
    action: str,
    subject: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEvent:
    """Add one event to the scope's chain, in the caller's transaction. Never hand in a secret's text."""
    audit_store.lock_chain(session)
    last = audit_store.newest(session)
    event = AuditEvent(
        n=(last.n if last else 0) + 1,
        at=database_now(session),
        actor_id=actor.person_id,
        actor=actor.name,
        action=action,
        subject=subject,
        before=before,
        after=after,
        previous_hash=last.hash if last else GENESIS,
    )
    event.hash = _hash(session.tenant_id, event)
    session.add(event)
    session.flush()
    return event


def verify_chain(session: ScopedSession) -> list[str]:
    """What is wrong with the scope's chain, a sentence each; an empty list when it is whole."""
    faults: list[str] = []
    expected_n, previous = 1, GENESIS
    for event in audit_store.in_order(session):
        if event.n != expected_n:
            faults.append(f"Event {expected_n} is missing; the next one found is {event.n}.")
        if event.previous_hash != previous:
            faults.append(f"Event {event.n} does not follow the event before it.")
        if _hash(session.tenant_id, event) != event.hash:
            faults.append(f"Event {event.n} was changed after it was written.")
        expected_n, previous = event.n + 1, event.hash
    return faults


def _hash(tenant_id: int | None, event: AuditEvent) -> str:
    content = [
        tenant_id,
        event.n,
        event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.actor_id,
        event.actor,
        event.action,
        event.subject,
        event.before,
        event.after,
        event.previous_hash,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
