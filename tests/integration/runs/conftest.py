"""A worker in this process, and pipelines made on the spot."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from webapp.config import Settings
from webapp.models import Run
from webapp.models.scope import every_tenant_scope, tenant_scope
from webapp.store import runs
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due
from worker.pipelines import PIPELINES
from worker.steps import Finish, Pipeline, Step, StepContext, StepOutcome


@pytest.fixture
def work(settings: Settings, core) -> Callable[..., int]:
    """Carry out what is due, as a worker would; returns how many runs that were."""

    def carry_out(queue: str = "interactive") -> int:
        return carry_out_due(settings, queue, Interrupts("test worker"))

    return carry_out


def pipeline(*actions: Callable[[StepContext], StepOutcome], name: str = "probe", on_failure=None) -> str:
    """Make a pipeline of these actions known; actions named ``deliver…`` deliver. Returns its name."""
    steps = tuple(
        Step(action.__name__, action.__name__.title(), action, delivers=action.__name__.startswith("deliver"))
        for action in actions
    )
    PIPELINES.add(Pipeline(name, name.title(), steps, on_failure))
    return name


def finish(_ctx: StepContext) -> StepOutcome:
    """A step that ends its run well."""
    return Finish("succeeded")


def run_of(tenant_id: int, run_id: int) -> Run:
    """The run's row now."""
    with tenant_scope(tenant_id) as session:
        return runs.run_by_id(session, run_id)


def moves_of(tenant_id: int, run_id: int) -> list[str]:
    """The states the run went through."""
    with tenant_scope(tenant_id) as session:
        return [event.to_state for event in runs.events_of(session, run_id) if event.to_state]


def notes_of(tenant_id: int, run_id: int) -> str:
    """Everything noted about the run."""
    with tenant_scope(tenant_id) as session:
        return "\n".join(event.note for event in runs.events_of(session, run_id))


def make_due(run_id: int) -> None:
    """The run's wait is over."""
    with every_tenant_scope() as session:
        session.execute(text("UPDATE run SET not_before = clock_timestamp() WHERE id = :id"), {"id": run_id})
        session.commit()


def let_lease_lapse(run_id: int) -> None:
    """As if the worker had not been heard of for a while."""
    with every_tenant_scope() as session:
        lapsed = "UPDATE run SET lease_until = clock_timestamp() - interval '1 s' WHERE id = :id"
        session.execute(text(lapsed), {"id": run_id})
        session.commit()
