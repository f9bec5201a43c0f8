"""No student is billed twice and none is missed: ids that repeat, files that failed, deliveries nobody is sure of."""

from __future__ import annotations

import pytest
from sqlalchemy import text

import worker.pipelines.shared.delivery as delivering
from tests.integration.bursar.alma_files import Fee
from webapp.adapters.errors import UnknownOutcomeError
from webapp.models.scope import tenant_scope
from webapp.sandbox.faults import Fault
from webapp.services import settle_by_looking
from webapp.services.audit import Actor
from webapp.services.cancel_run import cancel_run
from webapp.services.decide_approval import approve_run, reject_run
from webapp.services.fetch_file import fetch_file
from webapp.services.settle_effect import settle_effect
from worker.pipelines import PIPELINES
from worker.pipelines.bursar_conversion import BURSAR_CONVERSION
from worker.steps import Pipeline, Step

ANN = Actor(None, "Ann")
F1, F2 = Fee("F1", "12.50"), Fee("F2", "300", patron="987654321")
F1_LINE, F2_LINE = "012345678,300000006919,12.50,F1", "987654321,300000006919,300.00,F2"


@pytest.fixture
def answer_lost(monkeypatch):
    """Files arrive, or not, but neither the answer nor a look comes through until ``monkeypatch.undo()``."""
    real = delivering.put_file

    def lose(*, arrives: bool):
        def put(target, *, before_effect, **parcel):
            if arrives:
                real(target, before_effect=before_effect, **parcel)
            else:
                before_effect()
            raise UnknownOutcomeError("The answer to the rename was lost.")

        def blind(*_args, **_parcel):
            raise UnknownOutcomeError("Nobody can tell.")

        monkeypatch.setattr(delivering, "put_file", put)
        monkeypatch.setattr(settle_by_looking, "settle_put", blind)

    return lose


def lines(campus) -> list[str]:
    """Every line in the campus's folder."""
    return sorted(line for file in campus.dropped().values() for line in file)


def test_an_id_repeated_inside_one_file_sends_none_of_its_rows(campus):
    run = campus.converts(F1, Fee("F1", "9.00"), F2)
    assert run.state == "succeeded", run.error
    assert lines(campus) == [F2_LINE]
    assert campus.query("SELECT rule, amount_cents FROM quarantined_row ORDER BY id") == [
        ("repeated_id", 1250),
        ("repeated_id", 900),
    ]
    assert "2 held back because the id F1 stands on 2 rows" in run.story


def test_rows_equal_in_everything_are_an_entry_each_at_the_desk(campus):
    run = campus.converts(F1, F1)
    assert run.counts["rows_quarantined"] == 2
    assert len(campus.query("SELECT id FROM quarantined_row")) == 2


def test_a_fee_that_was_told_is_left_out_of_later_files_under_its_rule(campus):
    campus.converts(F1, export_number="1")
    run = campus.converts(F1, F2, export_number="2", name="BURSAR-78-1.xml")
    assert run.state == "succeeded", run.error
    assert lines(campus) == sorted([F1_LINE, F2_LINE])
    assert run.counts["rows_excluded_already_sent"] == 1
    assert run.counts["cents_excluded_already_sent"] == 1250


def test_a_fee_told_with_another_amount_waits_for_a_person(campus):
    campus.converts(F1, export_number="1")
    run = campus.converts(Fee("F1", "2.77"), export_number="2", name="BURSAR-78-1.xml")
    assert lines(campus) == [F1_LINE]
    assert campus.rows(run) == {"F1": ("quarantined", "told_other_amount")}
    assert "12.50" in campus.scalar("SELECT reason FROM quarantined_row")


def test_a_known_export_number_asks_a_person_and_sends_only_what_is_new(campus):
    campus.converts(F1, export_number="1")
    run = campus.converts(F1, F2, export_number="1", name="BURSAR-78-1.xml")
    assert run.state == "awaiting_approval"
    assert "Export 1 was in BURSAR-77-1.xml already" in campus.scalar("SELECT reasons ->> 0 FROM approval")
    approve_run(campus.tenant_id, run.id, ANN)
    campus.work()
    assert campus.the_run(run.id).state == "succeeded"
    assert lines(campus) == sorted([F1_LINE, F2_LINE])


def test_a_file_whose_delivery_failed_waits_again_and_goes_out_once(campus, faults):
    faults.add(Fault("sftp", "refuse_auth"))
    run = campus.converts(F1, F2)
    assert run.state == "failed"
    assert campus.inbound() == ["waiting"]
    assert len(campus.ledger()) == 2
    again = campus.run()
    assert again.state == "succeeded", again.error
    assert lines(campus) == sorted([F1_LINE, F2_LINE])
    assert campus.inbound() == ["done"]


def test_when_the_second_file_fails_the_first_is_not_told_again(campus, faults):
    campus.sets("bursar", credit_item_type="820000206129")
    faults.add(Fault("sftp", "disk_full", times=None, after=1, options={"byte": 0}))
    run = campus.converts(F1, F2, Fee("C1", "-4.00"))
    while run.state == "queued":
        run = campus.work_again(run.id)
    assert run.state == "failed", run.error
    assert lines(campus) == ["012345678,820000206129,4.00,C1"]
    assert campus.inbound() == ["waiting"]
    faults.clear()
    again = campus.run()
    assert again.state == "succeeded", again.error
    assert lines(campus) == sorted([F1_LINE, F2_LINE, "012345678,820000206129,4.00,C1"])
    assert again.counts["rows_excluded_already_sent"] == 1


