"""Fees stay open in Alma: the bursar is told charges, changes and reversals as the difference."""

from __future__ import annotations

import copy
import random
from datetime import UTC, datetime, timedelta

import pytest

import worker.pipelines.bursar.wait as waiting
from tests.integration.bursar.alma_files import Fee
from tests.integration.bursar.conftest import LAYOUT
from webapp.services.audit import Actor
from webapp.services.recall_fee import RecallRefusedError, recall_fee

ANN = Actor(None, "Ann")


def test_what_is_left_to_pay_is_charged_and_not_what_the_fee_once_was(balances):
    run = balances.export("901=2.77")
    assert run.state == "succeeded", run.error
    assert balances.lines(run) == {"debits": ["012345678,300000006919,2.77,901"]}
    assert balances.told("901") == {"901": 277}


def test_an_unchanged_balance_is_not_told_again(balances):
    balances.export("901=2.77", "902=5.00")
    run = balances.export("901=2.77", "902=5.00")
    assert run.state == "nothing_to_send"
    assert balances.lines(run) == {}
    assert (run.counts["rows_in"], run.counts["rows_excluded_unchanged"]) == (2, 2)


def test_a_balance_that_went_up_is_charged_the_difference(balances):
    balances.export("901=2.77")
    run = balances.export("901=4.00")
    assert balances.lines(run) == {"debits": ["012345678,300000006919,1.23,901"]}
    assert balances.told("901") == {"901": 400}


def test_a_part_payment_takes_the_difference_back_from_the_same_item_type_and_reference(balances):
    balances.export("901=25.00")
    run = balances.export("901=2.77")
    assert balances.lines(run) == {"credits": ["012345678,300000006919,22.23,901"]}
    assert balances.told("901") == {"901": 277}
    assert balances.world.ledger()[-1] == ("901", "reversal", -2223, "300000006919")


@pytest.mark.parametrize("after", [[], ["901=0.00"], ["901=0.00/paid"], ["901=12.00/waived"]])
def test_a_fee_that_is_paid_waived_or_gone_is_taken_back_whole(balances, after):
    balances.export("901=25.00", "902=1.00")
    run = balances.export("902=1.00", *after)
    assert balances.lines(run) == {"credits": ["012345678,300000006919,25.00,901"]}
    assert balances.told("901", "902") == {"901": 0, "902": 100}


def test_a_fee_that_comes_back_is_charged_again(balances):
    balances.export("901=25.00", "902=1.00")
    balances.export("902=1.00")
    run = balances.export("901=3.00", "902=1.00")
    assert balances.lines(run) == {"debits": ["012345678,300000006919,3.00,901"]}
    assert balances.told("901") == {"901": 300}


def test_rows_and_cents_in_are_sent_held_back_or_left_out(balances):
    # The source takes any id; which of them PeopleSoft knows is for the policy to say.
    balances.world.sets("source", emplid_digits=0, emplid_pad=False)
    balances.export("901=25.00", "902=1.00")
    run = balances.export("901=20.00", "902=1.00", "903=4.00", "904=7.00/appeal", "905=9.00@ABC")
    counts = run.counts
    assert counts["rows_in"] == 5
    assert counts["rows_in"] == counts["rows_sent"] + counts["rows_quarantined"] + counts["rows_excluded"]
    assert counts["cents_in"] == counts["cents_sent"] + counts["cents_quarantined"] + counts["cents_excluded"]
    assert balances.world.rows(run) == {
        "901": ("send", ""),
        "902": ("excluded", "unchanged"),
        "903": ("send", ""),
        "904": ("excluded", "disputed"),
        "905": ("quarantined", "no_emplid"),
    }


def test_a_disputed_fee_stays_as_the_bursar_was_told(balances):
    balances.export("901=25.00")
    run = balances.export("901=5.00/appeal")
    assert run.state == "nothing_to_send"
    assert balances.told("901") == {"901": 2500}


def test_a_rehearsal_tells_nobody_and_the_next_run_tells_all(balances):
    rehearsal = balances.export("901=2.77", dry_run=True)
    assert balances.lines(rehearsal) == {"debits": ["012345678,300000006919,2.77,901"]}
    assert balances.told("901") == {}
    assert balances.world.dropped() == {}
    balances.export("901=2.77")
    assert balances.told("901") == {"901": 277}


