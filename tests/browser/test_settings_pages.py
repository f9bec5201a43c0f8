"""Settings and patrons in a browser: for everyone, by keyboard, live, and without JavaScript."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.browser.conftest import look
from tests.integration.portal.campus_rows import CampusRows, fill_campus
from webapp.models import HoldChange, HoldRegister, TemporaryRelease, TenantSetting
from webapp.models.scope import tenant_scope
from webapp.sandbox.sftp_drop import SftpDrop

SETTINGS = "/c/csusm/settings"
ADMIN, EDITOR, VIEWER = "admin@csusm.example", "editor@csusm.example", "viewer@csusm.example"


@pytest.fixture
def rows(portal, people) -> CampusRows:
    """San Marcos with some weeks behind it, and two patrons with a story."""
    filled = fill_campus(portal, people.csusm)
    items = [
        {"fee_id": "17251880460004601", "cents": 1250, "type": "Overdue fine", "billed_on": "2026-01-05",
         "library": "MAIN", "title": "Maps of the Pacific coast", "barcode": "31205000112233"},
        {"fee_id": "17251880460004602", "cents": 750, "type": "Lost item fee", "billed_on": "2026-02-11",
         "library": "MAIN", "title": "An introduction to marine biology", "barcode": "31205000445566"},
    ]  # fmt: skip
    with portal.app_context(), tenant_scope(people.csusm) as session:
        change = session.query(HoldChange).filter_by(run_id=filled.succeeded, emplid="100000001").one()
        change.items, change.why = items, "the total changed"
        hold = session.query(HoldRegister).filter_by(emplid="100000001").one()
        hold.amount_cents, hold.run_id, hold.file_id = 2000, filled.succeeded, filled.added_file
        until = datetime.now(UTC).date() + timedelta(days=9)
        session.add(
            TemporaryRelease(
                emplid="100000002",
                until_on=until,
                reason="Appeal under way",
                created_by=people.by_role["editor"],
            )
        )
        session.commit()
    return filled


@pytest.mark.parametrize(
    ("email", "path", "name"),
    [
        (ADMIN, "", "settings"),
        (ADMIN, "/alma", "settings-alma"),
        (ADMIN, "/source", "settings-source"),
        (ADMIN, "/policy", "settings-policy"),
        (ADMIN, "/mapping", "settings-mapping"),
        (ADMIN, "/files", "settings-files"),
        (ADMIN, "/delivery", "settings-delivery"),
        (ADMIN, "/notification", "settings-notification"),
        (ADMIN, "/mail-template", "settings-mail-template"),
        (ADMIN, "/schedule", "settings-schedule"),
        (ADMIN, "/members", "settings-members"),
        (ADMIN, "/layouts/opscom-holds", "settings-layout"),
        (VIEWER, "/policy", "settings-read-only"),
    ],
)
def test_each_page_of_settings_can_be_used_by_everyone(rows, signed_in_page, email, path, name):
    look(signed_in_page(email, f"{SETTINGS}{path}"), name)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "patrons"),
        ("/100000001", "patron"),
        ("/100000002", "patron-released"),
        ("/100000004", "patron-waiting"),
    ],
)
def test_each_page_about_patrons_can_be_used_by_everyone(rows, signed_in_page, path, name):
    look(signed_in_page(EDITOR, f"/c/csusm/patrons{path}"), name)


def test_a_new_campus_is_led_by_the_overview(people, signed_in_page):
    look(signed_in_page(ADMIN, SETTINGS), "settings-new-campus")


def test_the_trail_of_changes_can_be_read_by_everyone(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"{SETTINGS}/mapping")
    page.get_by_label("Service indicator code").fill("LBX")
    page.get_by_label("Names of patron groups").fill("UG = Student\nFAC = Faculty")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("PeopleSoft codes: saved.").wait_for()
    look(page, "settings-mapping-saved")
    page.get_by_role("link", name="All changes").click()
    page.get_by_text("Changed: PeopleSoft codes").wait_for()
    look(page, "settings-history")


def test_a_refused_form_leads_by_keyboard_to_its_field(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"{SETTINGS}/policy")
    page.get_by_label("Days of grace").fill("soon")
    page.get_by_label("Days of grace").press("Enter")
    page.get_by_role("alert").get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.get_by_label("Days of grace").input_value() == "soon"
    assert page.evaluate("document.activeElement.name") in {"grace_days", "exempt_groups"}
    look(page, "settings-refused")


def test_only_the_fields_of_the_chosen_source_are_shown(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"{SETTINGS}/source")
    assert page.locator("#report_path").is_visible()
    assert not page.get_by_label("Look back (hours)").is_visible()
    page.get_by_label("Source", exact=True).select_option("sis_export")
    assert not page.locator("#report_path").is_visible()
    assert page.get_by_label("Look back (hours)").is_visible()


def test_without_javascript_every_field_is_shown_and_saves(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"{SETTINGS}/source", java_script_enabled=False)
    assert page.get_by_label("Look back (hours)").is_visible()
    page.get_by_label("Look back (hours)").fill("48")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_text("Where fees come from: saved.").is_visible()


def test_the_schedule_is_said_in_words_while_it_is_chosen(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"{SETTINGS}/schedule")
    page.get_by_label("How often").select_option("month_days")
    page.get_by_label("Days of the month").fill("1, last")
    page.get_by_text("On the 1st and last day of each month at 18:00 (Pacific time)").wait_for()
    page.get_by_label("Days of the month").fill("40")
    page.get_by_text("'40' is no day of a month").first.wait_for()
    page.get_by_label("Days of the month").fill("15")
    page.get_by_text("On the 15th of each month").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Schedule saved. Next run:").wait_for()
    look(page, "settings-schedule-saved")


def test_without_javascript_the_schedule_is_said_by_a_button(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"{SETTINGS}/schedule", java_script_enabled=False)
    page.get_by_label("How often").select_option("every_hours")
    page.get_by_label("Every so many hours").fill("8")
    page.get_by_label("At", exact=True).fill("06:00")
    page.get_by_role("button", name="Preview").click()
    assert page.get_by_text("Every 8 hours from 06:00: each day at 06:00, 14:00 and 22:00").is_visible()
    assert page.get_by_text("Not saved yet.").is_visible()


def test_the_mail_follows_what_is_typed_and_a_field_goes_in_where_the_cursor_is(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"{SETTINGS}/mail-template")
    page.get_by_label("Subject").fill("Holds: ")
    page.get_by_role("button", name="Insert campus").click()
    assert page.get_by_label("Subject").input_value() == "Holds: {{campus}}"
    page.locator("#preview").get_by_text("Holds: San Marcos").wait_for()
    page.get_by_label("Text").fill("Dear {{nobody}}")
    page.locator("#preview").get_by_text("The template asks for {{nobody}}").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Nothing was saved.").wait_for()
    look(page, "settings-mail-template-refused")


def test_a_layouts_fault_is_shown_while_typing_and_its_line_found(rows, signed_in_page):
    page = signed_in_page(EDITOR, f"{SETTINGS}/layouts/opscom-holds")
    text = page.get_by_label("Layout as JSON")
    text.fill(text.input_value().replace('"user_type"', '"user_tpye"'))
    page.locator("#preview").get_by_text("did you mean 'user_type'?").wait_for()
    look(page, "settings-layout-fault")
    page.get_by_role("button", name="Show line").click()
    assert "user_tpye" in page.evaluate(
        "getSelection().toString() || document.activeElement.value.slice("
        "document.activeElement.selectionStart, document.activeElement.selectionEnd)"
    )
    text.fill(text.input_value().replace("user_tpye", "user_type"))
    page.locator("#preview").get_by_text("012345678").wait_for()


@pytest.fixture
def drop(portal, people, rows, tmp_path: Path):
    """An SFTP server that San Marcos is set to, its key not confirmed."""
    server = SftpDrop(tmp_path / "drop", "feebridge", "let-me-in")
    (tmp_path / "drop" / "holds_added.txt").write_text("012345678\t12.50\n")
    server.start()
    with portal.app_context(), tenant_scope(people.csusm) as session:
        row = session.query(TenantSetting).filter_by(section="delivery").one()
        row.value = {
            "sftp_enabled": True, "sftp_host": "127.0.0.1", "sftp_port": server.port, "sftp_username": "feebridge",
        }  # fmt: skip
        session.commit()
    yield server
    server.stop()


def test_a_server_is_tested_confirmed_and_tested_again_by_keyboard(drop, signed_in_page):
    page = signed_in_page(ADMIN, f"{SETTINGS}/delivery")
    page.get_by_role("button", name="Test now").press("Enter")
    page.get_by_text("Is this really 127.0.0.1?").wait_for()
    assert page.get_by_text(drop.fingerprint).first.is_visible()
    look(page, "settings-delivery-key")
    page.get_by_label("I compared it with what the server's people told me.").press("Space")
    page.get_by_role("button", name="Confirm this host key").press("Enter")
    page.get_by_text("Confirmed. 1 host key is trusted now").wait_for()
    page.get_by_label("Password").fill("let-me-in")
    page.get_by_role("button", name="Save").press("Enter")
    page.get_by_text("Delivery: saved.").wait_for()
    page.get_by_role("button", name="Test now").press("Enter")
    page.get_by_text("was let in and the folder").first.wait_for()
    assert page.get_by_text("holds_added.txt").is_visible()
    look(page, "settings-delivery-tested")


def test_a_patron_is_found_and_released_by_keyboard(rows, signed_in_page):
    page = signed_in_page(EDITOR, "/c/csusm/patrons")
    page.get_by_label("EMPLID").fill("100000003")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/patrons/100000003$"))
    page.get_by_text("Lift the hold until a day").press("Enter")
    page.get_by_label("Last day of the release").fill(
        (datetime.now(UTC).date() + timedelta(days=3)).isoformat()
    )
    page.get_by_label("Reason").fill("Paid by a sponsor")
    page.get_by_role("button", name="Release until that day").press("Enter")
    page.get_by_text("Released for a time.").wait_for()


def test_without_javascript_alma_is_asked_by_a_button(rows, signed_in_page):
    page = signed_in_page(VIEWER, "/c/csusm/patrons/100000001", java_script_enabled=False)
    page.get_by_role("button", name="Ask Alma now").click()
    assert page.get_by_text("Alma gave no balance.").is_visible()