@pytest.mark.parametrize("end", ["rejected", "cancelled"])
def test_a_rejected_or_cancelled_run_has_told_nobody_and_its_file_waits_again(campus, end):
    campus.sets("bursar", stop_patron_cents=100)
    run = campus.converts(F1)
    assert run.state == "awaiting_approval"
    if end == "rejected":
        reject_run(campus.tenant_id, run.id, ANN, "Not tonight.")
    else:
        cancel_run(campus.tenant_id, run.id, ANN)
    assert campus.inbound() == ["waiting"]
    assert campus.desk() == {}
    campus.sets("bursar", stop_patron_cents=0)
    assert campus.run().state == "succeeded"
    assert lines(campus) == [F1_LINE]


def test_while_nobody_knows_whether_a_file_arrived_it_stays_with_its_run_and_its_fees_count_as_told(
    campus, answer_lost
):
    answer_lost(arrives=True)
    run = campus.converts(F1)
    assert run.state == "failed"
    assert campus.inbound() == ["taken"]
    other = campus.converts(F1, F2, export_number="2", name="BURSAR-78-1.xml")
    assert other.state == "awaiting_approval"
    assert "is not known" in campus.scalar("SELECT reasons ->> 0 FROM approval")
    assert campus.rows(other) == {"F1": ("quarantined", "in_doubt"), "F2": ("send", "")}


@pytest.mark.parametrize("arrived", [True, False])
def test_a_person_settles_it_and_every_fee_goes_out_exactly_once(campus, answer_lost, monkeypatch, arrived):
    answer_lost(arrives=arrived)
    run = campus.converts(F1, F2)
    assert run.state == "failed"
    monkeypatch.undo()
    file_id = campus.scalar("SELECT id FROM file")
    settle_effect(campus.tenant_id, run.id, file_id, arrived=arrived, actor=ANN)
    assert campus.inbound() == (["done"] if arrived else ["waiting"])
    again = campus.run()
    assert again.state == ("nothing_to_send" if arrived else "succeeded"), again.error
    assert lines(campus) == sorted([F1_LINE, F2_LINE])


def test_the_next_run_looks_for_it_before_it_takes_up_anything(campus, answer_lost, monkeypatch):
    answer_lost(arrives=True)
    campus.converts(F1, F2)
    monkeypatch.undo()
    assert campus.run().state == "nothing_to_send"
    assert lines(campus) == sorted([F1_LINE, F2_LINE])
    assert campus.inbound() == ["done"]


def test_what_came_from_the_desk_in_a_doubtful_file_waits_until_that_is_settled(
    campus, answer_lost, monkeypatch
):
    campus.sets("bursar", known_types=["LOSTITEMREPLACEMENTFEE"])
    campus.converts(F1)
    assert campus.desk() == {"fee F1": "unknown_type"}
    campus.sets("bursar", known_types=[])
    answer_lost(arrives=False)
    doubtful = campus.run(only_desk=True)
    assert doubtful.state == "failed"
    assert campus.run(only_desk=True).state == "nothing_to_send"
    monkeypatch.undo()
    file_id = campus.scalar("SELECT max(id) FROM file")
    settle_effect(campus.tenant_id, doubtful.id, file_id, arrived=False, actor=ANN)
    assert campus.run(only_desk=True).state == "succeeded"
    assert lines(campus) == [F1_LINE]
    assert campus.desk() == {}


def test_runs_out_of_their_order_give_no_number_and_no_name_twice(campus):
    first = campus.hands_in(F1)
    with tenant_scope(campus.tenant_id) as session:
        session.execute(text("UPDATE run SET not_before = clock_timestamp() + interval '1 hour'"))
        session.commit()
    campus.converts(F2, export_number="2", name="BURSAR-78-1.xml")
    campus.work_again(first.run_id)
    names = [name.rpartition("_")[2] for (name,) in campus.query("SELECT name FROM file ORDER BY id")]
    assert names == ["1.dat", "2.dat"]
    assert lines(campus) == sorted([F1_LINE, F2_LINE])


@pytest.fixture
def report_breaks():
    """The step after the delivery fails for good, once; put back afterwards."""

    def breaks(_ctx):
        PIPELINES.add(BURSAR_CONVERSION)
        raise ValueError("a fault of our own")

    steps = tuple(
        Step(step.name, step.title, breaks if step.name == "report" else step.action, step.delivers)
        for step in BURSAR_CONVERSION.steps
    )
    PIPELINES.add(Pipeline(BURSAR_CONVERSION.name, BURSAR_CONVERSION.title, steps))
    yield
    PIPELINES.add(BURSAR_CONVERSION)


def test_files_left_in_the_portal_can_be_fetched_and_count_though_their_report_failed(campus, report_breaks):
    campus.sets("delivery", sftp_enabled=False, mail_enabled=False)
    run = campus.converts(F1)
    assert run.state == "failed"
    other = campus.converts(F1, F2, export_number="2", name="BURSAR-78-1.xml")
    assert campus.rows(other) == {"F1": ("excluded", "already_sent"), "F2": ("send", "")}
    file_id = campus.scalar("SELECT min(id) FROM file")
    _, source = fetch_file(campus.tenant_id, file_id, ANN, campus.store)
    with source:
        assert source.read().decode().splitlines() == [F1_LINE]
    assert campus.inbound() == ["done", "done"]
