"""``feebridge run`` and ``feebridge runs``, judged by what they print and how they end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from webapp.cli import runs as runs_command

COMMAND = "from webapp.cli import main; main()"


@pytest.fixture
def waiting(shop, feebridge) -> str:
    """The number of a run that waits for a person."""
    shop.owes("000000001,7000.00,Meter,2026-10-01,T1")
    run_id = str(
        json.loads(feebridge("run", "holds_export", "--tenant", "csusm", "--no-wait", "--json").stdout)["run"]
    )
    shop.work()
    return run_id


def test_a_run_is_carried_out_by_a_worker_of_the_command_s_own_and_told_in_words(
    shop, feebridge, monkeypatch
):
    monkeypatch.setattr(runs_command, "HELP_AFTER_S", 0.0)
    told = feebridge("run", "holds_export", "--tenant", "csusm")
    assert "Run 1 for csusm: Done. 2 patrons added ($27.77)" in told.stdout
    assert "2 lines  $27.77" in told.stdout
    assert "run 1  Done" in told.stderr
    again = feebridge("run", "holds_export", "--tenant", "csusm", "--dry-run", "--json")
    found = json.loads(again.stdout)
    assert found["dry_run"]
    assert found["state"] == "succeeded"
    assert [file["delivered"] for file in found["files"]] == [[]]
    assert again.stderr == ""


def test_a_run_with_nothing_to_send_says_so_once(shop, feebridge):
    shop.owes()
    feebridge("run", "holds_export", "--tenant", "csusm", "--no-wait")
    shop.work()
    told = feebridge("runs", "show", "1", "--tenant", "csusm").stdout
    assert told.startswith("Run 1 for csusm: Nothing to send: PeopleSoft already knows every hold")


def test_no_wait_asks_and_leaves_the_run_to_the_workers(shop, feebridge):
    told = feebridge("run", "holds_export", "--tenant", "csusm", "--no-wait")
    assert told.stdout.startswith("Run 1 for csusm: Waiting")
    shop.work()
    assert "Done. 2 patrons added" in feebridge("runs", "show", "1", "--tenant", "csusm").stdout


def test_without_a_campus_every_active_one_is_run(shop, feebridge, superuser):
    found = json.loads(feebridge("run", "holds_export", "--no-wait", "--json").stdout)
    assert [one["tenant"] for one in found] == ["csusm", "humboldt"]
    superuser.execute("UPDATE tenant SET is_active = false WHERE slug = 'humboldt'")
    found = json.loads(feebridge("run", "holds_export", "--no-wait", "--json").stdout)
    assert [one["tenant"] for one in found] == ["csusm"]
    refused = feebridge("run", "holds_export", "--tenant", "humboldt", code=2)
    assert "Humboldt rests" in refused.stderr


def test_a_failed_run_ends_with_1_and_its_words(shop, feebridge):
    shop.sets("files", layout="gone")
    feebridge("run", "holds_export", "--tenant", "csusm", "--no-wait")
    shop.work()
    shown = feebridge("runs", "show", "1", "--tenant", "csusm")
    assert "There is no file layout called gone" in shown.stdout
    shop.sets("files", layout="opscom-holds")
    shop.sets("source", kind="analytics")
    refused = json.loads(feebridge("run", "holds_export", "--tenant", "csusm", "--json", code=1).stdout)
    assert refused["state"] == "failed"
    assert refused["error"]["message"].startswith("No Alma API key is set")


def test_a_run_that_is_not_over_in_time_ends_with_5_and_goes_on(shop, feebridge):
    told = feebridge("run", "holds_export", "--tenant", "csusm", "--timeout", "0", code=5)
    assert "Run 1 for csusm: Waiting" in told.stdout
    shop.work()
    assert "Done" in feebridge("runs", "show", "1", "--tenant", "csusm").stdout


def test_a_run_that_needs_a_person_ends_with_3_and_goes_on_when_approved(shop, feebridge, monkeypatch):
    monkeypatch.setattr(runs_command, "HELP_AFTER_S", 0.0)
    shop.owes("000000001,7000.00,Meter,2026-10-01,T1")
    told = feebridge("run", "holds_export", "--tenant", "csusm", code=3)
    assert "Waits for a person." in told.stdout
    assert (
        feebridge("runs", "approve", "1", "--tenant", "csusm", "--note", "known").stdout == "Run 1 goes on.\n"
    )
    shop.work()
    assert "Done. 1 patron added ($7,000.00)" in feebridge("runs", "show", "1", "--tenant", "csusm").stdout
    refused = feebridge("runs", "approve", "1", "--tenant", "csusm", code=2)
    assert "does not wait for a decision" in refused.stderr


def test_a_rejected_run_sends_nothing(shop, feebridge, waiting):
    told = feebridge("runs", "reject", waiting, "--tenant", "csusm", "--note", "too much")
    assert told.stdout == f"Run {waiting} is cancelled; nothing of it was sent.\n"
    shown = json.loads(feebridge("runs", "show", waiting, "--tenant", "csusm", "--json").stdout)
    assert shown["state"] == "cancelled"
    assert "too much" in shown["story"]
    assert [file["delivered"] for file in shown["files"]] == [[]]


def test_a_cancelled_run_says_so_and_a_finished_one_cannot_be_cancelled(shop, feebridge):
    feebridge("run", "holds_export", "--tenant", "csusm", "--no-wait")
    assert "is cancelled" in feebridge("runs", "cancel", "1", "--tenant", "csusm").stdout
    refused = feebridge("runs", "cancel", "1", "--tenant", "csusm", code=2)
    assert "was not cancelled: it is cancelled" in refused.stderr


@pytest.mark.parametrize("verb", ["show", "approve", "reject", "cancel"])
def test_another_campus_s_run_is_no_run(waiting, feebridge, verb):
    theirs = feebridge("runs", verb, waiting, "--tenant", "humboldt", code=2)
    missing = feebridge("runs", verb, "99", "--tenant", "humboldt", code=2)
    assert theirs.stderr.replace(f"run {waiting}.", "run 99.") == missing.stderr
    assert "feebridge runs list --tenant humboldt" in missing.stderr


def test_runs_are_listed_newest_first_and_by_state(shop, feebridge, waiting):
    feebridge("run", "holds_export", "--tenant", "csusm", "--dry-run", "--no-wait")
    shop.work()
    lines = feebridge("runs", "list", "--tenant", "csusm").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["2", waiting]
    only = json.loads(
        feebridge("runs", "list", "--tenant", "csusm", "--state", "awaiting_approval", "--json").stdout
    )
    assert [one["run"] for one in only] == [int(waiting)]
    empty = feebridge("runs", "list", "--tenant", "humboldt")
    assert (
        "Humboldt has no such runs. Start one: feebridge run holds_export --tenant humboldt" in empty.stdout
    )


def test_what_does_not_exist_is_refused_with_what_there_is(shop, feebridge):
    assert "'holds_export'" in feebridge("run", "gl_journal", code=2).stderr
    unknown = feebridge("run", "holds_export", "--tenant", "fresno", code=2)
    assert "There is no campus “fresno”. Campuses: csusm, humboldt." in unknown.stderr
    assert (
        "awaiting_approval" in feebridge("runs", "list", "--tenant", "csusm", "--state", "odd", code=2).stderr
    )


def test_ctrl_c_ends_the_waiting_gives_the_run_back_and_says_how_to_find_it(shop, environ, superuser):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shop.sets(
            "delivery",
            sftp_enabled=True,
            sftp_host="127.0.0.1",
            sftp_port=silent.getsockname()[1],
            sftp_username="x",
            sftp_host_keys=["SHA256:" + "A" * 43],
        )
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "run", "holds_export", "--tenant", "csusm"],
            env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        _until(lambda: superuser.execute("SELECT state FROM run").fetchall() == [("delivering",)])
        process.send_signal(signal.SIGINT)
    # The server is gone by now: how long a silent one is waited for is tested with SFTP.
    _out, said = process.communicate(timeout=40)
    assert process.returncode == 130, said
    assert "Run 1 was not cancelled" in said
    assert "feebridge runs show 1 --tenant csusm" in said
    assert superuser.execute("SELECT state, lease_until FROM run").fetchall() == [("queued", None)]
    assert superuser.execute("SELECT count(*) FROM hold_register").fetchone() == (0,)


def _until(is_so, within_s: float = 40) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
