"""Test now: the Alma key, the source and the SFTP server, against peers that really answer."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import requests

from tests.integration.delivery.board import Board
from tests.integration.portal.settings_help import SETTINGS, form_of, stored, words
from webapp.models.scope import tenant_scope
from webapp.sandbox.process import SandboxHandle, start_sandbox
from webapp.sandbox.sftp_drop import SftpDrop
from webapp.services.check_alma import check_alma

CODE = "01CALS_USM"
TICK = {"compared": "yes"}


@pytest.fixture(scope="module")
def sandbox():
    with start_sandbox(
        only_alma=True, institutions=[f"{CODE}=csusm-key", "01CALS_HUL=humboldt-key"], calls_per_second=1000
    ) as running:
        yield running


@pytest.fixture
def environ(environ: dict[str, str], sandbox: SandboxHandle) -> dict[str, str]:
    return {**environ, "FEEBRIDGE_ALMA_HOSTS": sandbox.http}


@pytest.fixture
def alma_faults(sandbox: SandboxHandle):
    def add(where: str, kind: str, **options: object) -> None:
        requests.post(
            f"{sandbox.http}/faults", json={"where": where, "kind": kind, **options}, timeout=10
        ).raise_for_status()

    yield add
    requests.delete(f"{sandbox.http}/faults", timeout=10)


@pytest.fixture
def admin(people, browser_of, sandbox):
    """The campus's admin, with a working Alma key and report set."""
    browser = browser_of("admin")
    key = form_of("alma", base_url=sandbox.http, institution_code=CODE, alma_api_key="csusm-key")
    assert browser.post(f"{SETTINGS}/alma", key).status_code == 303
    assert (
        browser.post(f"{SETTINGS}/source", form_of("source", report_path=sandbox.report_path)).status_code
        == 303
    )
    return browser


def test_a_key_that_belongs_to_the_campus_is_well_and_the_overview_says_so(admin):
    page = words(admin.post(f"{SETTINGS}/alma/test"))
    assert f"The key works and belongs to {CODE}." in page
    assert "Users and their fees: yes." in page
    assert "Alma tested: well" in page
    overview = words(admin.get(SETTINGS))
    assert "Tested well" in overview
    assert "Done 1. Alma key" in overview


def test_a_change_after_the_test_takes_its_word_away(admin, sandbox):
    admin.post(f"{SETTINGS}/alma/test")
    form = form_of("alma", base_url=sandbox.http, institution_code=CODE, calls_per_second="3", version="1")
    admin.post(f"{SETTINGS}/alma", form)
    overview = words(admin.get(SETTINGS))
    assert "Changed since its test" in overview
    assert "Do next 1. Alma key" in overview


def test_the_key_of_another_campus_is_refused_by_name(admin, sandbox):
    form = form_of(
        "alma", base_url=sandbox.http, institution_code=CODE, alma_api_key="humboldt-key", version="1"
    )
    admin.post(f"{SETTINGS}/alma", form)
    page = words(admin.post(f"{SETTINGS}/alma/test"))
    assert f"The key belongs to 01CALS_HUL, not to {CODE}." in page
    assert "Test failed" in page


def test_a_wrong_key_says_so_and_never_shows_it(admin, sandbox):
    form = form_of(
        "alma", base_url=sandbox.http, institution_code=CODE, alma_api_key="l8wrongwrong", version="1"
    )
    admin.post(f"{SETTINGS}/alma", form)
    page = admin.post(f"{SETTINGS}/alma/test")
    assert "Test failed" in words(page)
    assert "l8wrongwrong" not in page.text


def test_check_alma_tells_a_command_line_the_same_in_lines(admin, portal, people):
    with portal.app_context():
        result = check_alma(people.csusm, portal.config["FEEBRIDGE"])
    assert result.is_well
    assert result.lines[0] == f"The key works and belongs to {CODE}."


def test_the_source_shows_its_columns_its_age_and_its_cost(admin):
    answer = admin.post(f"{SETTINGS}/source/test")
    page = words(answer)
    assert "The report was found and its columns are understood." in page
    assert "Data updated as of" in page
    assert "Alma call" in page
    assert "patron_key" in page
    assert "not used" in page


def test_a_missing_column_is_named_and_the_columns_found_are_still_shown(admin, sandbox):
    form = form_of(
        "source", report_path=sandbox.report_path, heading_aliases="emplid = Student Number", version="1"
    )
    admin.post(f"{SETTINGS}/source", form)
    page = words(admin.post(f"{SETTINGS}/source/test"))
    assert "lacks the column Student Number" in page
    assert "Columns found" in page