def test_a_file_that_never_arrived_does_not_count_as_told(balances):
    balances.world.sets("delivery", sftp_host_keys=["SHA256:" + "A" * 43])
    failed = balances.export("901=2.77")
    assert failed.state == "failed"
    assert balances.told("901") == {}
    balances.world.sets("delivery", sftp_host_keys=[balances.world.drop.fingerprint])
    balances.export("901=2.77")
    assert balances.told("901") == {"901": 277}


def test_a_rejected_charge_waits_for_a_person_instead_of_being_rejected_every_night(balances, superuser):
    balances.export("901=2.77")
    superuser.execute(
        """
        INSERT INTO ledger_entry (tenant_id, side, run_id, file_id, line_no, fee_ref, event, amount_cents)
        SELECT tenant_id, side, run_id, file_id, line_no, fee_ref, 'rejected', amount_cents FROM ledger_entry
        """
    )
    superuser.execute(
        """
        INSERT INTO quarantined_row (tenant_id, run_id, fingerprint, source, row_ref, reason, raw, pipeline, rule)
        SELECT tenant_id, run_id, 'f', 'peoplesoft', 'line 1', 'Closed', '{"fee_ref": "901"}',
               'bursar_acknowledgements', 'rejected_by_peoplesoft' FROM ledger_entry WHERE event = 'rejected'
        """
    )
    run = balances.export("901=2.77")
    assert balances.world.rows(run) == {"901": ("excluded", "rejected_by_peoplesoft")}
    superuser.execute("UPDATE quarantined_row SET resolved_at = now(), decision = 'mended'")
    run = balances.export("901=2.77")
    assert balances.lines(run) == {"debits": ["012345678,300000006919,2.77,901"]}


def test_a_fee_that_moved_to_another_patron_waits_for_a_person(balances):
    balances.export("901=2.77", "902=1.00")
    run = balances.export("901=3.00@011111111", "902=1.00")
    assert balances.world.rows(run)["901"] == ("quarantined", "patron_changed")
    assert balances.told("901") == {"901": 277}


def test_a_row_nobody_could_read_protects_its_fee_from_being_taken_back(balances):
    balances.export("901=25.00", "902=1.00", "903=2.00@022222222")
    run = balances.export("901=lots", "902=1.00")
    rows = balances.world.rows(run)
    assert rows["901"] == ("excluded", "source_incomplete")
    assert rows["903"] == ("send", "")
    assert rows[""] == ("quarantined", "unreadable")
    assert balances.told("901", "903") == {"901": 2500, "903": 0}


def test_an_empty_list_asks_before_everything_is_taken_back(balances):
    balances.export("901=25.00", "902=1.00")
    run = balances.export()
    assert run.state == "awaiting_approval"
    assert "lists no open fee at all" in run.story or "lists no open fee at all" in str(
        balances.world.query(f"SELECT reasons FROM approval WHERE run_id = {run.id}")
    )
    assert balances.world.dropped().keys() == {"debits_" + name for name in _names(balances)}


def _names(balances):
    return {name.removeprefix("debits_") for name in balances.world.dropped()}


def test_many_fees_gone_at_once_ask_a_person(balances):
    balances.export(*(f"{n}=1.00" for n in range(100, 140)))
    run = balances.export(*(f"{n}=1.00" for n in range(100, 115)))
    assert run.state == "awaiting_approval"
    reasons = str(balances.world.query(f"SELECT reasons FROM approval WHERE run_id = {run.id}"))
    assert "25 of the 40 fees the bursar holds ($25.00)" in reasons


def test_fees_told_by_a_conversion_are_not_taken_back_because_they_are_closed_in_alma(balances):
    converted = balances.world.converts(Fee("555"))
    assert converted.state == "succeeded", converted.error
    balances.export("901=2.00")
    assert balances.told("555") == {"555": 1000}


def test_where_only_whole_charges_are_reversed_the_old_one_goes_and_the_new_one_comes(balances):
    balances.world.sets("bursar", partial_reversals=False)
    balances.export("901=25.00")
    down = balances.export("901=2.77")
    assert balances.lines(down) == {
        "debits": ["012345678,300000006919,2.77,901"],
        "credits": ["012345678,300000006919,25.00,901"],
    }
    up = balances.export("901=4.00")
    assert balances.lines(up) == {
        "debits": ["012345678,300000006919,4.00,901"],
        "credits": ["012345678,300000006919,2.77,901"],
    }
    assert balances.told("901") == {"901": 400}
    balances.export("902=1.00")
    assert balances.told("901") == {"901": 0}


