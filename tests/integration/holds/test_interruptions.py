"""Cut anywhere, the run goes on where it was: the same bytes, each file delivered once, as the receiver's log judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.holds.test_holds_export import TWO_PATRONS
from webapp.models import LayoutVersion
from webapp.models.scope import tenant_scope
from webapp.sandbox.faults import Fault
from webapp.services.submit_run import submit_run
from worker.interrupts import LeaseLostError
from worker.pipelines import PIPELINES
from worker.pipelines.holds_export import HOLDS_EXPORT
from worker.steps import Pipeline, Step

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = [step.name for step in HOLDS_EXPORT.steps]


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
                self._die()
            outcome = action(ctx)
            self._die()
            return outcome

        return act

    def _die(self) -> None:
        if not self.has_died:
            self.has_died = True
            raise LeaseLostError("the worker died here")


@pytest.fixture
def dies():
    """Put a dying worker's steps in place of the real ones; put back afterwards."""

    def arrange(step_name: str, *, before: bool) -> DyingWorker:
        worker = DyingWorker(step_name, before=before)
        steps = tuple(worker.wrap(step) for step in HOLDS_EXPORT.steps)
        PIPELINES.add(Pipeline(HOLDS_EXPORT.name, HOLDS_EXPORT.title, steps, HOLDS_EXPORT.on_failure))
        return worker

    yield arrange
    PIPELINES.add(HOLDS_EXPORT)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step_name", STEPS)
def test_a_worker_that_dies_at_a_step_changes_neither_bytes_nor_deliveries(campus, dies, step_name, before):
    worker = dies(step_name, before=before)
    campus.owes(*TWO_PATRONS)
    run_id = submit_run(campus.tenant_id, "holds_export")
    campus.work()
    assert worker.has_died
    campus.owes("000000009,99.00,Meter,2026-10-02,T9,Staff")
    run = campus.take_over(run_id)
    assert run.state == "succeeded", run.error
    if (step_name, before) == ("collect", True):
        assert campus.register() == {"000000009": 9900}
    elif step_name != "collect":
        assert campus.register() == {"000000001": 3550, "000000002": 277}
    (text,) = campus.dropped().values()
    assert text == campus.files(run)["added"]
    assert len(campus.drop.operations("rename")) == 1
    assert len(campus.mailbox.messages) == 1
    assert campus.scalar("SELECT count(*) FROM delivery WHERE state = 'delivered'") == 2


def test_a_line_cut_in_mid_file_leaves_nothing_under_the_final_name_and_is_tried_again(campus, faults):
    faults.add(Fault("sftp", "cut_at_byte", options={"byte": 10}))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "queued"
    assert campus.dropped() == {}
    assert campus.register() == {}
    run = campus.work_again(run.id)
    assert run.state == "succeeded", run.error
    assert len(campus.dropped()) == 1
    assert campus.register() == {"000000001": 3550, "000000002": 277}


def test_a_rename_whose_answer_was_lost_is_settled_by_looking_and_not_sent_twice(campus, faults):
    faults.add(Fault("sftp", "rename_answer_lost"))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    if run.state == "queued":
        run = campus.work_again(run.id)
    assert run.state == "succeeded", run.error
    assert len(campus.dropped()) == 1
    assert len(campus.drop.operations("rename")) == 1
    assert campus.register() == {"000000001": 3550, "000000002": 277}


def test_a_changed_host_key_gets_no_byte_and_the_campus_is_told(campus, faults):
    faults.add(Fault("sftp", "host_key_changed", times=None))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "failed"
    assert "key" in run.error["message"]
    assert campus.drop.operations("open", "write") == []
    assert campus.register() == {}
    assert "the export failed" in campus.mailbox.messages[-1].subject
    assert campus.scalar("SELECT state FROM delivery WHERE target = 'sftp'") == "failed"


def test_after_a_failed_delivery_the_next_run_tells_everything_again(campus, faults):
    faults.add(Fault("sftp", "refuse_auth"))
    campus.owes(*TWO_PATRONS)
    assert campus.run().state == "failed"
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert campus.register() == {"000000001": 3550, "000000002": 277}


def test_when_the_second_file_fails_the_first_stays_told_and_only_the_second_is_made_again(campus, faults):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes("000000001,1.00,Meter,2026-10-01,T2,Student")
    faults.add(Fault("sftp", "disk_full", times=None, after=1, options={"byte": 0}))
    half = campus.run()
    assert half.state != "succeeded"
    assert campus.register() == {"000000001": 100, "000000002": 277}
    faults.clear()
    done = campus.work_again(half.id) if half.state == "queued" else campus.run()
    assert done.state == "succeeded", done.error
    assert campus.register() == {"000000001": 100}


def test_a_mail_that_cannot_be_sent_is_tried_again_and_undoes_no_delivery(campus, faults):
    faults.add(Fault("smtp", "451_after_data", times=None))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    for _ in range(4):
        assert run.state == "queued"
        run = campus.work_again(run.id)
    assert run.state == "succeeded"
    assert "the report mail was not sent" in run.story
    assert "The files were delivered, but the report mail was not sent" in campus.notes(run.id)
    assert len(campus.drop.operations("rename")) == 1


def test_a_mail_lost_after_its_last_byte_is_sent_at_most_once_more_with_the_same_id(campus, faults):
    faults.add(Fault("smtp", "drop_after_data", times=None, options={"kept": True}))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    for _ in range(4):
        if run.state == "queued":
            run = campus.work_again(run.id)
    assert run.state == "succeeded"
    ids = [mail.message_id for mail in campus.mailbox.messages]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert campus.scalar("SELECT state FROM delivery WHERE target = 'mail'") == "unknown"


def test_a_refused_address_is_named_and_the_others_get_the_mail(campus, faults):
    faults.add(Fault("smtp", "550_rcpt", options={"addresses": ["library@example.edu"]}))
    campus.owes(*TWO_PATRONS)
    assert campus.run().state == "succeeded"
    (mail,) = campus.mailbox.messages
    assert mail.recipients == ("bursar@example.edu",)
    assert "library@example.edu was refused" in campus.scalar(
        "SELECT message FROM delivery WHERE target = 'mail'"
    )


def test_a_layout_saved_while_a_run_is_under_way_is_for_the_next_run(campus, dies):
    field = {"name": "emplid", "value": {"field": "emplid"}}

    def save(version: int, *fields: dict) -> None:
        body = {
            "format": "feebridge/layout/1",
            "name": "own",
            "file_name": "h.txt",
            "mode": "delimited",
            "delimiter": "|",
            "records": {"detail": list(fields)},
        }
        with tenant_scope(campus.tenant_id) as session:
            session.add(LayoutVersion(name="own", version=version, body=body))
            session.commit()

    save(1, field)
    campus.sets("files", layout="own")
    dies("build", before=True)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "running"
    save(2, field, {"name": "code", "value": {"field": "hold_code"}})
    done = campus.take_over(run.id)
    assert campus.files(done)["added"] == "000000001\n000000002\n"
