"""Finding a browser for the browser tests."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / "tools" / "ensure_browser.py"


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("ensure_browser", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_program(path: Path) -> str:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_named_browser_is_taken_before_one_on_the_path(tool, tmp_path, monkeypatch):
    found = make_program(tmp_path / "chromium")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert tool.find_browser() == found
    named = make_program(tmp_path / "my-browser")
    monkeypatch.setenv("CHROMIUM", named)
    assert tool.find_browser() == named


def test_a_named_browser_that_is_not_there_is_not_replaced_by_another(tool, tmp_path, monkeypatch):
    make_program(tmp_path / "chromium")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "missing"))
    assert tool.find_browser() is None


@pytest.mark.parametrize(("ci", "code"), [("", 5), ("true", 4)])
def test_without_a_browser_its_tests_are_left_out_aloud_and_refused_in_ci(ci, code):
    environ = {**os.environ, "CHROMIUM": "/nonexistent", "CI": ci}
    command = [sys.executable, "-m", "pytest", "tests/browser/test_shell.py", "-q", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "No Chromium was found" in ended.stdout + ended.stderr
