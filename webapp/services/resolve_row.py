"""Decide about a row that was held back."""

from __future__ import annotations

from typing import Literal

from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.store import desk_pages, quarantine

Decision = Literal["ignored", "mended"]
LONGEST_REASON = 500
BURSAR = "bursar_conversion"


class RowRefusedError(Exception):
    """The row was not resolved; the message is a sentence for the person who asked."""


def resolve_row(tenant_id: int, row_id: int, decision: Decision, reason: str, actor: Actor) -> None:
    """Close a row on the desk.

    ``ignored`` keeps it out of every file, for a reason that must be given; ``mended`` says that its cause was put
    right, so that the next run sends it. Raises: RowRefusedError; LookupError when the campus has no such row.
    """
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if decision == "ignored" and not reason:
        raise RowRefusedError(
            "A row is ignored only for a reason; say why it may stay out. Nothing was changed."
        )
    with tenant_scope(tenant_id) as session:
        found = desk_pages.desk_row(session, row_id)
        if found is None:
            raise LookupError(f"row {row_id}")
        if decision == "mended" and found.row.pipeline == BURSAR:
            # Alma's file is read once: closed here, the row would never go out.
            raise RowRefusedError(
                "A fee of Alma's bursar file goes out with the next run as soon as nothing holds it back; correct it or "
                "release it instead. Nothing was changed."
            )
        if quarantine.is_under_way(session, row_id):
            raise RowRefusedError(
                "A run is about to send this row; recall its fee instead. Nothing was changed."
            )
        resolution = f"{decision}: {reason}" if reason else decision
        if not desk_pages.resolve(
            session, row_id, person_id=actor.person_id, decision=decision, resolution=resolution
        ):
            raise RowRefusedError("Somebody else resolved this row already; nothing was changed.")
        audit.record(
            session,
            actor=actor,
            action=f"row.{decision}",
            subject=f"quarantined_row/{row_id}",
            after={"reason": reason},
        )
        session.commit()
