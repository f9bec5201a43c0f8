"""What became of a file sent by SFTP whose answer was lost: looked up only where it was sent to, never assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from webapp.adapters.errors import UnknownOutcomeError
from webapp.adapters.sftp import SftpTarget, settle_put

Look = Literal["happened", "did_not_happen", "cannot_tell"]
# Which folder of whom; another one can say nothing about the file.
_PLACE = ("host", "port", "username", "directory")
# Under which names the file can lie there.
_HABITS = ("use_temporary_name", "trigger_suffix", "collision")


def frozen_target(target: SftpTarget) -> dict[str, Any]:
    """What must be known later to look for a file sent there now; JSON, without secrets."""
    return {name: getattr(target, name) for name in (*_PLACE, *_HABITS)}


def place_of(detail: Mapping[str, Any]) -> str:
    """Host and folder the effect with this detail was sent to; empty when it was not sent by SFTP."""
    frozen = detail.get("target")
    return f"{frozen['host']}:{frozen['directory'] or '(log-in folder)'}" if frozen else ""


def look_for_file(target: SftpTarget, detail: Mapping[str, Any]) -> Look:
    """Whether the file of a sent effect arrived. ``target`` is the campus's drop as the settings name it now.

    The effect's ``detail`` names where it was sent, the file, its token and size. If the settings have moved since,
    the old place cannot be looked at, and the new one knows nothing. Raises: RetryableError, PermanentError.
    """
    frozen = detail.get("target")
    if not frozen or any(getattr(target, name) != frozen[name] for name in _PLACE):
        return "cannot_tell"
    there = replace(target, **{name: frozen[name] for name in _HABITS})
    try:
        settled = settle_put(there, name=detail["name"], token=detail["token"], size=detail["size"])
    except UnknownOutcomeError:
        return "cannot_tell"
    return "happened" if settled == "delivered" else "did_not_happen"