def test_a_fee_type_that_is_never_billed_is_left_out(balances):
    balances.world.sets("bursar", fee_types_never=["OVERDUEFINE"])
    run = balances.export("901=2.77")
    assert run.state == "nothing_to_send"
    assert balances.world.rows(run) == {"901": ("excluded", "fee_type_never")}


def test_what_is_no_longer_held_back_leaves_the_desk(balances):
    balances.export("901=9.00@ABC", "902=1.00")
    assert list(balances.world.desk().values()) == ["unreadable"]
    balances.export("902=1.00")
    balances.export("902=1.00")
    assert balances.world.desk() == {}


@pytest.mark.parametrize(("seed", "partial"), [(1, True), (2, True), (3, False)])
def test_after_any_nights_the_bursar_holds_just_what_is_owed(balances, seed, partial):
    balances.world.sets("bursar", partial_reversals=partial, stop_if_empty=False)
    dice = random.Random(seed)
    fees = ["901", "902", "903"]
    for _night in range(4):
        owed = {fee: dice.choice([0, 277, 1000, 2500]) for fee in fees if dice.random() < 0.8}
        run = balances.export("900=1.00", *(f"{fee}={cents / 100:.2f}" for fee, cents in owed.items()))
        assert run.state in {"succeeded", "nothing_to_send"}, run.error
        found = balances.told(*fees)
        assert {fee: found.get(fee, 0) for fee in fees} == {fee: owed.get(fee, 0) for fee in fees}


@pytest.fixture
def waits(balances, monkeypatch):
    """Two fees are told, and the next run waits for its cut-off; the returned function lets the time pass."""
    balances.export("901=25.00", "902=1.00")
    balances.world.sets("bursar", cutoff_minutes=60)

    def goes_on(run):
        later = datetime.now(UTC) + timedelta(minutes=61)
        monkeypatch.setattr(waiting, "now", lambda: later)
        return balances.world.work_again(run.id)

    return goes_on


def test_a_fee_that_a_run_is_about_to_take_back_is_not_kept_billed_by_recalling_it(balances, waits):
    run = balances.export("902=1.00")
    assert run.step == "wait"
    with pytest.raises(RecallRefusedError, match=f"Run {run.id} takes \\$25.00 of fee 901 back already"):
        recall_fee(balances.tenant_id, "901", "Paid at the desk", ANN)
    assert waits(run).state == "succeeded"
    assert balances.told("901") == {"901": 0}


def test_a_recalled_fee_that_went_up_is_taken_back_whole_and_not_only_by_what_it_went_up(balances, waits):
    run = balances.export("901=30.00", "902=1.00")
    assert run.step == "wait"
    recall = recall_fee(balances.tenant_id, "901", "Paid at the desk", ANN)
    assert (recall.state, recall.amount_cents) == ("credit_queued", -2500)
    run = waits(run)
    assert balances.world.rows(run)["901"] == ("excluded", "recalled")
    run = balances.export("901=30.00", "902=1.00")
    assert balances.lines(run) == {"credits": [f"012345678,300000006919,25.00,901-C{recall.task_id}"]}
    assert balances.told("901") == {"901": 0}


def test_a_credit_that_a_balance_export_could_not_send_is_not_forgotten(balances):
    balances.export("901=25.00", "902=1.00")
    recall = recall_fee(balances.tenant_id, "901", "Paid at the desk", ANN)
    narrow = copy.deepcopy(LAYOUT)
    narrow["records"]["detail"][3] |= {"width": 3, "overflow": "error"}
    balances.world.saves_layout(narrow, 2)
    run = balances.export("901=25.00", "902=1.00")
    credit = f"901-C{recall.task_id}"
    assert balances.world.rows(run)[credit] == ("quarantined", "layout")
    balances.world.saves_layout(LAYOUT, 3)
    for _ in range(2):
        balances.export("901=25.00", "902=1.00")
    assert balances.world.desk() == {f"fee {credit}": "layout"}
    run = balances.world.run(only_desk=True)
    assert balances.lines(run) == {"credits": [f"012345678,300000006919,25.00,{credit}"]}
    assert balances.told("901") == {"901": 0}
    assert balances.world.desk() == {}
