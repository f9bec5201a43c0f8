"""From Alma's file to PeopleSoft's answer and back: taken, accepted, rejected, corrected, sent again, accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

import worker.pipelines.bursar.wait as waiting
from tests.integration.bursar.alma_files import Fee
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.receive_file import Origin, receive_file
from webapp.services.resend_lines import resend_lines
from webapp.store.expected_files import expected_month
from webapp.store.ledger import told

ANN = Actor(None, "Ann")
HEADING = "EMPLID,Reference,Item Type,Amount,Status,Message\n"


def answers(campus, *lines: str, name: str = "results.csv"):
    """PeopleSoft's load result is handed in and read."""
    content = HEADING + "".join(f"{line}\n" for line in lines)
    origin = Origin("load_result", "upload", name)
    received = receive_file(
        campus.tenant_id, origin, BytesIO(content.encode()), settings=campus.settings, actor=ANN
    )
    campus.work()
    return campus.the_run(received.run_id)


def rejected_rows(campus) -> list[int]:
    return [
        row_id
        for (row_id,) in campus.query(
            "SELECT id FROM quarantined_row WHERE rule = 'rejected_by_peoplesoft' AND resolved_at IS NULL ORDER BY id"
        )
    ]


def held(campus, *fees: str) -> dict[str, int]:
    with tenant_scope(campus.tenant_id) as session:
        return {
            fee: int(charge.remaining_cents) for fee, charge in told(session, campus.tenant_id, fees).items()
        }


@pytest.fixture
def sent(campus):
    """Two fees, sent; the second one rejected."""
    campus.sets("arrival", load_result_layout="load-result-csv")
    run = campus.converts(Fee("F1", "12.5"), Fee("F2", "3.00", patron="987654321"))
    assert run.state == "succeeded", run.error
    answer = answers(
        campus,
        "012345678,F1,300000006919,12.50,Posted,",
        "987654321,F2,300000006919,3.00,Error,No such student",
    )
    assert answer.state == "succeeded", answer.error
    return campus


def test_one_line_is_rejected_corrected_and_sent_again_alone(sent):
    assert held(sent, "F1", "F2") == {"F1": 1250}
    (row_id,) = rejected_rows(sent)
    resend = resend_lines(
        sent.tenant_id,
        [row_id],
        patches={row_id: {"emplid": "987654322"}},
        reason="digits swapped",
        actor=ANN,
        at_once=True,
    )
    sent.work()
    run = sent.the_run(resend.run_id)
    assert run.state == "succeeded", run.error
    assert sent.files(run) == {"debits": ["987654322,300000006919,3.00,F2"]}
    assert held(sent, "F1", "F2") == {"F1": 1250, "F2": 300}
    answers(sent, "987654322,F2,300000006919,3.00,Posted,", name="second.csv")
    events = sent.query(
        "SELECT fee_ref, event FROM ledger_entry WHERE event IN ('accepted', 'rejected') ORDER BY id"
    )
    assert events == [("F1", "accepted"), ("F2", "rejected"), ("F2", "accepted")]
    assert held(sent, "F2") == {"F2": 300}
    assert rejected_rows(sent) == []


def test_a_line_sent_again_is_sent_once_whatever_runs_follow(sent):
    (row_id,) = rejected_rows(sent)
    resend_lines(sent.tenant_id, [row_id], reason="the term is open now", actor=ANN)
    first = sent.converts(Fee("F3", "1.00"), name="BURSAR-78-1.xml", export_number="2")
    assert sorted(sent.files(first)["debits"]) == [
        "012345678,300000006919,1.00,F3",
        "987654321,300000006919,3.00,F2",
    ]
    second = sent.converts(Fee("F4", "1.00"), name="BURSAR-79-1.xml", export_number="3")
    assert sent.files(second)["debits"] == ["012345678,300000006919,1.00,F4"]
    assert held(sent, "F2") == {"F2": 300}


def test_a_line_sent_again_that_waited_at_the_desk_for_its_map_still_goes_out_and_once(sent):
    sent.sets("charge_maps", tables={"item_types": [["LOSTITEMPROCESSFEE", "300000006918"]]})
    resend_lines(sent.tenant_id, rejected_rows(sent), reason="once more", actor=ANN)
    assert sent.run().state == "nothing_to_send"
    assert sent.desk() == {"fee F2": "layout"}
    sent.sets("charge_maps", tables={"item_types": [["OVERDUEFINE", "300000000001"]]})
    run = sent.run(only_desk=True)
    assert sent.files(run) == {"debits": ["987654321,300000000001,3.00,F2"]}
    assert sent.desk() == {}
    again = sent.converts(Fee("F2", "3.00", patron="987654321"), name="BURSAR-78-1.xml", export_number="2")
    assert sent.rows(again) == {"F2": ("excluded", "already_sent")}


