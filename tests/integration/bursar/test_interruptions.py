"""Cut anywhere, the run goes on where it was: the same bytes, each line in the ledger once, each file delivered once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

import worker.pipelines.bursar.build as building
from tests.integration.bursar.alma_files import Fee
from webapp.models.scope import tenant_scope
from webapp.sandbox.faults import Fault
from webapp.services.audit import Actor
from webapp.services.recall_fee import recall_fee
from worker.interrupts import LeaseLostError
from worker.pipelines import PIPELINES
from worker.pipelines.bursar_conversion import BURSAR_CONVERSION
from worker.steps import Pipeline, Step

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = [step.name for step in BURSAR_CONVERSION.steps]
FEES = (
    Fee("F1", "12.50"),
    Fee("F2", "300", patron="987654321"),
    Fee("F3", patron="no digits"),
    Fee("C1", "-4"),
)
DEBITS = ["012345678,300000006919,12.50,F1", "987654321,300000006919,300.00,F2"]
CREDITS = ["012345678,820000206129,4.00,C1"]


class DyingWorker:
    """Makes the worker end without a word at one moment, once."""

    def __init__(self, step_name: str, *, before: bool) -> None:
        self.step_name = step_name
        self.before = before
        self.has_died = False

    def wrap(self, step: Step) -> Step:
        if step.name != self.step_name:
            return step
        return Step(step.name, step.title, self._dying(step.action), step.delivers, step.timeout_s)

    def _dying(self, action: Callable) -> Callable:
        def act(ctx):
            if self.before:
                self.die()
            outcome = action(ctx)
            self.die()
            return outcome

        return act

    def die(self) -> None:
        if not self.has_died:
            self.has_died = True
            raise LeaseLostError("the worker died here")


@pytest.fixture
def dies():
    """Put a dying worker's steps in place of the real ones; put back afterwards."""

    def arrange(step_name: str, *, before: bool) -> DyingWorker:
        worker = DyingWorker(step_name, before=before)
        steps = tuple(worker.wrap(step) for step in BURSAR_CONVERSION.steps)
        PIPELINES.add(
            Pipeline(BURSAR_CONVERSION.name, BURSAR_CONVERSION.title, steps, BURSAR_CONVERSION.on_failure)
        )
        return worker

    yield arrange
    PIPELINES.add(BURSAR_CONVERSION)


def judge(campus, run) -> None:
    """What must be true however often the run was cut."""
    assert run.state == "succeeded", run.error
    assert sorted(campus.dropped().values()) == sorted([DEBITS, CREDITS])
    assert len(campus.drop.operations("rename")) == 2
    assert sorted(campus.ledger()) == [
        ("C1", "credit", -400, "820000206129"),
        ("F1", "charge", 1250, "300000006919"),
        ("F2", "charge", 30000, "300000006919"),
    ]
    assert campus.desk() == {"fee F3": "no_emplid"}
    assert campus.inbound() == ["done"]
    assert len(campus.mailbox.messages) == 1
    counts = run.counts
    assert (counts["rows_in"], counts["rows_sent"], counts["rows_quarantined"]) == (4, 3, 1)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step_name", STEPS)
def test_a_worker_that_dies_at_a_step_changes_neither_lines_nor_deliveries(campus, dies, step_name, before):
    campus.sets("bursar", credit_item_type="820000206129")
    worker = dies(step_name, before=before)
    received = campus.hands_in(*FEES)
    campus.work()
    assert worker.has_died
    judge(campus, campus.take_over(received.run_id))


@pytest.mark.parametrize("moment", ["_check_stored", "_record", "_check_ledger"])
def test_a_worker_that_dies_inside_the_building_leaves_no_line_behind(campus, monkeypatch, moment):
    campus.sets("bursar", credit_item_type="820000206129")
    received = campus.hands_in(*FEES)
    with monkeypatch.context() as patched:

        def die(*_args, **_kwargs):
            raise LeaseLostError("the worker died here")

        patched.setattr(building, moment, die)
        campus.work()
    assert (campus.ledger(), campus.query("SELECT id FROM file")) == ([], [])
    judge(campus, campus.take_over(received.run_id))


