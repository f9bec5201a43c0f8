"""The drop refuses, is another server, is full, or is lost in mid-file: nothing half stands there, nothing is lost."""

from __future__ import annotations

import pytest

from tests.integration.bad_input.campus import TWO_HOLDS, TWO_PATRONS, assert_failed_in_words


def assert_arrived_once(campus, run) -> None:
    """The run's file lies in the drop, whole and alone, and PeopleSoft counts as told."""
    assert run.state == "succeeded", run.error
    (name,) = campus.dropped()
    assert campus.dropped()[name] == campus.built(run)["added"]
    assert campus.register() == TWO_HOLDS


def assert_waits_for_its_next_try(campus, run, *words: str) -> None:
    """Nothing stands there under a final name, nobody counts as told, and the run says what is wrong."""
    assert run.state == "queued"
    for word in (*words, "it is tried again", "Tried again by itself in"):
        assert word in run.story.replace("It is tried", "it is tried")
    assert run.story in campus.notes(run)
    assert not [name for name in campus.dropped() if not name.startswith(".")]
    assert campus.register() == {}
    assert campus.deliveries(run)["sftp"][0] == "failed"


def test_a_refused_password_names_the_user_and_the_next_run_heals(campus, sandbox):
    campus.seals("sftp_password", "not the password")
    campus.owes(*TWO_PATRONS)
    refused = campus.run()
    assert_failed_in_words(
        campus, refused, "did not let user 'feebridge' in", "No file was sent", "SFTP settings"
    )
    assert "not the password" not in str(refused.error) + campus.notes(refused)
    assert campus.deliveries(refused)["sftp"] == ("failed", refused.error["message"])
    assert campus.sftp_acts("open", "write", "rename") == []
    assert campus.register() == {}
    campus.seals("sftp_password", sandbox.sftp["password"])
    assert_arrived_once(campus, campus.run())


def test_a_folder_that_does_not_exist_is_named(campus):
    campus.sets("delivery", sftp_directory="nowhere")
    campus.owes(*TWO_PATRONS)
    assert_failed_in_words(campus, campus.run(), "nowhere", "the folder does not exist", "SFTP settings")
    campus.sets("delivery", sftp_directory=campus.folder.name)
    assert_arrived_once(campus, campus.run())


def test_a_changed_host_key_gets_no_byte_and_an_alert_with_both_fingerprints(campus, sandbox, faults):
    faults.add("sftp", "host_key_changed", times=None)
    campus.owes(*TWO_PATRONS)
    refused = campus.run()
    assert_failed_in_words(
        campus,
        refused,
        "is not the server it was",
        sandbox.sftp["fingerprint"],
        "No user name, password, key or file was sent",
        "confirm the new fingerprint",
    )
    assert campus.sftp_acts("sign_in_begun", "sign_in", "open", "write", "rename") == []
    assert campus.dropped() == {}
    assert campus.register() == {}
    faults.clear()
    assert_arrived_once(campus, campus.run())


def test_without_a_confirmed_host_key_nothing_is_sent(campus):
    campus.sets("delivery", sftp_host_keys=[])
    campus.owes(*TWO_PATRONS)
    assert_failed_in_words(campus, campus.run(), "No host key is confirmed", "nothing was sent")
    assert campus.sftp_acts("sign_in_begun", "open", "write") == []


def test_a_server_that_does_not_run_is_tried_again_and_in_the_end_somebody_is_told(campus, sandbox):
    campus.sets("delivery", sftp_port=1)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert_waits_for_its_next_try(campus, run, "port 1 could not be reached: Connection refused")
    assert campus.mails() == []
    for _ in range(7):
        run = campus.work_again(run.id)
    assert run.state == "failed"
    assert "It was tried 8 times; run again when the cause is gone." in run.story
    assert run.story in campus.mails()[-1]["text"]
    assert campus.register() == {}
    campus.sets("delivery", sftp_port=sandbox.sftp["port"])
    assert_arrived_once(campus, campus.run())


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("disk_full", {}, "Most often its disk or the user's quota is full"),
        ("cut_at_byte", {"byte": 10}, "cut the line"),
    ],
)
def test_a_file_that_does_not_fit_or_is_cut_is_never_seen_by_half(campus, faults, kind, options, words):
    faults.add("sftp", kind, **options)
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert_waits_for_its_next_try(campus, run, words)
    built = campus.built(run)
    campus.owes("000000009,99.00,Meter,2026-10-02,T9,Staff")
    again = campus.work_again(run.id)
    assert campus.built(again) == built
    assert_arrived_once(campus, again)


def test_a_rename_whose_answer_is_lost_is_settled_by_looking(campus, faults):
    faults.add("sftp", "rename_answer_lost")
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert_arrived_once(campus, run if run.state != "queued" else campus.work_again(run.id))
    assert len(campus.sftp_acts("rename")) == 1


def test_a_file_that_was_not_fetched_yet_is_never_overwritten(campus):
    campus.sets("files", file_name="holds.txt")
    waiting = campus.folder / "holds.txt"
    waiting.write_text("last night's, not fetched yet")
    campus.owes(*TWO_PATRONS)
    assert_failed_in_words(
        campus, campus.run(), "still holds a file holds.txt", "nothing was overwritten", "not fetched yet"
    )
    assert campus.dropped() == {"holds.txt": "last night's, not fetched yet"}
    assert campus.register() == {}
    waiting.unlink()
    assert_arrived_once(campus, campus.run())


def test_where_the_campus_allows_it_a_number_keeps_both_files(campus):
    campus.sets("files", file_name="holds.txt", collision="suffix")
    (campus.folder / "holds.txt").write_text("last night's, not fetched yet")
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    assert campus.dropped() == {
        "holds.txt": "last night's, not fetched yet",
        "holds_2.txt": campus.built(run)["added"],
    }
