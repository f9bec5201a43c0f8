import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import requests

from webapp.sandbox.process import SandboxStartError, start_sandbox

START_AND_SLEEP = """
import time
from webapp.sandbox.process import start_sandbox
print(start_sandbox(only_alma=True).process.pid, flush=True)
time.sleep(60)
"""


def is_gone(pid):
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_sandbox_stops_when_told_to_even_while_a_caller_hangs():
    running = start_sandbox(only_alma=True)
    requests.post(
        f"{running.http}/faults", json={"where": "alma", "kind": "timeout_before", "seconds": 60}, timeout=10
    )
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{running.http}/almaws/v1/conf/test", {"apikey": "sandbox-key-humboldt"}, timeout=0.2)
    started_s = time.monotonic()
    running.stop()
    assert time.monotonic() - started_s < 5
    assert running.process.returncode == 0
    running.stop()


def test_a_sandbox_does_not_outlive_its_parent():
    parent = subprocess.Popen([sys.executable, "-c", START_AND_SLEEP], stdout=subprocess.PIPE, text=True)
    with parent:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    assert is_gone(pid)


def test_the_institutions_are_ours_to_choose():
    chosen = ["01CALS_ULB=secret=Long Beach", "01CALS_SJO=other"]
    with start_sandbox(only_alma=True, institutions=chosen, patrons=100) as running:
        assert [(held["code"], held["name"]) for held in running.institutions] == [
            ("01CALS_ULB", "Long Beach"),
            ("01CALS_SJO", "01CALS_SJO"),
        ]
        answer = requests.get(
            f"{running.http}/almaws/v1/users", {"apikey": "secret", "format": "json"}, timeout=10
        )
        assert answer.json()["total_record_count"] == 100


def test_a_sandbox_that_cannot_start_says_so(capfd):
    with pytest.raises(SandboxStartError, match="did not start"):
        start_sandbox(only_alma=True, institutions=["nonsense"])
    assert "write CODE=KEY" in capfd.readouterr().err


def test_the_ready_file_holds_the_ready_line(tmp_path):
    ready_file = tmp_path / "ready.json"
    command = [sys.executable, "-m", "webapp.sandbox", "--only-alma", "--ready-file", str(ready_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
    assert json.loads(ready_file.read_text()) == json.loads(line)
    assert json.loads(line)["pid"] != os.getpid()


def test_a_million_patrons_cost_no_time_to_start():
    started_s = time.monotonic()
    with start_sandbox(only_alma=True, patrons=1_000_000) as running:
        assert time.monotonic() - started_s < 20
        memory_mib = psutil.Process(running.process.pid).memory_info().rss / 2**20
    assert memory_mib < 150
