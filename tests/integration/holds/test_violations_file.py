"""The parking system's file: never an old one, always by its name, and who handed it in is written down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO

from tests.integration.holds.test_holds_export import TWO_PATRONS
from webapp.adapters.files import FileStore
from webapp.services.audit import Actor
from webapp.services.violation_uploads import hand_in, latest_upload, upload_words

CONTENT = b"EMPLID,Balance\n000000001,1.00\n"


def ages(campus, hours: int) -> None:
    """As if the newest upload had come that long ago."""
    upload = latest_upload(campus.store, campus.tenant_id)
    upload["uploaded_at"] = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    with campus.store.writer(f"{campus.tenant_id}/violations/newest.json") as pointer:
        pointer.write(json.dumps(upload).encode())


def test_an_old_file_is_refused_by_name_and_age_and_releases_nobody(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    held = campus.register()
    campus.owes(TWO_PATRONS[0])
    ages(campus, 50)
    run = campus.run()
    assert run.state == "failed"
    assert "violations.csv, was uploaded 50 hours ago" in run.error["message"]
    assert campus.register() == held


def test_a_file_within_the_campus_s_own_limit_is_read(campus):
    campus.sets("source", stale_after_h=72)
    campus.owes(*TWO_PATRONS)
    ages(campus, 50)
    assert campus.run().state == "succeeded"


def test_the_story_names_the_file_that_was_read(campus):
    campus.owes(*TWO_PATRONS)
    assert "; read from violations.csv, uploaded " in campus.run().story
    campus.owes(*TWO_PATRONS)
    assert "(the same file as on " in campus.run().story


def test_handing_in_is_audited_and_the_same_file_again_is_told(campus):
    ann = Actor(None, "Ann")
    first = hand_in(campus.store, campus.tenant_id, "tickets.csv", BytesIO(CONTENT), ann)
    assert first["same_as_at"] is None
    again = hand_in(campus.store, campus.tenant_id, "tickets.csv", BytesIO(CONTENT), ann)
    assert again["same_as_at"] == first["uploaded_at"]
    assert "(the same file as on " in upload_words(again, "America/Los_Angeles")
    other = hand_in(campus.store, campus.tenant_id, "tickets.csv", BytesIO(CONTENT + b"\n"), ann)
    assert other["same_as_at"] is None
    assert campus.scalar("SELECT count(*) FROM audit_event WHERE action = 'violations.uploaded'") == 3
    assert campus.scalar("SELECT max(actor) FROM audit_event WHERE action = 'violations.uploaded'") == "Ann"


def test_a_script_hands_the_file_in_by_command(campus, environ, tmp_path):
    file = tmp_path / "tickets.csv"
    file.write_bytes(CONTENT)
    command = [sys.executable, "-c", "from webapp.cli import main; main()", "violations", "put", str(file)]
    done = subprocess.run(
        [*command, "--tenant", "csusm"],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tickets.csv, uploaded ")
    assert latest_upload(FileStore(campus.settings.files_url), campus.tenant_id)["name"] == "tickets.csv"
