"""The layout of a campus's charges on a day: its own, one that it follows, or a ready-made one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import PermanentError
from webapp.domain.layouts import BUILT_IN, LayoutError, LayoutSet, apply_overrides, load_layout_set
from webapp.store import layouts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from webapp.models.scope import ScopedSession

OWN, FOLLOWED, READY_MADE = "own", "followed", "ready-made"


@dataclass(frozen=True, slots=True)
class ChosenLayoutSet:
    """A layout document, and where it is from.

    ``version`` is the campus's own version, or that of the campus it follows (``owner_id``); None: ready-made.
    ``sha256`` (hex) is of the document as it was chosen, without the campus's tables and calendars.
    """

    name: str
    origin: str
    version: int | None
    owner_id: int | None
    owner_layout: str
    sha256: str
    document: Mapping[str, Any]

    def frozen(self) -> dict[str, Any]:
        """What to write down now, to find the very same document later; JSON."""
        return {
            "name": self.name,
            "origin": self.origin,
            "version": self.version,
            "owner_id": self.owner_id,
            "owner_layout": self.owner_layout,
            "sha256": self.sha256,
        }

    def ready(
        self,
        *,
        tables: Mapping[str, Any],
        calendars: Mapping[str, Any],
        file_name: str,
        subject: str = "charges",
    ) -> LayoutSet:
        """The layout with the campus's own tables and calendars, and its own file name if it has one.

        Raises: PermanentError when it cannot be used, with every fault and its place.
        """
        document = apply_overrides(self.document, tables, calendars)
        if file_name:
            document = _renamed(document, file_name)
        try:
            layout_set = load_layout_set(document)
        except LayoutError as err:
            raise PermanentError(f"The layout {self.name} cannot be used: {err} Nothing was sent.") from err
        _check_subject(self.name, layout_set, subject)
        return layout_set


def choose_layout_set(session: ScopedSession, name: str, on: date) -> ChosenLayoutSet:
    """The layout ``name`` in the version that is in effect on a day. Raises: PermanentError when there is none."""
    own = layouts.version_in_effect(session, name, on)
    if own is None:
        return _ready_made(name)
    if own.follows_owner_id is None:
        return _chosen(name, OWN, own.body, version=own.version)
    shared = layouts.shared_in_effect(session, own.follows_owner_id, own.follows_name, on)
    if shared is None:
        # Withdrawn, or not in effect yet: the copy that was taken when the campus began to follow it.
        return _chosen(name, OWN, own.body, version=own.version)
    return _chosen(
        name,
        FOLLOWED,
        shared.body,
        version=shared.version,
        owner_id=shared.owner_id,
        owner_layout=shared.name,
    )


def frozen_layout_set(session: ScopedSession, frozen: Mapping[str, Any]) -> ChosenLayoutSet:
    """The very document that ``choose_layout_set`` found, whatever was saved since. Raises: PermanentError."""
    name, version = frozen["name"], frozen["version"]
    if frozen["origin"] == READY_MADE:
        found = _ready_made(name)
    elif frozen["origin"] == FOLLOWED:
        shared = layouts.shared_version(session, frozen["owner_id"], frozen["owner_layout"], version)
        found = _chosen(
            name,
            FOLLOWED,
            shared.body if shared else None,
            version=version,
            owner_id=frozen["owner_id"],
            owner_layout=frozen["owner_layout"],
        )
    else:
        own = layouts.layout_version(session, name, version)
        found = _chosen(name, OWN, own.body if own else None, version=version)
    if found.sha256 != frozen["sha256"]:
        raise PermanentError(
            f"The layout {name} is not what it was when this run began. Nothing was sent; run again to use it as it is now."
        )
    return found


def _ready_made(name: str) -> ChosenLayoutSet:
    return _chosen(name, READY_MADE, BUILT_IN.get(name))


def _chosen(
    name: str,
    origin: str,
    body: Mapping[str, Any] | None,
    *,
    version: int | None = None,
    owner_id: int | None = None,
    owner_layout: str = "",
) -> ChosenLayoutSet:
    if body is None:
        raise PermanentError(
            f"There is no file layout called {name}. Choose one in the settings. Nothing was sent."
        )
    said = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    sha256 = hashlib.sha256(said.encode()).hexdigest()
    return ChosenLayoutSet(name, origin, version, owner_id, owner_layout, sha256, body)


def _renamed(document: Mapping[str, Any], file_name: str) -> dict[str, Any]:
    """The campus's pattern in place of the layout's own, in every file of it."""
    renamed = {**document, "file_name": file_name}
    if isinstance(blocks := document.get("files"), list):
        renamed["files"] = [{**block, "file_name": file_name} for block in blocks]
    return renamed


def _check_subject(name: str, layout_set: LayoutSet, subject: str) -> None:
    words = {"holds": "holds", "charges": "charges", "journal": "journals"}
    if layout_set.subject != subject:
        page = "GL journal" if subject == "journal" else "Charges to PeopleSoft"
        raise PermanentError(
            f"The layout {name} is about {words[layout_set.subject]}, not about {words[subject]}. Choose another in the "
            f"settings, page {page}. Nothing was sent."
        )
