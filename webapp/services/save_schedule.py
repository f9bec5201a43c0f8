"""Set when a campus's pipeline runs by itself."""

from __future__ import annotations

from webapp.domain.schedule import ScheduleRule, occurrences_after, rule_to_json
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.store import schedules
from webapp.store.schedules import CursorMove

CATCH_UP_LIMIT_H = 24


def save_schedule(
    tenant_id: int,
    pipeline: str,
    rule: ScheduleRule,
    actor: Actor,
    *,
    is_enabled: bool = True,
    catch_up_limit_h: int = CATCH_UP_LIMIT_H,
) -> None:
    """Store the rule, counting from now on, and say so in the audit log.

    After downtime longer than ``catch_up_limit_h`` hours a person is asked before the run that catches up.
    """
    with tenant_scope(tenant_id) as session:
        before = _as_json(session, pipeline)
        stored = schedules.write_schedule(
            session,
            pipeline,
            rule_to_json(rule),
            is_enabled=is_enabled,
            catch_up_limit_h=catch_up_limit_h,
        )
        following = next(occurrences_after(rule, stored.now), None) if is_enabled else None
        if following is not None:
            move = CursorMove(
                tenant_id, stored.schedule_id, stored.now, following.due_at, following.local_key
            )
            schedules.move_cursors(session, [move])
        after = _as_json(session, pipeline)
        subject = f"schedule/{pipeline}"
        audit.record(
            session, actor=actor, action="schedule.saved", subject=subject, before=before, after=after
        )
        session.commit()


def _as_json(session: ScopedSession, pipeline: str) -> dict[str, object] | None:
    session.expire_all()
    row = schedules.schedule_of(session, pipeline)
    if row is None:
        return None
    return {"rule": row.rule, "is_enabled": row.is_enabled, "catch_up_limit_h": row.catch_up_limit_h}
