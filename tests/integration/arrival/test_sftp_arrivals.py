"""From Alma's export to a file in hand: looked for, taken once, put aside."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import replace

import pytest

from tests.integration.arrival.conftest import bursar_xml, run_export
from webapp.adapters.errors import PermanentError
from webapp.models import Run
from webapp.models.scope import tenant_scope
from webapp.sandbox.faults import fault_from_json
from webapp.services.audit import SYSTEM, verify_chain
from webapp.services.rerun import rerun
from webapp.services.submit_run import submit_run
from worker.pipelines import PIPELINES
from worker.pipelines.bursar.receive import receive
from worker.steps import Pipeline, Step


def test_what_alma_exports_is_taken_in_by_the_next_look(campus, alma):
    told = run_export(alma)
    original = (campus.folder / told["file"]).read_bytes()

    run = campus.look()

    assert run.state == "succeeded"
    (row,) = campus.arrived()
    assert (row.state, row.origin, row.name) == ("done", "sftp", told["file"])
    assert (row.profile_code, row.job_id) == ("BURSAR", told["job_id"])
    assert row.sha256 == hashlib.sha256(original).hexdigest()
    assert campus.content(row) == original
    assert campus.results == [
        {
            "inbound_file_id": row.id,
            "store_key": row.store_key,
            "sha256": row.sha256,
            "profile_code": "BURSAR",
            "job_id": told["job_id"],
            "name": told["file"],
            "size": len(original),
            "note": "",
        }
    ]


def test_a_large_file_comes_over_byte_for_byte(campus):
    content = bursar_xml(*(str(n) for n in range(12_000)))
    assert len(content) > 2_000_000
    campus.lays_down("BURSAR-11-20261120.xml", content)
    campus.look()
    (row,) = campus.arrived()
    assert campus.content(row) == content


def test_a_file_that_was_read_is_renamed_and_never_read_again(campus):
    campus.lays_down("BURSAR-11-20261120.xml", bursar_xml("1", "2"))
    campus.look()
    assert campus.lying() == ["BURSAR-11-20261120.xml.processed"]
    assert campus.look().state == "nothing_to_send"
    assert campus.states() == ["done"]


def test_a_file_that_was_read_is_moved_to_the_archive_folder(campus):
    campus.sets(afterwards="archive", archive_folder="old_xml")
    campus.lays_down("BURSAR-11-20261120.xml", bursar_xml("1"))
    campus.look()
    assert campus.lying() == ["old_xml/BURSAR-11-20261120.xml"]
    assert campus.arrived()[0].put_aside_at is not None


def test_a_file_that_is_to_be_left_is_left_and_known_again(campus):
    campus.sets(afterwards="leave")
    campus.lays_down("BURSAR-11-20261120.xml", bursar_xml("1"))
    assert campus.look().state == "succeeded"
    assert campus.look().state == "nothing_to_send"
    assert campus.lying() == ["BURSAR-11-20261120.xml"]
    assert campus.states() == ["done"]


def test_a_half_written_file_is_not_read_until_it_has_come_to_rest(campus, alma):
    writing = threading.Thread(target=run_export, args=(alma,), kwargs={"pause_s": 3})
    writing.start()
    try:
        while not campus.lying():
            time.sleep(0.02)
        # It stands half written for three seconds: unchanged, but touched again before the second look is over.
        (half,) = campus.folder.iterdir()
        stop = threading.Event()

        def keep_writing():
            while not stop.wait(0.2):
                os.utime(half, (time.time() + 10, time.time() + 10))

        touching = threading.Thread(target=keep_writing)
        touching.start()
        try:
            assert campus.look().state == "nothing_to_send"
        finally:
            stop.set()
            touching.join()
        assert campus.arrived() == []
    finally:
        writing.join()
    assert campus.look().state == "succeeded"
    (row,) = campus.arrived()
    assert campus.content(row).endswith(b"</xb:xml-fragment>\n")


def test_a_file_that_appears_again_is_a_duplicate_and_counts_once(campus):
    content = bursar_xml("1", "2")
    campus.lays_down("BURSAR-11-20261120.xml", content)
    campus.look()
    campus.lays_down("BURSAR-11-20261120.xml", content)
    assert campus.look().state == "nothing_to_send"
    first, second = campus.arrived()
    assert (first.state, second.state) == ("done", "duplicate")
    assert second.repeats_id == first.id
    assert "not counted again" in second.message
    # It is put aside by the look after, under a name that nothing has.
    campus.look()
    assert campus.lying() == ["BURSAR-11-20261120.xml.2.processed", "BURSAR-11-20261120.xml.processed"]


def test_the_same_name_with_other_content_is_a_new_file(campus):
    campus.lays_down("BURSAR-11-20261120.xml", bursar_xml("1"))
    campus.look()
    campus.lays_down("BURSAR-11-20261120.xml", bursar_xml("1", "2", export_number="1521608"))
    assert campus.look().state == "succeeded"
    assert campus.states() == ["done", "done"]


def test_another_file_with_a_known_export_number_says_so(campus):
    campus.sets(afterwards="leave")
    campus.lays_down("BURSAR-11-1.xml", bursar_xml("1"))
    campus.look()
    campus.lays_down("BURSAR-12-2.xml", bursar_xml("1", "2"))
    campus.look()
    assert "export number 1521607 of BURSAR-11-1.xml" in campus.arrived()[1].message


def test_several_files_become_several_runs_oldest_first(campus):
    for n in (3, 1, 2):
        path = campus.lays_down(f"BURSAR-{n}-1.xml", bursar_xml(str(n)))
        os.utime(path, (1_760_000_000 + n, 1_760_000_000 + n))
    campus.look()
    assert [result["name"] for result in campus.results] == ["BURSAR-1-1.xml"]
    campus.work("batch")
    assert sorted(result["name"] for result in campus.results) == [f"BURSAR-{n}-1.xml" for n in (1, 2, 3)]
    assert campus.states() == ["done"] * 3
    triggers = "SELECT string_agg(trigger, ',' ORDER BY id) FROM run"
    assert campus.scalar(triggers) == "person,file_arrival,file_arrival"


def test_files_of_another_profile_in_the_same_folder_are_passed_over(campus):
    campus.lays_down("OTHER-11-20261120.xml", bursar_xml("1"))
    campus.lays_down("BURSAR-11-20261120.txt", b"notes")
    campus.lays_down(".BURSAR-11-20261120.xml", bursar_xml("2"))
    assert campus.look().state == "nothing_to_send"
    assert campus.arrived() == []
    assert len(campus.lying()) == 3


def test_a_file_of_another_institution_is_refused_in_words_and_left(campus):
    campus.lays_down("BURSAR-11-1.xml", bursar_xml("1"))
    campus.look()
    campus.lays_down("BURSAR-12-2.xml", bursar_xml("2", institution="4242"))
    assert campus.look().state == "nothing_to_send"
    refused = campus.arrived()[1]
    assert refused.state == "refused"
    assert "holds fees of the institution 4242; San Marcos's files are of 6761" in refused.message
    assert refused.store_key == ""
    assert "BURSAR-12-2.xml" in campus.lying()
    campus.look()
    assert len(campus.arrived()) == 2, "it is known, and not read again"


def test_a_changed_host_key_is_refused_before_anything_is_said(campus):
    campus.lays_down("BURSAR-11-1.xml", bursar_xml("1"))
    campus.sets(sftp_host_keys=[campus.drop.other_fingerprint])
    run = campus.look()
    assert run.state == "failed"
    assert "is not the server it was" in run.story
    assert campus.arrived() == []
    assert {operation.act for operation in campus.drop.operations()} == {"connect"}


def test_a_line_cut_while_looking_is_tried_again(campus):
    campus.lays_down("BURSAR-11-1.xml", bursar_xml("1"))
    campus.drop.stop()
    run = campus.look()
    assert run.state == "queued"
    assert "could not be reached" in run.story
    campus.drop.start()
    assert campus.work_again(run.id).state == "succeeded"
    assert campus.states() == ["done"]


def test_a_file_above_the_limit_is_refused_once_and_holds_up_nothing(campus, settings):
    campus.settings = replace(settings, inbound_limit_mb=1)
    campus.lays_down("BURSAR-1-1.xml", b"x" * ((1 << 20) + 1))
    campus.lays_down("BURSAR-2-2.xml", bursar_xml("1"))
    assert campus.look().state == "succeeded"
    campus.look()
    assert sorted(campus.states()) == ["done", "refused"]
    refused = next(row for row in campus.arrived() if row.state == "refused")
    assert "more than 1 MB are not taken in" in refused.message


def test_an_empty_file_is_refused(campus):
    campus.lays_down("BURSAR-1-1.xml", b"")
    assert campus.look().state == "nothing_to_send"
    assert campus.states() == ["refused"]


@pytest.mark.parametrize("done", [True, False])
def test_a_rename_whose_answer_is_lost_is_settled_by_looking(campus, done):
    campus.lays_down("BURSAR-1-1.xml", bursar_xml("1"))
    lost = {"where": "sftp.rename", "kind": "rename_answer_lost", "options": {"done": done}}
    campus.faults.add(fault_from_json(lost))
    run = campus.look()
    assert run.state == "succeeded"
    if not done:
        assert "not put aside" in campus.notes(run.id)
        campus.look()
    assert campus.lying() == ["BURSAR-1-1.xml.processed"]
    assert campus.arrived()[0].put_aside_at is not None
    assert campus.scalar("SELECT string_agg(state, ',') FROM effect") == "confirmed"


def test_a_server_that_forbids_renaming_stops_no_run_and_the_file_is_known(campus):
    campus.lays_down("BURSAR-1-1.xml", bursar_xml("1"))
    campus.faults.add(fault_from_json({"where": "sftp.rename", "kind": "no_rename", "times": 99}))
    run = campus.look()
    assert run.state == "succeeded"
    assert "BURSAR-1-1.xml was read, but not put aside" in campus.notes(run.id)
    assert campus.look().state == "nothing_to_send"
    assert campus.states() == ["done"]


def test_a_file_replaced_after_it_was_read_is_not_put_aside(campus):
    campus.sets(afterwards="leave")
    campus.lays_down("BURSAR-1-1.xml", bursar_xml("1"))
    campus.look()
    path = campus.lays_down("BURSAR-1-1.xml", bursar_xml("1", "2"))
    os.utime(path, (1_760_000_000, 1_760_000_000))
    campus.sets(afterwards="rename", place="none")
    campus.sets(place="sftp", profile_code="")
    campus.look()
    assert campus.states() == ["done", "done"]
    assert campus.lying() == ["BURSAR-1-1.xml.processed"]
    assert (campus.folder / "BURSAR-1-1.xml.processed").read_bytes() == bursar_xml("1", "2")


def test_a_dry_run_leaves_the_file_where_it_is_for_the_real_one(campus):
    campus.lays_down("BURSAR-1-1.xml", bursar_xml("1"))
    campus.look(dry_run=True)
    assert campus.results[-1]["name"] == "BURSAR-1-1.xml"
    assert campus.states() == ["waiting"]
    assert campus.lying() == ["BURSAR-1-1.xml"]
    campus.look()
    assert campus.states() == ["done"]


def fail_with_a_file(campus, monkeypatch) -> Run:
    """A look by the clock that takes a file and fails with it; its file goes back."""
    campus.lays_down("BURSAR-1-1.xml", bursar_xml("1"))

    def fail(_ctx):
        raise PermanentError("The layout is not there.")

    steps = (Step("receive", "Receive", receive), Step("fail", "Fail", fail))
    failing = Pipeline("bursar_conversion", "Bursar conversion", steps)
    with monkeypatch.context() as patched:
        patched.setitem(PIPELINES._loaded, "bursar_conversion", failing)
        run = campus.look()
    assert run.state == "failed"
    campus.execute("UPDATE inbound_file SET state = 'waiting', run_id = NULL")
    campus.execute("UPDATE run SET trigger = 'schedule'")
    return run


def test_a_run_that_is_repeated_after_failing_has_its_file_again(campus, monkeypatch):
    failed = fail_with_a_file(campus, monkeypatch)
    campus.lays_down("BURSAR-0-0.xml", bursar_xml("0"))
    again = rerun(campus.tenant_id, failed.id, SYSTEM)
    campus.work()
    assert campus.the_run(again).state == "succeeded"
    assert [result["name"] for result in campus.results] == ["BURSAR-1-1.xml"]


def test_the_clock_leaves_a_file_that_failed_alone_for_a_while_and_a_person_does_not(campus, monkeypatch):
    failed = fail_with_a_file(campus, monkeypatch)
    run_id = submit_run(campus.tenant_id, "bursar_conversion", trigger="schedule")
    campus.work("batch")
    assert campus.the_run(run_id).state == "nothing_to_send"
    assert campus.states() == ["waiting"]
    campus.execute(f"UPDATE run SET finished_at = now() - interval '21 hours' WHERE id = {failed.id}")
    run_id = submit_run(campus.tenant_id, "bursar_conversion", trigger="schedule")
    campus.work("batch")
    assert campus.the_run(run_id).state == "succeeded"


def test_a_person_s_run_takes_a_file_that_has_just_failed(campus, monkeypatch):
    fail_with_a_file(campus, monkeypatch)
    assert campus.look().state == "succeeded"


def test_everything_that_arrived_is_in_the_audit_log(campus):
    content = bursar_xml("1")
    campus.lays_down("BURSAR-1-1.xml", content)
    campus.look()
    campus.lays_down("BURSAR-1-1.xml", content)
    campus.look()
    actions = "SELECT string_agg(action, ',' ORDER BY n) FROM audit_event WHERE action LIKE 'inbound%'"
    assert campus.scalar(actions) == "inbound.waiting,inbound.duplicate"
    with tenant_scope(campus.tenant_id) as session:
        assert verify_chain(session) == []
