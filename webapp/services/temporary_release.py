"""Lift a patron's hold until a day; it comes back by itself if the debt is still there."""

from __future__ import annotations

from datetime import date, timedelta

from webapp.models.scope import ScopedSession, tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.store import temporary_releases

LONGEST_REASON = 300
LONGEST_DAYS = 366


class ReleaseRefusedError(Exception):
    """Nothing was changed. ``faults`` maps a field (or "") to a sentence."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = faults


def grant_release(tenant_id: int, emplid: str, *, until: str, reason: str, today: date, actor: Actor) -> date:
    """Release the patron's holds from the next run on, through the day ``until`` (ISO, as forms send it).

    ``today`` is the campus's. Returns the day. Raises: ReleaseRefusedError.
    """
    reason = " ".join(reason.split())
    until_on, faults = _checked(until, reason, today)
    if until_on is None or faults:
        raise ReleaseRefusedError(faults)
    with tenant_scope(tenant_id) as session:
        temporary_releases.lock_patron(session, emplid)
        if not temporary_releases.has_hold(session, emplid):
            raise ReleaseRefusedError(
                {"": "No hold is in force for this EMPLID, so there is nothing to release."}
            )
        running = temporary_releases.running(session, emplid, today)
        if running is not None:
            raise ReleaseRefusedError(
                {
                    "": f"The hold is released until {running.until_on.isoformat()} already. End that release first."
                }
            )
        temporary_releases.add(
            session, emplid=emplid, until_on=until_on, reason=reason, person_id=actor.person_id
        )
        _record(session, actor, "release.granted", emplid, until_on, reason)
        session.commit()
    return until_on


def end_release(tenant_id: int, emplid: str, release_id: int, *, actor: Actor) -> None:
    """End a release today; the hold comes back with the next run. Raises: LookupError when it is over already."""
    with tenant_scope(tenant_id) as session:
        ended = temporary_releases.end(session, emplid, release_id)
        if ended is None:
            raise LookupError(release_id)
        _record(session, actor, "release.ended", emplid, ended.until_on, ended.reason)
        session.commit()


def _checked(until: str, reason: str, today: date) -> tuple[date | None, dict[str, str]]:
    faults: dict[str, str] = {}
    until_on: date | None = None
    try:
        until_on = date.fromisoformat(until.strip())
    except ValueError:
        faults["until"] = "Type the last day of the release, for instance 2026-12-18."
    if until_on is not None and not today <= until_on <= today + timedelta(days=LONGEST_DAYS):
        faults["until"] = f"The last day must be today or later, and within {LONGEST_DAYS} days."
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        faults["reason"] = f"Say why, in at most {LONGEST_REASON} characters; colleagues will read it."
    return until_on, faults


def _record(
    session: ScopedSession, actor: Actor, action: str, emplid: str, until_on: date, reason: str
) -> None:
    audit.record(
        session,
        actor=actor,
        action=action,
        subject=f"patron {emplid}",
        after={"until_on": until_on.isoformat(), "reason": reason},
    )