def test_an_old_report_is_called_old(admin, sandbox, alma_faults):
    alma_faults("alma.analytics", "stale_report", days=9, times=5)
    page = words(admin.post(f"{SETTINGS}/source/test"))
    assert "hours old" in page
    assert "Test failed" in page


def test_a_report_that_is_not_there_says_what_was_looked_for(admin):
    admin.post(f"{SETTINGS}/source", form_of("source", report_path="/shared/nowhere", version="1"))
    assert "/shared/nowhere" in words(admin.post(f"{SETTINGS}/source/test"))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("users_scan", "if everybody owed something"),
        ("sis_export", "changed since"),
        ("user_blocks", "found by block_type~GENERAL"),
    ],
)
def test_a_source_that_asks_for_users_tells_its_cost_before_any_run(admin, kind, says):
    admin.post(
        f"{SETTINGS}/source", form_of("source", kind=kind, blocks_query="block_type~GENERAL", version="1")
    )
    page = words(admin.post(f"{SETTINGS}/source/test"))
    assert says in page
    assert "Alma calls a run" in page


def test_a_violations_file_is_handed_in_and_tested(admin):
    admin.post(f"{SETTINGS}/source", form_of("source", kind="violations_file", version="1"))
    assert "There is no violations file yet" in words(admin.post(f"{SETTINGS}/source/test"))
    table = b"EMPLID,Balance,Violation,Date\n012345678,12.50,Parking,03/04/2026\n,9.00,Parking,03/04/2026\n"
    form = {"file": (io.BytesIO(table), "tickets.csv")}
    answer = admin.post(f"{SETTINGS}/source/violations", form, follow_redirects=True)
    assert "tickets.csv is here" in words(answer)
    page = words(admin.post(f"{SETTINGS}/source/test"))
    assert "tickets.csv can be read. It has 2 rows; 1 of them would go to the desk." in page
    assert "Line 3:" in page


def test_no_file_at_all_is_said_beside_the_field(admin):
    admin.post(f"{SETTINGS}/source", form_of("source", kind="violations_file", version="1"))
    answer = admin.post(f"{SETTINGS}/source/violations", {})
    assert answer.status_code == 422
    assert "Choose the parking system's file first." in words(answer)


@pytest.fixture
def drop(tmp_path: Path):
    board = Board()
    server = SftpDrop(tmp_path / "drop", "feebridge", "let-me-in", faults=board)
    (tmp_path / "drop" / "in").mkdir()
    server.start()
    server.board = board
    yield server
    server.stop()


@pytest.fixture
def connected(admin, drop):
    """The admin, with the drop's address and password set and no key confirmed."""
    form = form_of(
        "delivery", sftp_enabled="yes", sftp_host="127.0.0.1", sftp_port=str(drop.port),
        sftp_username="feebridge", sftp_password="let-me-in", sftp_directory="in",
    )  # fmt: skip
    assert admin.post(f"{SETTINGS}/delivery", form).status_code == 303
    return admin


def test_an_unknown_server_shows_its_key_and_is_told_nothing(connected, drop):
    page = words(connected.post(f"{SETTINGS}/delivery/test"))
    assert drop.fingerprint in page
    assert "Is this really 127.0.0.1?" in page
    assert drop.operations("sign_in_begun", "sign_in_by_password", "sign_in_by_key", "open") == []


def test_a_confirmed_key_lets_the_test_in_and_it_writes_nothing(connected, drop, portal, people, tmp_path):
    (tmp_path / "drop" / "in" / "waiting.txt").write_text("one line\n")
    form = {"fingerprint": drop.fingerprint, "host": "127.0.0.1", **TICK}
    answer = connected.post(f"{SETTINGS}/delivery/host-keys", form, follow_redirects=True)
    assert "Confirmed." in words(answer)
    assert stored(portal, people.csusm, "delivery")["sftp_host_keys"] == [drop.fingerprint]
    page = words(connected.post(f"{SETTINGS}/delivery/test"))
    assert "was let in and the folder 'in' is there. Nothing was written." in page
    assert "One file is in the folder." in page
    assert "waiting.txt" in page
    assert [path.name for path in (tmp_path / "drop" / "in").iterdir()] == ["waiting.txt"]