def test_without_a_decision_the_rejected_line_stays_where_it_is(sent):
    run = sent.converts(Fee("F3", "1.00"), name="BURSAR-78-1.xml", export_number="2")
    assert sent.files(run)["debits"] == ["012345678,300000006919,1.00,F3"]
    assert len(rejected_rows(sent)) == 1


def test_a_line_rejected_again_waits_at_the_desk_again(sent):
    (row_id,) = rejected_rows(sent)
    patches = {row_id: {"emplid": "987654322"}}
    resend_lines(sent.tenant_id, [row_id], patches=patches, reason="", actor=ANN, at_once=True)
    sent.work()
    answers(sent, "987654322,F2,300000006919,3.00,Error,Closed term", name="second.csv")
    assert len(rejected_rows(sent)) == 1
    assert held(sent, "F2") == {}


def test_what_peoplesoft_took_after_all_counts_as_told(sent):
    answers(sent, "987654321,F2,300000006919,3.00,Posted,", name="second.csv")
    assert held(sent, "F1", "F2") == {"F1": 1250, "F2": 300}
    assert rejected_rows(sent) == []


@pytest.fixture
def cut_off(sent, monkeypatch):
    """An hour to recall fees; the returned function carries on a run as if it had passed."""
    sent.sets("bursar", cutoff_minutes=60)

    def goes_on(run):
        monkeypatch.setattr(waiting, "now", lambda: datetime.now(UTC) + timedelta(minutes=61))
        return sent.work_again(run.id)

    return goes_on


def test_a_line_that_peoplesoft_takes_after_all_while_it_waits_for_the_cut_off_is_not_sent_again(
    sent, cut_off
):
    resend_lines(sent.tenant_id, rejected_rows(sent), reason="once more", actor=ANN)
    run = sent.run()
    assert run.step == "wait"
    answers(sent, "987654321,F2,300000006919,3.00,Posted,", name="second.csv")
    run = cut_off(run)
    assert (run.state, sent.files(run)) == ("nothing_to_send", {})
    assert sent.rows(run) == {"F2": ("excluded", "already_sent")}
    assert held(sent, "F2") == {"F2": 300}


def test_a_credit_waits_when_its_charge_is_rejected_before_the_credit_leaves(sent, cut_off):
    credit = Fee("C1", "-2.50", comment="F1", fee_type="CREDIT")
    run = sent.converts(credit, name="BURSAR-78-1.xml", export_number="2")
    assert (run.step, sent.rows(run)) == ("wait", {"C1": ("send", "")})
    answers(sent, "012345678,F1,300000006919,12.50,Error,Closed term", name="second.csv")
    run = cut_off(run)
    assert (run.state, sent.files(run)) == ("nothing_to_send", {})
    reason = sent.scalar("SELECT reason FROM quarantined_row WHERE rule = 'credit_without_charge'")
    assert reason == "PeopleSoft rejected its charge F1 (second.csv)"


def test_a_file_nobody_took_is_not_overwritten_and_the_run_says_so(campus):
    campus.sets("bursar", file_name="charges_{kind}.dat", collision="refuse")
    first = campus.converts(Fee("F1", "12.5"))
    assert first.state == "succeeded", first.error
    second = campus.converts(Fee("F2", "1.00"), name="BURSAR-78-1.xml", export_number="2")
    assert second.state in {"failed", "queued"}
    assert campus.dropped() == {"charges_debits.dat": ["012345678,300000006919,12.50,F1"]}
    assert held(campus, "F2") == {}
    assert "charges_debits.dat" in (second.story or str(second.error))


def test_where_the_campus_says_so_it_goes_under_a_new_name(campus):
    campus.sets("bursar", file_name="charges_{kind}.dat", collision="suffix")
    campus.converts(Fee("F1", "12.5"))
    campus.converts(Fee("F2", "1.00"), name="BURSAR-78-1.xml", export_number="2")
    assert sorted(map(tuple, campus.dropped().values())) == [
        ("012345678,300000006919,1.00,F2",),
        ("012345678,300000006919,12.50,F1",),
    ]
    assert held(campus, "F1", "F2") == {"F1": 1250, "F2": 100}


def test_the_calendar_shows_the_day_as_sent_and_taken(sent):
    with tenant_scope(sent.tenant_id) as session:
        at = sent.scalar("SELECT now() AT TIME ZONE 'America/Los_Angeles'")
        found = expected_month(session, sent.tenant_id, at.year, at.month, "America/Los_Angeles")
    (today,) = [item for item in found if item.day == at.date() and item.pipeline == "bursar_conversion"]
    assert today.state == "sent"
    assert today.words == "1 file, 2 lines, $15.50, taken by PeopleSoft."
