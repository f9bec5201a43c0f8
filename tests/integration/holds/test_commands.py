"""The commands about files: looking never counts, fetching does, and an unknown delivery can be settled."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.integration.holds.test_holds_export import TWO_PATRONS
from webapp.cli import files as file_commands
from webapp.cli import runs as run_commands

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def command(campus, monkeypatch):
    """Run a command on the campus; the application is opened already."""

    @contextmanager
    def opened():
        yield campus.settings

    monkeypatch.setattr(file_commands, "opened_core", opened)
    monkeypatch.setattr(run_commands, "opened_core", opened)

    def call(group, *words: object):
        return CliRunner().invoke(group, [*map(str, words), "--tenant", "csusm"])

    return call


def a_file(campus, kind: str = "added") -> int:
    return campus.scalar(f"SELECT id FROM file WHERE kind = '{kind}' ORDER BY id LIMIT 1")


def test_getting_a_file_never_counts_and_fetching_it_does(campus, command, tmp_path: Path):
    campus.sets("delivery", sftp_enabled=False)
    campus.owes(*TWO_PATRONS)
    campus.run()
    got = command(file_commands.files, "get", a_file(campus), "--out", tmp_path / "look.txt")
    assert got.exit_code == 0, got.output
    assert campus.register() == {}
    refused = command(file_commands.files, "fetch", a_file(campus), "--out", tmp_path / "look.txt")
    assert "already there" in refused.output
    assert campus.register() == {}
    fetched = command(file_commands.files, "fetch", a_file(campus), "--out", tmp_path / "told.txt")
    assert fetched.exit_code == 0, fetched.output
    assert (tmp_path / "told.txt").read_bytes() == (tmp_path / "look.txt").read_bytes()
    assert campus.register() == {"000000001": 3550, "000000002": 277}
    again = command(file_commands.files, "fetch", a_file(campus), "--out", tmp_path / "twice.txt")
    assert "waits to be fetched" in again.output


def test_what_was_collected_is_not_handed_out(campus, command, tmp_path: Path):
    campus.owes(*TWO_PATRONS)
    campus.run()
    got = command(file_commands.files, "get", a_file(campus, "collected"), "--out", tmp_path / "all.txt")
    assert got.exit_code != 0
    assert not (tmp_path / "all.txt").exists()


def test_an_unknown_delivery_is_settled_from_the_command_line(campus, command, superuser):
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    superuser.execute("UPDATE effect SET state = 'unknown' WHERE kind = 'sftp'")
    words = ("settle", run.id, "--file", a_file(campus))
    assert "--arrived" in command(run_commands.runs, *words).output
    said = command(run_commands.runs, *words, "--not-arrived")
    assert "counts as not delivered" in said.output
    assert campus.scalar("SELECT state FROM effect WHERE kind = 'sftp'") == "failed"
    assert "no unknown delivery" in command(run_commands.runs, *words, "--arrived").output
