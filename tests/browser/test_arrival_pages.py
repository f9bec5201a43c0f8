"""Where files arrive, and the schedules, in a browser: for everyone, at both widths, by what people do there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import look
from webapp.sandbox.sftp_drop import SftpDrop

SETTINGS = "/c/csusm/settings"
ADMIN = "admin@csusm.example"


@pytest.fixture
def drop(tmp_path: Path):
    server = SftpDrop(tmp_path / "drop", "alma", "let-me-in")
    server.add_folder("out")
    (tmp_path / "drop" / "out" / "BURSAR-18423-20261120.xml").write_text("x")
    server.start()
    yield server
    server.stop()


def test_a_server_is_named_its_key_confirmed_and_its_files_seen(signed_in_page, drop):
    page = signed_in_page(ADMIN, f"{SETTINGS}/arrival")
    look(page, "settings-arrival")
    assert not page.locator("#arrival_sftp_password").is_visible(), "no server, no password"
    page.get_by_label("Look for files").select_option("sftp")
    page.locator("#sftp_host").fill("127.0.0.1")
    page.locator("#sftp_port").fill(str(drop.port))
    page.locator("#sftp_username").fill("alma")
    page.locator("#arrival_sftp_password").fill("let-me-in")
    page.locator("#sftp_directory").fill("out")
    page.locator("#profile_code").fill("BURSAR")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test now").click()
    look(page, "settings-arrival-key")
    page.get_by_label("I compared it").check()
    page.get_by_role("button", name="Confirm this host key").click()
    page.get_by_text("host key is trusted now").wait_for()
    page.get_by_role("button", name="Test now").click()
    page.get_by_text("BURSAR-18423-20261120.xml").wait_for()
    look(page, "settings-arrival-tested")


def test_the_webhook_address_and_the_api_token_are_made_with_a_button(signed_in_page):
    page = signed_in_page(ADMIN, f"{SETTINGS}/arrival")
    page.get_by_role("button", name="Make the address").click()
    assert page.get_by_text("/hooks/alma/").is_visible()
    page.get_by_role("button", name="Make a token").click()
    assert page.get_by_text("shown this once").is_visible()
    look(page, "settings-arrival-token")


def test_looking_every_ten_minutes_is_said_in_words_before_it_is_saved(signed_in_page):
    page = signed_in_page(ADMIN, f"{SETTINGS}/schedule")
    page.get_by_role("link", name="Bursar conversion").click()
    page.get_by_label("How often").select_option("minutes")
    page.get_by_label("Every so many minutes").fill("10")
    page.get_by_text("Every 10 minutes from 18:00 to 23:50 each day").wait_for()
    look(page, "settings-schedule-looking")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_text("Schedule saved.").is_visible()
