"""Rules of the house that can be read off the files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted([*(ROOT / "webapp").rglob("*.py"), *(ROOT / "worker").rglob("*.py")])


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_pin_versions_and_hashes_and_hold_no_addresses(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    packages = re.findall(r"^([a-z0-9][\w.\-\[\]]*)==", text, re.MULTILINE)
    assert len(packages) > 30
    assert len(re.findall(r"--hash=sha256:", text)) >= len(packages)


def test_every_direct_package_has_its_reason_written_down():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    record = (ROOT / "docs/adr/0001-foundations.md").read_text().lower()
    names = [re.split(r"[\[<>=;]", line)[0].strip() for line in project["dependencies"]]
    assert [name for name in names if name not in record and name != "gunicorn"] == []


def test_every_queue_has_a_worker():
    from webapp.domain.run_states import QUEUES

    procfile = (ROOT / "Procfile").read_text()
    assert [queue for queue in QUEUES if f"--queue {queue}" not in procfile] == []


def test_the_procfile_and_compose_file_start_the_same_processes():
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    processes = {line.split(":")[0] for line in (ROOT / "Procfile").read_text().splitlines()}
    assert processes <= set(services)


def test_every_setting_of_the_installation_is_in_the_operators_guide():
    guide = (ROOT / "docs/guides/operations.md").read_text()
    names = re.findall(r'reader\.\w+\("([A-Z_]+)"', (ROOT / "webapp/config.py").read_text())
    assert len(names) > 15
    assert [name for name in names if f"`{name}`" not in guide] == []


def test_only_the_store_writes_sql():
    writes = re.compile(r"\b(select|insert|update|delete)\(|\btext\(\s*[\"f]")
    allowed = (
        "webapp/store/",
        "webapp/models/",
        "webapp/migrate.py",
        "webapp/embedded.py",
        "webapp/sandbox/",
    )
    found = [
        str(path.relative_to(ROOT))
        for path in CODE
        if not str(path.relative_to(ROOT)).startswith(allowed)
        and re.search(
            r"^from sqlalchemy import .*\b(select|insert|update|delete|text)\b",
            path.read_text(),
            re.MULTILINE,
        )
        and writes.search(path.read_text())
    ]
    assert found == []


def test_no_file_outgrows_its_room():
    assert [f"{p.relative_to(ROOT)}" for p in CODE if len(p.read_text().splitlines()) > 420] == []
