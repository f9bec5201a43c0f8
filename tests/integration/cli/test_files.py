"""``feebridge files``: the same bytes, never over somebody's file, never another campus's."""

from __future__ import annotations

import pytest


@pytest.fixture
def file_id(shop, feebridge) -> str:
    """The number of a file that waits to be fetched."""
    feebridge("run", "holds_export", "--tenant", "csusm", "--no-wait")
    shop.work()
    return feebridge("files", "list", "--tenant", "csusm").stdout.split()[0]


CONTENT = "000000001\t25.00\t\tMeter\t2026-10-01\n000000002\t2.77\t\tMeter\t2026-10-02\n"


def test_files_are_listed_with_lines_total_and_fingerprint(feebridge, file_id):
    line = feebridge("files", "list", "--tenant", "csusm").stdout
    assert "csusm_holds_added_" in line
    assert "2 lines  $27.77  not confirmed  sha256 " in line
    assert feebridge("files", "list", "--tenant", "humboldt").stdout == "No files yet.\n"


def test_a_file_comes_byte_for_byte_to_a_folder_a_name_or_the_screen(feebridge, file_id, tmp_path, superuser):
    told = feebridge("files", "get", file_id, "--tenant", "csusm", "--out", str(tmp_path)).stdout
    (fetched,) = tmp_path.glob("csusm_holds_added_*.txt")
    assert fetched.read_text() == CONTENT
    assert str(fetched) in told
    feebridge("files", "get", file_id, "--tenant", "csusm", "--out", str(tmp_path / "mine.txt"))
    assert (tmp_path / "mine.txt").read_text() == CONTENT
    assert (
        feebridge("files", "get", file_id, "--tenant", "csusm", "--out", "-").stdout_bytes.decode() == CONTENT
    )
    noted = superuser.execute("SELECT actor FROM audit_event WHERE action = 'file.downloaded'").fetchall()
    assert noted == [("command line",)] * 3


def test_a_file_that_is_there_is_left_as_it_is(feebridge, file_id, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("my own notes")
    refused = feebridge("files", "get", file_id, "--tenant", "csusm", "--out", str(mine), code=2)
    assert "is already there and was left as it is" in refused.stderr
    assert mine.read_text() == "my own notes"


def test_a_folder_that_is_not_there_is_named(feebridge, file_id, tmp_path):
    refused = feebridge("files", "get", file_id, "--tenant", "csusm", "--out", f"{tmp_path}/no/x.txt", code=2)
    assert "could not be written: No such file or directory" in refused.stderr


def test_another_campus_s_file_is_no_file(feebridge, file_id, tmp_path):
    theirs = feebridge("files", "get", file_id, "--tenant", "humboldt", "--out", str(tmp_path), code=2)
    missing = feebridge("files", "get", "99", "--tenant", "humboldt", "--out", str(tmp_path), code=2)
    assert theirs.stderr.replace(f"file {file_id}.", "file 99.") == missing.stderr
    assert list(tmp_path.glob("*.txt")) == []
