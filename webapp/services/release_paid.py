"""Let go at once who has just paid everything: a holds run for these patrons alone, out of the usual hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import read_all
from webapp.services.submit_run import submit_run
from webapp.store import posted_patrons
from webapp.store.look_again import ONLY_EMPLIDS

if TYPE_CHECKING:
    from webapp.services.audit import Actor


def release_paid(tenant_id: int, posting_run_id: int, *, actor: Actor) -> int | None:
    """Ask for a Released file for those on hold of whom this posting run paid the last known fee; returns its run.

    None when the campus lets holds go with the next file, when nobody is concerned, or when files are not carried to
    PeopleSoft by themselves: a file that waits in the portal would only be in the way of the next one. Whether they owe
    nothing is asked of Alma again in that run; a posting run asks once.
    """
    with tenant_scope(tenant_id) as session:
        campus = read_all(session)
        carries = campus["delivery"]["sftp_enabled"] or (
            campus["delivery"]["mail_enabled"] and campus["notification"]["attach_files"]
        )
        if campus["posting"]["release"] != "at_once" or not carries:
            return None
        known = posted_patrons.release_run_of(session, posting_run_id)
        if known is not None:
            return known
        emplids = posted_patrons.paid_and_on_hold(session, tenant_id, posting_run_id)
    if not emplids:
        return None
    return submit_run(
        tenant_id,
        "holds_export",
        trigger="file_arrival",
        options={ONLY_EMPLIDS: emplids, "posting_run_id": posting_run_id},
        queue="interactive",
        actor=actor,
    )