def test_a_changed_key_shows_both_and_can_replace_the_old_one(connected, drop, portal, people):
    old = "SHA256:" + "A" * 43
    connected.post(f"{SETTINGS}/delivery/host-keys", {"fingerprint": old, "host": "127.0.0.1", **TICK})
    page = words(connected.post(f"{SETTINGS}/delivery/test"))
    assert "is not the server it was" in page
    assert f"Confirmed was {old}" in page
    assert drop.fingerprint in page
    form = {"fingerprint": drop.fingerprint, "host": "127.0.0.1", "mode": "replace", **TICK}
    connected.post(f"{SETTINGS}/delivery/host-keys", form)
    assert stored(portal, people.csusm, "delivery")["sftp_host_keys"] == [drop.fingerprint]


def test_an_announced_key_is_accepted_beside_the_old_one_and_the_old_one_removed(
    connected, drop, portal, people
):
    for key in (drop.fingerprint, "SHA256:" + "B" * 43):
        connected.post(f"{SETTINGS}/delivery/host-keys", {"fingerprint": key, "host": "127.0.0.1", **TICK})
    assert len(stored(portal, people.csusm, "delivery")["sftp_host_keys"]) == 2
    forget = {"fingerprint": drop.fingerprint, "host": "127.0.0.1"}
    answer = connected.post(f"{SETTINGS}/delivery/host-keys/forget", forget, follow_redirects=True)
    assert "no longer trusted" in words(answer)
    assert stored(portal, people.csusm, "delivery")["sftp_host_keys"] == ["SHA256:" + "B" * 43]
    assert "Confirmed host keys: before" in words(answer)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"fingerprint": "SHA256:" + "C" * 43, "host": "127.0.0.1"}, "tick that you compared"),
        ({"fingerprint": "MD5:aa", "host": "127.0.0.1", **TICK}, "is not a fingerprint"),
        ({"fingerprint": "SHA256:" + "C" * 43, "host": "elsewhere", **TICK}, "The host was changed"),
    ],
)
def test_a_key_is_not_confirmed_by_accident(connected, portal, people, form, says):
    answer = connected.post(f"{SETTINGS}/delivery/host-keys", form, follow_redirects=True)
    assert says in words(answer)
    assert stored(portal, people.csusm, "delivery")["sftp_host_keys"] == []


def test_editors_test_but_do_not_confirm(connected, browser_of, drop):
    editor = browser_of("editor")
    page = editor.post(f"{SETTINGS}/delivery/test")
    assert "A campus admin confirms the key." in words(page)
    form = {"fingerprint": drop.fingerprint, "host": "127.0.0.1", **TICK}
    assert editor.post(f"{SETTINGS}/delivery/host-keys", form).status_code == 403
    assert browser_of("viewer").post(f"{SETTINGS}/delivery/test").status_code == 403


def test_a_server_that_is_not_there_is_said_in_words(admin, drop):
    port = drop.port
    drop.stop()
    form = form_of("delivery", sftp_host="127.0.0.1", sftp_port=str(port), sftp_username="feebridge")
    admin.post(f"{SETTINGS}/delivery", form)
    assert "could not be reached" in words(admin.post(f"{SETTINGS}/delivery/test"))


def test_a_refused_password_is_said_in_words(connected, drop):
    form = {"fingerprint": drop.fingerprint, "host": "127.0.0.1", **TICK}
    connected.post(f"{SETTINGS}/delivery/host-keys", form)
    drop.board.add("sftp", "refuse_auth", times=5)
    page = words(connected.post(f"{SETTINGS}/delivery/test"))
    assert "did not let user 'feebridge' in" in page


def test_without_a_host_the_test_says_what_to_type(admin):
    assert "No SFTP host is set." in words(admin.post(f"{SETTINGS}/delivery/test"))


def test_every_test_is_in_the_audit_log(connected, portal, people):
    connected.post(f"{SETTINGS}/delivery/test")
    with portal.app_context(), tenant_scope(people.csusm) as session:
        from webapp.store import settings_pages

        events = settings_pages.changes(session, ["delivery"])
    assert events[0].action == "settings.tested"
    assert events[0].actor == "Csusm Admin"


def test_a_password_typed_for_one_server_is_forgotten_when_the_host_changes(connected, drop, superuser):
    def set_secrets() -> list[str]:
        return [name for (name,) in superuser.execute("SELECT name FROM tenant_secret ORDER BY name")]

    assert "sftp_password" in set_secrets()
    form = form_of(
        "delivery", sftp_enabled="yes", sftp_host="127.0.0.2", sftp_port=str(drop.port), sftp_username="feebridge",
        sftp_directory="in", version="1",
    )  # fmt: skip
    answer = connected.post(f"{SETTINGS}/delivery", form, follow_redirects=True)
    assert "What was set for the old server was forgotten: password." in words(answer)
    assert "sftp_password" not in set_secrets()
