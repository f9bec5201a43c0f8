"""The folder on the installation's own disk: only ordinary files count, and nothing a campus types is a path."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.arrival.conftest import bursar_xml


@pytest.fixture
def watched(campus, tmp_path) -> Path:
    folder = tmp_path / "watched" / "csusm"
    folder.mkdir()
    campus.sets(place="folder")
    return folder


def test_a_file_laid_down_is_taken_in_and_renamed(campus, watched):
    (watched / "BURSAR-1-2.xml").write_bytes(bursar_xml("1"))
    assert campus.look().state == "succeeded"
    (row,) = campus.arrived()
    assert (row.origin, row.place, row.state) == ("folder", "watched folder csusm", "done")
    assert campus.content(row) == bursar_xml("1")
    assert [path.name for path in watched.iterdir()] == ["BURSAR-1-2.xml.processed"]


def test_a_file_laid_down_is_archived_beside_an_older_one_of_its_name(campus, watched):
    campus.sets(afterwards="archive")
    (watched / "old_xml").mkdir()
    (watched / "old_xml" / "BURSAR-1-2.xml").write_text("last year's")
    (watched / "BURSAR-1-2.xml").write_bytes(bursar_xml("1"))
    campus.look()
    archived = watched / "old_xml"
    assert (archived / "BURSAR-1-2.xml").read_text() == "last year's"
    assert (archived / "BURSAR-1-2.xml.2").read_bytes() == bursar_xml("1")
    assert not (watched / "BURSAR-1-2.xml").exists()


def test_links_pipes_and_folders_are_not_followed(campus, watched, tmp_path):
    secret = tmp_path / "secret.xml"
    secret.write_bytes(bursar_xml("1"))
    (watched / "BURSAR-1-1.xml").symlink_to(secret)
    os.mkfifo(watched / "BURSAR-2-2.xml")
    (watched / "BURSAR-3-3.xml").mkdir()
    assert campus.look().state == "nothing_to_send"
    assert campus.arrived() == []


def test_a_campus_s_folder_that_is_a_link_is_not_opened(campus, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "BURSAR-1-1.xml").write_bytes(bursar_xml("1"))
    (tmp_path / "watched" / "csusm").symlink_to(elsewhere)
    campus.sets(place="folder")
    run = campus.look()
    assert run.state == "failed"
    assert "make a folder named csusm" in run.story
    assert str(tmp_path) not in run.story


def test_an_installation_that_watches_nothing_says_so(campus, settings):
    campus.sets(place="folder")
    campus.settings = replace(settings, inbound_root="")
    run = campus.look()
    assert run.state == "failed"
    assert "FEEBRIDGE_INBOUND_ROOT" in run.story


def test_what_lies_in_another_campus_s_folder_is_never_seen(campus, watched, tmp_path):
    theirs = tmp_path / "watched" / "humboldt"
    theirs.mkdir()
    (theirs / "BURSAR-1-1.xml").write_bytes(bursar_xml("1"))
    assert campus.look().state == "nothing_to_send"


def test_a_folder_in_which_nothing_may_be_renamed_stops_no_run(campus, watched):
    (watched / "BURSAR-1-2.xml").write_bytes(bursar_xml("1"))
    (watched / "BURSAR-1-2.xml.processed").write_text("an older one")
    for n in range(2, 100):
        (watched / f"BURSAR-1-2.xml.{n}.processed").write_text("an older one")
    run = campus.look()
    assert run.state == "succeeded"
    assert "every name to put it aside under is taken" in campus.notes(run.id)
    assert (watched / "BURSAR-1-2.xml").exists()