def test_a_layout_or_a_map_saved_while_a_run_is_under_way_is_for_the_next_run(campus, dies):
    dies("build", before=True)
    received = campus.hands_in(Fee("F1"))
    campus.work()
    campus.sets("charge_maps", tables={"item_types": [["OVERDUEFINE", "999999999999"]]})
    with tenant_scope(campus.tenant_id) as session:
        body = session.scalar(text("SELECT body FROM layout_version"))
    campus.saves_layout({**body, "delimiter": "|"}, 2)
    run = campus.take_over(received.run_id)
    assert run.state == "succeeded", run.error
    assert list(campus.dropped().values()) == [["012345678,300000006919,10.00,F1"]]
    run = campus.converts(Fee("F2"), export_number="2", name="BURSAR-78-1.xml")
    assert campus.files(run) == {"debits": ["012345678|999999999999|10.00|F2"]}


def test_a_line_cut_in_mid_file_is_tried_again_and_told_once(campus, faults):
    faults.add(Fault("sftp", "cut_at_byte", options={"byte": 10}))
    run = campus.converts(Fee("F1"))
    assert run.state == "queued"
    assert campus.dropped() == {}
    assert campus.work_again(run.id).state == "succeeded"
    assert list(campus.dropped().values()) == [["012345678,300000006919,10.00,F1"]]
    assert len(campus.ledger()) == 1


def test_a_rename_whose_answer_was_lost_is_settled_by_looking_and_not_sent_twice(campus, faults):
    faults.add(Fault("sftp", "rename_answer_lost"))
    run = campus.converts(Fee("F1"))
    if run.state == "queued":
        run = campus.work_again(run.id)
    assert run.state == "succeeded", run.error
    assert len(campus.drop.operations("rename")) == 1


WORKER = """
import os
from webapp.app import create_core
from webapp.config import load_settings
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due
settings = load_settings(os.environ)
with create_core(settings).app_context():
    for queue in ("interactive", "batch"):
        carry_out_due(settings, queue, Interrupts("mortal"))
"""


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.25, 0.5])
def test_kill_9_at_any_moment_loses_and_doubles_nothing(campus, environ, delay_s):
    campus.sets("bursar", credit_item_type="820000206129")
    many = [Fee(f"M{n}", "1.00", patron=f"{n + 1:09d}") for n in range(400)]
    received = campus.hands_in(*many)
    environment = {**os.environ, **environ}
    mortal = subprocess.Popen([sys.executable, "-c", WORKER], env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while campus.the_run(received.run_id).state == "queued" and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(delay_s)
    mortal.send_signal(signal.SIGKILL)
    mortal.wait()
    run = campus.the_run(received.run_id)
    if run.state in {"running", "delivering"}:
        run = campus.take_over(received.run_id)
    assert run.state == "succeeded", run.error
    ((_, lines),) = campus.dropped().items()
    assert lines == [f"{n + 1:09d},300000006919,1.00,M{n}" for n in range(400)]
    assert len(campus.ledger()) == 400


@pytest.mark.parametrize("step_name", ["read", "decide", "build", "deliver"])
def test_what_people_asked_for_is_not_lost_when_the_worker_dies_right_after_a_step(campus, dies, step_name):
    campus.converts(Fee("F1", "12.50"))
    recall = recall_fee(campus.tenant_id, "F1", "Billed in error", Actor(None, "Ann"))
    worker = dies(step_name, before=False)
    run = campus.run()
    assert worker.has_died
    run = campus.take_over(run.id)
    assert run.state == "succeeded", run.error
    assert campus.files(run) == {"credits": [f"012345678,300000006919,12.50,F1-C{recall.task_id}"]}
    assert campus.query("SELECT state FROM bursar_task") == [("done",)]
