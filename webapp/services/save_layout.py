"""Keep a new version of one of the campus's own layouts, follow another campus's, and offer one's own to all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from webapp.domain.layouts.either_way import READY_MADE, check_either
from webapp.domain.layouts.inbound import is_inbound
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.services.golden import check_golden
from webapp.store import layouts
from webapp.store.files import newest_layout

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_NAME = 60
_LONGEST_NOTE = 300


class LayoutNotSavedError(Exception):
    """Nothing was stored; the message says why and what to do."""


def save_layout(
    tenant_id: int,
    name: str,
    document: Mapping[str, Any],
    *,
    actor: Actor,
    expected_version: int,
    note: str = "",
    effective_on: date | None = None,
    golden: Mapping[str, Any] | None = None,
    may_break_golden: bool = False,
) -> int:
    """Store the document as the next version of ``name`` and return that version's number.

    ``expected_version`` is the newest one the person saw, 0 for a new layout. ``effective_on``: runs of that campus day
    and later use it; at once without. The golden example of the version before is kept and must still come out, unless
    a new one is given, or the person says that it may change: it is dropped then.

    Raises: LayoutNotSavedError.
    """
    _check_name(name)
    faults = [fault for fault in check_either(document) if fault.severity == "error"]
    if faults:
        raise LayoutNotSavedError(f"The layout has {len(faults)} faults; the first: {faults[0]}.")
    with tenant_scope(tenant_id) as session:
        newest = newest_layout(session, tenant_id, name)
        version = newest.version if newest else 0
        if newest and is_inbound(newest.body) != is_inbound(document):
            raise LayoutNotSavedError(
                f"“{name}” is about files that {'come in' if is_inbound(newest.body) else 'go out'}, and runs may use it. "
                "Give this layout another name."
            )
        kept = golden or (newest.golden if newest and not may_break_golden else None)
        if newest and (newest.body, newest.effective_on, newest.golden, newest.follows_owner_id) == (
            dict(document),
            effective_on,
            kept,
            None,
        ):
            return version
        _check_kept_example(document, kept)
        values = {"note": note.strip()[:_LONGEST_NOTE], "effective_on": effective_on, "golden": kept}
        _add(session, name, version, expected_version, document, actor, values)
        audit.record(
            session,
            actor=actor,
            action="layout.saved",
            subject=f"layout/{name}",
            before={"version": version} if newest else None,
            after={"version": version + 1}
            | ({"effective_on": effective_on.isoformat()} if effective_on else {}),
        )
        session.commit()
    return version + 1


def follow_layout(tenant_id: int, shared_id: int, name: str, *, actor: Actor) -> int:
    """Use another campus's layout under a name of one's own; its later versions count here when they take effect.

    Returns the number of the version that says so. Raises: LayoutNotSavedError; LookupError when it is not offered.
    """
    _check_name(name)
    with tenant_scope(tenant_id) as session:
        shared = next((row for row in layouts.shared_by_others(session) if row.id == shared_id), None)
        if shared is None or shared.owner_id == tenant_id:
            raise LookupError(f"shared layout {shared_id}")
        newest = newest_layout(session, tenant_id, name)
        version = newest.version if newest else 0
        values = {
            "note": f"Follows {shared.owner_name}’s {shared.name}",
            "golden": shared.golden,
            "follows_owner_id": shared.owner_id,
            "follows_name": shared.name,
        }
        _add(session, name, version, version, shared.body, actor, values)
        audit.record(
            session,
            actor=actor,
            action="layout.follows",
            subject=f"layout/{name}",
            before={"version": version} if newest else None,
            after={"version": version + 1, "owner": shared.owner_name, "layout": shared.name},
        )
        session.commit()
    return version + 1


def share_layout(tenant_id: int, owner_name: str, name: str, *, is_offered: bool, actor: Actor) -> None:
    """Offer the newest version of an own layout to every campus, or withdraw all of it.

    Raises: LayoutNotSavedError; LookupError when the campus has no such layout.
    """
    with tenant_scope(tenant_id) as session:
        newest = newest_layout(session, tenant_id, name)
        if newest is None:
            raise LookupError(f"layout {name}")
        if newest.follows_owner_id is not None:
            raise LayoutNotSavedError(f"“{name}” is another campus's layout; only that campus can offer it.")
        if is_offered:
            layouts.offer(session, owner_name, newest)
        elif not layouts.withdraw(session, name):
            raise LayoutNotSavedError(f"“{name}” is not offered; nothing was changed.")
        audit.record(
            session,
            actor=actor,
            action="layout.shared" if is_offered else "layout.withdrawn",
            subject=f"layout/{name}",
            after={"version": newest.version},
        )
        session.commit()


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise LayoutNotSavedError(
            f"A layout's name has small letters, digits and single dashes, at most {_LONGEST_NAME} characters."
        )
    if name in READY_MADE:
        raise LayoutNotSavedError(f"“{name}” comes with Feebridge. Give your own layout another name.")


def _check_kept_example(document: Mapping[str, Any], golden: Mapping[str, Any] | None) -> None:
    if golden is not None and (differences := check_golden(document, golden)):
        raise LayoutNotSavedError(
            f"The example kept with this layout would come out differently: {differences[0]} "
            "Look whether that is meant; if so, save again with “the example may change”."
        )


def _add(
    session: ScopedSession,
    name: str,
    version: int,
    expected_version: int,
    document: Mapping[str, Any],
    actor: Actor,
    values: Mapping[str, Any],
) -> None:
    if version != expected_version or not layouts.add_version(
        session, name, version + 1, document, actor.person_id, **values
    ):
        raise LayoutNotSavedError(
            f"“{name}” was saved by somebody else meanwhile; it is at version {version} now. Open it again, or "
            "save under another name."
        )
