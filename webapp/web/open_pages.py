"""The mark of pages that strangers may open; every other view carries a decorator of ``webapp.auth.access``."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def open_to_all(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view as open on purpose."""
    view.feebridge_access = "open"  # type: ignore[attr-defined]
    return view
