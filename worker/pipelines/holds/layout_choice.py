"""The layout a run's files have: the campus's own of that name, else the ready-made one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp.adapters.errors import PermanentError
from webapp.domain.layouts import BUILT_IN, Layout, LayoutError, load_layout
from webapp.models.scope import ScopedSession
from webapp.store.layouts import layout_version, version_in_effect
from worker.pipelines.holds.frame import HoldFrame

DEFAULT_LAYOUT, IDS_LAYOUT = "opscom-holds", "population-ids"


@dataclass(frozen=True, slots=True)
class ChosenLayout:
    """A layout with its name and the campus's version of it (None: ready-made)."""

    name: str
    version: int | None
    layout: Layout


def choose_layout(session: ScopedSession, frame: HoldFrame) -> ChosenLayout:
    """The layout of the settings, in the version in effect on the run's day.

    Raises: PermanentError when there is no such layout, or it cannot be used.
    """
    name = frame.settings["files"]["layout"]
    if frame.policy.style == "ids" and name == DEFAULT_LAYOUT:
        name = IDS_LAYOUT
    own = version_in_effect(session, name, frame.run_on)
    return _loaded(name, own.version if own else None, own.body if own else BUILT_IN.get(name))


def frozen_layout(session: ScopedSession, frozen: Mapping[str, Any]) -> ChosenLayout:
    """The very version that ``choose_layout`` found, whatever was saved since. Raises: PermanentError."""
    name, version = frozen["name"], frozen["version"]
    if version is None:
        return _loaded(name, None, BUILT_IN.get(name))
    own = layout_version(session, name, version)
    return _loaded(name, version, own.body if own else None)


def _loaded(name: str, version: int | None, body: Mapping[str, Any] | None) -> ChosenLayout:
    if body is None:
        raise PermanentError(
            f"There is no file layout called {name}. Choose one in the settings, page Files: {', '.join(BUILT_IN)}, "
            "or one of your own. Nothing was sent."
        )
    try:
        return ChosenLayout(name, version, load_layout(body))
    except LayoutError as err:
        raise PermanentError(f"The layout {name} cannot be used: {err} Nothing was sent.") from err
