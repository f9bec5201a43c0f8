"""Close a difference by a person's word."""

from __future__ import annotations

from webapp.domain.reconcile import CLEARED
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.store import differences
from webapp.store.clock import database_now

LONGEST_REASON = 500


class DifferenceRefusedError(ValueError):
    """It cannot be done; the message says why and what to do. Nothing was changed."""


def close_difference(tenant_id: int, difference_id: int, actor: Actor, reason: str) -> None:
    """Close it for this reason. It stays closed as long as the books say the same, and opens anew when they change.

    Raises: DifferenceRefusedError.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise DifferenceRefusedError("Say why it is closed; whoever looks at it later needs to know.")
    if len(reason) > LONGEST_REASON:
        raise DifferenceRefusedError(
            f"The reason has {len(reason):,} characters; at most {LONGEST_REASON} are kept."
        )
    if reason.casefold() == CLEARED:
        raise DifferenceRefusedError(
            f"“{CLEARED}” is what Feebridge writes itself. Say it in your own words."
        )
    with tenant_scope(tenant_id) as session:
        row = differences.the_difference(session, difference_id, lock=True)
        if row is None:
            raise DifferenceRefusedError(f"There is no difference {difference_id}.")
        if row.closed_at is not None:
            raise DifferenceRefusedError(f"Difference {difference_id} is closed already: {row.closed_how}.")
        row.closed_at = database_now(session)
        row.closed_how, row.closed_by = reason, actor.person_id
        audit.record(
            session,
            actor=actor,
            action="difference.closed",
            subject=f"difference/{difference_id}",
            before={
                "kind": row.kind,
                "key": row.key,
                "ours_cents": row.ours_cents,
                "theirs_cents": row.theirs_cents,
            },
            after={"reason": reason},
        )
        session.commit()
