"""Alma's file becomes PeopleSoft's files, and every line of them stands in the ledger before it leaves."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.integration.bursar.alma_files import Fee, bursar_file
from tests.integration.bursar.conftest import LAYOUT
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.fetch_file import fetch_file
from webapp.services.submit_run import submit_run
from webapp.store import ledger, runs

TWO_FEES = (Fee("F1", "12.5"), Fee("F2", "300", patron="987654321", fee_type="LOSTITEMREPLACEMENTFEE"))
BOTH_LINES = ["012345678,300000006919,12.50,F1", "987654321,300000006920,300.00,F2"]


def test_a_file_that_arrives_is_delivered_and_every_line_of_it_stands_in_the_ledger(campus):
    run = campus.converts(*TWO_FEES)
    assert run.state == "succeeded", run.error
    (lines,) = campus.dropped().values()
    assert lines == BOTH_LINES
    assert campus.ledger() == [
        ("F1", "charge", 1250, "300000006919"),
        ("F2", "charge", 30000, "300000006920"),
    ]
    assert campus.inbound() == ["done"]
    assert (run.counts["rows_in"], run.counts["rows_sent"], run.counts["cents_sent"]) == (2, 2, 31250)
    assert (run.counts["charges"], run.counts["charges_cents"], run.counts["files"]) == (2, 31250, 1)


def test_a_ledger_line_names_reference_term_billing_day_file_and_line(campus):
    campus.converts(*TWO_FEES)
    found = campus.query(
        "SELECT e.reference, e.term, e.billing_on = (r.started_at AT TIME ZONE 'America/Los_Angeles')::date, f.kind, "
        "e.line_no, e.patron_id, e.emplid, i.name FROM ledger_entry e JOIN file f ON f.id = e.file_id "
        "JOIN run r ON r.id = e.run_id JOIN inbound_file i ON i.id = e.inbound_file_id ORDER BY e.id"
    )
    assert [row[:1] + row[2:] for row in found] == [
        ("F1", True, "debits", 1, "012345678", "012345678", "BURSAR-77-1.xml"),
        ("F2", True, "debits", 2, "987654321", "987654321", "BURSAR-77-1.xml"),
    ]
    assert all(row[1].startswith("2") for row in found)


def test_the_report_tells_each_file_with_its_debits_and_credits(campus):
    campus.sets("bursar", credit_item_type="820000206129")
    campus.converts(*TWO_FEES, Fee("C9", "-3.25", barcode="B9"))
    (mail,) = campus.mailbox.messages
    text = mail.message.get_content()
    assert mail.recipients == ("bursar@example.edu", "library@example.edu")
    assert "3 lines" in mail.subject
    assert "debits         2           $312.50" in text
    assert "credits        1            -$3.25" in text


def test_an_empty_file_is_nothing_to_send_and_leaves_no_file(campus):
    run = campus.converts()
    assert run.state == "nothing_to_send", run.error
    assert campus.dropped() == {}
    assert campus.inbound() == ["done"]


def test_a_run_without_a_file_is_nothing_to_send(campus):
    run = campus.run()
    assert (run.state, campus.dropped()) == ("nothing_to_send", {})


def test_a_damaged_file_is_refused_whole_with_its_place_and_nothing_of_it_is_kept(campus):
    whole = bursar_file(*TWO_FEES)
    received = campus.hands_in_bytes(whole[: len(whole) - 40])
    campus.work()
    run = campus.the_run(received.run_id)
    assert run.state == "failed"
    assert "line" in run.error["message"]
    assert campus.inbound() == ["refused"]
    assert campus.scalar("SELECT count(*) FROM bursar_row") == 0
    assert (campus.ledger(), campus.dropped()) == ([], {})
    assert "the run failed" in campus.mailbox.messages[-1].subject
    mended = campus.converts(*TWO_FEES)
    assert mended.state == "succeeded", mended.error


def test_a_rehearsal_builds_files_to_look_at_and_changes_nothing(campus):
    received = campus.hands_in(*TWO_FEES, Fee("F3", patron="no digits"))
    with tenant_scope(campus.tenant_id) as session:
        session.execute(text("UPDATE run SET dry_run = true"))
        session.commit()
    campus.work()
    run = campus.the_run(received.run_id)
    assert run.state == "succeeded", run.error
    assert campus.files(run)["debits"] == BOTH_LINES
    assert "a rehearsal" in run.story
    assert (campus.ledger(), campus.desk(), campus.dropped()) == ([], {}, {})
    assert campus.inbound() == ["waiting"]
    with tenant_scope(campus.tenant_id) as session:
        assert ledger.told(session, campus.tenant_id, ["F1"]) == {}
    assert campus.run().state == "succeeded"
    assert list(campus.dropped().values()) == [BOTH_LINES]


def test_a_type_missing_in_the_map_waits_at_the_desk_and_goes_once_the_map_is_mended(campus):
    run = campus.converts(*TWO_FEES, Fee("F3", "7.00", fee_type="NEWFEE"))
    assert run.state == "succeeded", run.error
    assert list(campus.dropped().values()) == [BOTH_LINES]
    assert campus.desk() == {"fee F3": "layout"}
    assert (run.counts["rows_quarantined"], run.counts["cents_quarantined"]) == (1, 700)
    campus.sets(
        "charge_maps",
        tables={"item_types": [*LAYOUT["tables"]["item_types"]["rows"], ["NEWFEE", "300000000001"]]},
    )
    run = campus.run(only_desk=True)
    assert run.state == "succeeded", run.error
    assert campus.files(run) == {"debits": ["012345678,300000000001,7.00,F3"]}
    assert campus.desk() == {}


def test_every_row_may_be_refused_by_the_layout_and_nothing_is_lost(campus):
    run = campus.converts(*(Fee(f"N{n}", fee_type="NEWFEE") for n in range(30)))
    assert run.state == "nothing_to_send", run.error
    assert campus.inbound() == ["done"]
    assert len(campus.desk()) == 30
    assert (run.counts["rows_in"], run.counts["rows_sent"], run.counts["rows_quarantined"]) == (30, 0, 30)


def test_a_layout_that_cannot_be_used_fails_the_run_before_anything_is_read_and_keeps_the_file(campus):
    campus.sets("bursar", layout="no-such-layout")
    run = campus.converts(*TWO_FEES)
    assert run.state == "failed"
    assert "no-such-layout" in run.error["message"]
    assert campus.inbound() == ["waiting"]
    campus.sets("bursar", layout="own")
    assert campus.run().state == "succeeded"
    assert list(campus.dropped().values()) == [BOTH_LINES]


def test_a_layout_of_holds_is_no_layout_of_charges(campus):
    campus.sets("bursar", layout="opscom-holds")
    run = campus.converts(*TWO_FEES)
    assert run.state == "failed"
    assert "about holds" in run.error["message"]


def test_the_same_rows_give_the_same_bytes(campus):
    first = campus.converts(*TWO_FEES, export_number="1")
    assert first.state == "succeeded", first.error
    sha = campus.query("SELECT sha256 FROM file")
    again = [Fee(fee.ref + "9", fee.sum, fee.patron, fee.fee_type) for fee in TWO_FEES]
    campus.converts(*again, export_number="2", name="BURSAR-78-1.xml")
    third = campus.query("SELECT sha256 FROM file ORDER BY id")
    assert third[0] == sha[0]
    assert third[1] != sha[0]


def test_files_left_in_the_portal_are_not_overtaken_and_each_can_be_fetched(campus):
    campus.sets("delivery", sftp_enabled=False)
    campus.sets("notification", attach_files=False)
    campus.converts(Fee("F1"), export_number="1")
    campus.converts(Fee("F2"), export_number="2", name="BURSAR-78-1.xml")
    ids = [file_id for (file_id,) in campus.query("SELECT id FROM file ORDER BY id")]
    for file_id in ids:
        _file, source = fetch_file(campus.tenant_id, file_id, Actor(None, "Ann"), campus.store)
        source.close()
    assert campus.scalar("SELECT count(*) FROM file WHERE confirmed_at IS NOT NULL") == 2


def test_a_mail_that_carries_the_files_confirms_them(campus):
    campus.sets("delivery", sftp_enabled=False)
    campus.sets("notification", attach_files=True)
    run = campus.converts(*TWO_FEES)
    assert run.state == "succeeded", run.error
    (mail,) = campus.mailbox.messages
    (attachment,) = mail.message.iter_attachments()
    assert attachment.get_content().splitlines() == BOTH_LINES
    assert campus.scalar("SELECT count(*) FROM file WHERE confirmed_at IS NOT NULL") == 1


@pytest.mark.parametrize("collision", ["refuse", "suffix"])
def test_a_file_not_picked_up_yet_is_never_overwritten(campus, collision):
    body = {**LAYOUT, "files": [{"kind": "charges", "file_name": "LIBRARY.dat"}]}
    campus.saves_layout(body, 2)
    campus.sets("bursar", collision=collision)
    campus.converts(Fee("F1"), export_number="1")
    run = campus.converts(Fee("F2"), export_number="2", name="BURSAR-78-1.xml")
    assert campus.dropped()["LIBRARY.dat"] == ["012345678,300000006919,10.00,F1"]
    if collision == "suffix":
        assert run.state == "succeeded", run.error
        assert len(campus.dropped()) == 2
    else:
        assert run.state == "failed"
        assert campus.inbound() == ["done", "waiting"]
        for file in campus.drop.files():
            (campus.drop.root / file.folder / file.name).unlink()
        assert campus.run().state == "succeeded"
        assert campus.dropped() == {"LIBRARY.dat": ["012345678,300000006919,10.00,F2"]}


def test_the_same_name_with_the_same_bytes_is_no_file_that_arrived_already(campus):
    columns = [column for column in LAYOUT["records"]["detail"] if column["name"] != "reference"]
    body = {
        **LAYOUT,
        "files": [{"kind": "charges", "file_name": "LIBRARY.dat"}],
        "records": {"detail": columns},
    }
    campus.saves_layout(body, 2)
    campus.converts(Fee("F1"), export_number="1")
    run = campus.converts(Fee("F2"), export_number="2", name="BURSAR-78-1.xml")
    assert run.state == "succeeded", run.error
    assert len(campus.dropped()) == 2
    assert [fee_ref for fee_ref, *_ in campus.ledger()] == ["F1", "F2"]


def test_one_campus_cannot_take_the_file_of_another(campus, two_tenants):
    received = campus.hands_in(*TWO_FEES)
    run_id = submit_run(
        two_tenants[0], "bursar_conversion", options={"inbound_file_id": received.inbound_file_id}
    )
    campus.work()
    with tenant_scope(two_tenants[0]) as session:
        foreign = runs.run_by_id(session, run_id)
    assert foreign.state == "nothing_to_send"
    assert campus.the_run(received.run_id).state == "succeeded"
    assert list(campus.dropped().values()) == [BOTH_LINES]


def test_two_runs_asked_for_the_same_content_send_it_once(campus):
    first = campus.hands_in(*TWO_FEES)
    second = campus.hands_in(*TWO_FEES, name="again.xml")
    assert (first.state, second.state, second.run_id) == ("waiting", "duplicate", None)
    campus.run()
    campus.work()
    assert list(campus.dropped().values()) == [BOTH_LINES]
    assert len(campus.ledger()) == 2
