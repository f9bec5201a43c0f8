"""Keep a new version of one of the campus's own layouts; older versions stay as they were."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from webapp.domain.layouts import BUILT_IN, HOLD_FIELDS, check_layout
from webapp.models.scope import tenant_scope
from webapp.services import audit
from webapp.services.audit import Actor
from webapp.store import layouts
from webapp.store.files import newest_layout

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_NAME = 60


class LayoutNotSavedError(Exception):
    """Nothing was stored; the message says why and what to do."""


def save_layout(
    tenant_id: int, name: str, document: Mapping[str, Any], *, actor: Actor, expected_version: int
) -> int:
    """Store the document as the next version of ``name`` and return that version's number.

    ``expected_version`` is the newest one the person saw, 0 for a new layout.

    Raises: LayoutNotSavedError.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise LayoutNotSavedError(
            f"A layout's name has small letters, digits and single dashes, at most {_LONGEST_NAME} characters."
        )
    if name in BUILT_IN:
        raise LayoutNotSavedError(f"“{name}” comes with Feebridge. Give your own layout another name.")
    if faults := check_layout(document, HOLD_FIELDS):
        raise LayoutNotSavedError(f"The layout has {len(faults)} faults; the first: {faults[0]}.")
    with tenant_scope(tenant_id) as session:
        newest = newest_layout(session, tenant_id, name)
        version = newest.version if newest else 0
        if newest and newest.body == dict(document):
            return version
        if version != expected_version or not layouts.add_version(
            session, name, version + 1, document, actor.person_id
        ):
            raise LayoutNotSavedError(
                f"“{name}” was saved by somebody else meanwhile; it is at version {version} now. Open it again, or "
                "save under another name."
            )
        audit.record(
            session,
            actor=actor,
            action="layout.saved",
            subject=f"layout/{name}",
            before={"version": version} if newest else None,
            after={"version": version + 1},
        )
        session.commit()
    return version + 1
