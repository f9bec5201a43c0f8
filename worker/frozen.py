"""The frozen input of a step: what it is given, written down before it starts, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from webapp.models import RunStep
    from worker.steps import StepContext


class InputsChangedError(Exception):
    """A step was to be done again with other inputs than the first time; it was not."""


def frozen_inputs(ctx: StepContext, n: int) -> dict[str, Any]:
    """What step ``n`` is given: options, window, the run's clock, and the sha256 of all earlier results."""
    earlier = json.dumps(ctx.results, sort_keys=True, ensure_ascii=False)
    return {
        "options": dict(ctx.run.options),
        "now": ctx.now.isoformat(),
        "window_from_at": ctx.run.window_from_at.isoformat() if ctx.run.window_from_at else None,
        "results_before": n,
        "results_sha256": hashlib.sha256(earlier.encode()).hexdigest(),
    }


def check_frozen(row: RunStep, frozen: dict[str, Any]) -> None:
    """Whether the step is given what it was given the first time. Raises: InputsChangedError."""
    if row.frozen["results_sha256"] != frozen["results_sha256"]:
        raise InputsChangedError(f"step {row.n} of run {row.run_id} would see other results than before")
