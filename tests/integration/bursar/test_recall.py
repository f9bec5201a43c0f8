"""Until the cut-off a fee can be pulled out of its run; afterwards the next run takes it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import worker.pipelines.bursar.wait as waiting
from tests.integration.bursar.alma_files import Fee
from webapp.sandbox.faults import Fault
from webapp.services.audit import Actor
from webapp.services.cancel_run import cancel_run
from webapp.services.recall_fee import RecallRefusedError, recall_fee

ANN = Actor(None, "Ann")
F1, F2 = Fee("F1", "12.50", barcode="B1"), Fee("F2", "300", patron="987654321")
F1_LINE, F2_LINE = "012345678,300000006919,12.50,F1", "987654321,300000006919,300.00,F2"


@pytest.fixture
def cut_off(campus, monkeypatch):
    """An hour to recall fees; the returned function lets it pass."""
    campus.sets("bursar", cutoff_minutes=60)

    def pass_by() -> None:
        later = datetime.now(UTC) + timedelta(minutes=61)
        monkeypatch.setattr(waiting, "now", lambda: later)

    return pass_by


def test_a_run_waits_for_the_cut_off_and_says_until_when(campus, cut_off):
    run = campus.converts(F1)
    assert (run.state, run.step) == ("queued", "wait")
    assert run.story.startswith("Leaves at ")
    assert campus.dropped() == {}
    cut_off()
    assert campus.work_again(run.id).state == "succeeded"
    assert list(campus.dropped().values()) == [[F1_LINE]]


def test_a_fee_recalled_before_the_cut_off_stays_out_under_its_rule(campus, cut_off):
    run = campus.converts(F1, F2)
    recall = recall_fee(campus.tenant_id, "F1", "Paid at the desk", ANN)
    assert (recall.state, recall.run_id, recall.amount_cents) == ("pulled", run.id, 1250)
    cut_off()
    run = campus.work_again(run.id)
    assert run.state == "succeeded", run.error
    assert list(campus.dropped().values()) == [[F2_LINE]]
    assert run.counts["rows_excluded_recalled"] == 1
    assert run.counts["rows_in"] == 2
    assert [fee_ref for fee_ref, *_ in campus.ledger()] == ["F2"]


def test_a_recalled_fee_stays_out_when_its_run_fails_and_its_file_is_read_again(campus, cut_off, faults):
    run = campus.converts(F1, F2)
    recall_fee(campus.tenant_id, "F1", "Disputed", ANN)
    faults.add(Fault("sftp", "refuse_auth", times=None))
    cut_off()
    assert campus.work_again(run.id).state == "failed"
    faults.clear()
    again = campus.run()
    assert again.state == "succeeded", again.error
    assert list(campus.dropped().values()) == [[F2_LINE]]


def test_a_fee_recalled_after_it_left_is_credited_by_the_next_run(campus):
    campus.converts(F1, F2)
    recall = recall_fee(campus.tenant_id, "F1", "Billed in error", ANN)
    assert (recall.state, recall.amount_cents) == ("credit_queued", -1250)
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert campus.files(run) == {"credits": [f"012345678,300000006919,12.50,F1-C{recall.task_id}"]}
    assert campus.scalar("SELECT original_ref FROM ledger_entry WHERE event = 'credit'") == "F1"
    assert campus.query("SELECT state FROM bursar_task") == [("done",)]
    assert campus.run().state == "nothing_to_send"


def test_a_credit_that_did_not_leave_is_asked_for_again_and_told_once(campus, faults):
    campus.converts(F1)
    recall_fee(campus.tenant_id, "F1", "Billed in error", ANN)
    faults.add(Fault("sftp", "refuse_auth", times=None))
    assert campus.run().state == "failed"
    faults.clear()
    assert campus.query("SELECT state FROM bursar_task") == [("open",)]
    assert campus.run().state == "succeeded"
    assert campus.query("SELECT state FROM bursar_task") == [("done",)]
    assert sum(len(lines) for name, lines in campus.dropped().items() if name.startswith("credits")) == 1


def test_only_what_is_left_of_a_fee_is_taken_back(campus):
    campus.converts(F1, export_number="1")
    campus.converts(
        Fee("C1", "-2.50", barcode="B1", fee_type="CREDIT"), export_number="2", name="BURSAR-78-1.xml"
    )
    assert recall_fee(campus.tenant_id, "F1", "Waived", ANN).amount_cents == -1000
    campus.run()
    with pytest.raises(RecallRefusedError, match="Nothing is left"):
        recall_fee(campus.tenant_id, "F1", "Again", ANN)


def test_a_fee_recalled_while_its_file_was_on_its_way_does_not_leave_once_more_if_that_fails(campus, cut_off):
    campus.sets("bursar", stop_patron_cents=100)
    run = campus.converts(F1, F2)
    cut_off()
    run = campus.work_again(run.id)
    assert run.state == "awaiting_approval"
    assert recall_fee(campus.tenant_id, "F1", "Disputed", ANN).state == "credit_queued"
    cancel_run(campus.tenant_id, run.id, ANN)
    campus.sets("bursar", stop_patron_cents=0, cutoff_minutes=0)
    again = campus.run()
    assert again.state == "succeeded", again.error
    assert list(campus.dropped().values()) == [[F2_LINE]]
    assert campus.desk() == {}
    assert campus.query("SELECT state FROM bursar_task") == [("done",)]


def test_a_recall_needs_a_reason_and_a_fee_that_somebody_knows(campus):
    with pytest.raises(RecallRefusedError, match="reason"):
        recall_fee(campus.tenant_id, "F1", "  ", ANN)
    with pytest.raises(LookupError):
        recall_fee(campus.tenant_id, "F1", "Disputed", ANN)


def test_a_fee_is_recalled_once(campus):
    campus.converts(F1)
    recall_fee(campus.tenant_id, "F1", "Disputed", ANN)
    with pytest.raises(RecallRefusedError, match="recalled already"):
        recall_fee(campus.tenant_id, "F1", "Disputed", ANN)


def test_one_campus_cannot_recall_anothers_fee(campus, two_tenants):
    campus.converts(F1)
    with pytest.raises(LookupError):
        recall_fee(two_tenants[0], "F1", "Not mine", ANN)


def test_a_recall_takes_back_what_was_told_also_while_the_same_fee_waits_with_another_amount(campus, cut_off):
    campus.sets("bursar", cutoff_minutes=0)
    campus.converts(F1, export_number="1")
    campus.sets("bursar", cutoff_minutes=60)
    run = campus.converts(Fee("F1", "2.77"), F2, export_number="2", name="BURSAR-78-1.xml")
    assert campus.rows(run)["F1"] == ("quarantined", "told_other_amount")
    recall = recall_fee(campus.tenant_id, "F1", "Waived", ANN)
    assert (recall.state, recall.amount_cents) == ("credit_queued", -1250)
    cut_off()
    campus.work_again(run.id)
    assert campus.files(campus.run(only_desk=True)) == {
        "credits": [f"012345678,300000006919,12.50,F1-C{recall.task_id}"]
    }


def test_a_credit_recalled_before_the_cut_off_stays_out_when_its_file_is_read_again(campus, cut_off):
    campus.sets("bursar", cutoff_minutes=0)
    campus.converts(F1, export_number="1")
    campus.sets("bursar", cutoff_minutes=60)
    credit = Fee("C1", "-2.50", barcode="B1", fee_type="CREDIT")
    run = campus.converts(credit, F2, export_number="2", name="BURSAR-78-1.xml")
    assert recall_fee(campus.tenant_id, "C1", "Entered by mistake", ANN).state == "pulled"
    cancel_run(campus.tenant_id, run.id, ANN)
    campus.sets("bursar", cutoff_minutes=0)
    again = campus.run()
    assert campus.rows(again)["C1"] == ("excluded", "recalled")
    assert campus.files(again) == {"debits": [F2_LINE]}
