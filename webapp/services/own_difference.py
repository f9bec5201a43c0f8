"""Give a difference to somebody, with a note."""

from __future__ import annotations

from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.services.close_difference import DifferenceRefusedError
from webapp.store import differences

LONGEST_NOTE = 1_000


def own_difference(
    tenant_id: int, difference_id: int, owner_id: int | None, actor: Actor, *, note: str | None = None
) -> None:
    """Make the person its owner (None: nobody) and keep the note; both stay as long as the difference is open.

    ``owner_id`` is somebody with a role in the campus; without ``note`` the old one stays.

    Raises: DifferenceRefusedError.
    """
    if note is not None and len(note) > LONGEST_NOTE:
        raise DifferenceRefusedError(
            f"The note has {len(note):,} characters; at most {LONGEST_NOTE:,} are kept."
        )
    with tenant_scope(tenant_id) as session:
        row = differences.the_difference(session, difference_id, lock=True)
        if row is None:
            raise DifferenceRefusedError(f"There is no difference {difference_id}.")
        if row.closed_at is not None:
            raise DifferenceRefusedError(f"Difference {difference_id} is closed: {row.closed_how}.")
        if owner_id is not None and not differences.is_member(session, owner_id):
            raise DifferenceRefusedError("That person has no role in this campus. Choose somebody who has.")
        before = {"owner_id": row.owner_id, "note": row.note}
        row.owner_id = owner_id
        row.note = row.note if note is None else note.strip()
        after = {"owner_id": row.owner_id, "note": row.note}
        if after != before:
            audit.record(
                session,
                actor=actor,
                action="difference.owned",
                subject=f"difference/{difference_id}",
                before=before,
                after=after,
            )
        session.commit()
