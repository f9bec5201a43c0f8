"""PeopleSoft's own list of holds, where one has come, beside the register of holds we placed."""

from __future__ import annotations

from worker.steps import Continue, StepContext


def hold_list(ctx: StepContext) -> Continue:
    """Nothing where no list has come."""
    ctx.stop_if_asked()
    return Continue({"why": "", "name": "", "listed": 0, "taken": {}})
