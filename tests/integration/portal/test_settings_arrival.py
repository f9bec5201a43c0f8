"""The page that says where Alma's files arrive: server, host key, webhook address and API token."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.portal.settings_help import SETTINGS, form_of, secret, stored, words
from webapp.models import InboundFile
from webapp.models.scope import tenant_scope
from webapp.sandbox.sftp_drop import SftpDrop

ARRIVAL = f"{SETTINGS}/arrival"
TICK = {"compared": "yes"}


@pytest.fixture
def drop(tmp_path: Path):
    (tmp_path / "drop" / "out").mkdir(parents=True)
    server = SftpDrop(tmp_path / "drop", "alma", "let-me-in").start()
    yield server
    server.stop()


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    (tmp_path / "watched").mkdir()
    return {**environ, "FEEBRIDGE_INBOUND_ROOT": str(tmp_path / "watched")}


def server_form(drop: SftpDrop, **typed: str) -> dict[str, str]:
    return form_of(
        "arrival",
        **{
            "place": "sftp",
            "sftp_host": "127.0.0.1",
            "sftp_port": str(drop.port),
            "sftp_username": "alma",
            "arrival_sftp_password": "let-me-in",
            "sftp_directory": "out",
            "profile_code": "BURSAR",
            **typed,
        },
    )


@pytest.fixture
def connected(people, browser_of, drop):
    """The admin, with the server's address and password set and no key confirmed."""
    browser = browser_of("admin")
    assert browser.post(ARRIVAL, server_form(drop)).status_code == 303
    return browser


def confirm(browser, drop: SftpDrop):
    form = {"fingerprint": drop.fingerprint, "host": "127.0.0.1", **TICK}
    return browser.post(f"{ARRIVAL}/host-keys", form, follow_redirects=True)


def test_an_unknown_server_shows_its_key_and_is_told_nothing(connected, drop):
    page = words(connected.post(f"{ARRIVAL}/test"))
    assert drop.fingerprint in page
    assert "Is this really 127.0.0.1?" in page
    assert drop.operations("sign_in_begun", "sign_in_by_password", "open") == []


def test_with_its_key_confirmed_the_test_lists_what_would_be_read(connected, drop, portal, people):
    out = drop.root / "out"
    for name in ("BURSAR-1-2.xml", "OTHER-1-2.xml", "notes.txt"):
        (out / name).write_text("x")
    assert "Confirmed." in words(confirm(connected, drop))
    assert stored(portal, people.csusm, "arrival")["sftp_host_keys"] == [drop.fingerprint]
    assert stored(portal, people.csusm, "delivery")["sftp_host_keys"] == []
    page = words(connected.post(f"{ARRIVAL}/test"))
    assert "was let in and the folder 'out' is there" in page
    assert "BURSAR-1-2.xml" in page
    assert "2 other files there would not be read." in page
    assert "OTHER-1-2.xml" not in page
    assert len(list(out.iterdir())) == 3
    assert "tested: well" in page


def test_a_key_that_is_removed_lets_nothing_be_read(connected, drop, portal, people):
    confirm(connected, drop)
    form = {"fingerprint": drop.fingerprint, "host": "127.0.0.1"}
    page = words(connected.post(f"{ARRIVAL}/host-keys/forget", form, follow_redirects=True))
    assert "None is left: nothing is read until one is confirmed." in page
    assert stored(portal, people.csusm, "arrival")["sftp_host_keys"] == []


def test_a_new_host_forgets_the_key_and_the_password_but_not_what_programs_use(
    connected, drop, portal, people
):
    confirm(connected, drop)
    connected.post(f"{ARRIVAL}/api-token")
    connected.post(ARRIVAL, server_form(drop, alma_webhook_secret="hush", version="2"))
    moved = server_form(drop, sftp_host="127.0.0.2", arrival_sftp_password="", version="2")
    page = words(connected.post(ARRIVAL, moved, follow_redirects=True))
    assert "What was set for the old server was forgotten: password." in page
    assert stored(portal, people.csusm, "arrival")["sftp_host_keys"] == []
    assert secret(portal, people.csusm, "arrival_sftp_password") is None
    assert secret(portal, people.csusm, "alma_webhook_secret") == "hush"
    assert secret(portal, people.csusm, "api_token").startswith("fb_")


def test_a_private_key_that_is_none_is_refused(people, browser_of, drop):
    form = server_form(drop, sftp_auth="key", arrival_sftp_private_key="not a key")
    answer = browser_of("admin").post(ARRIVAL, form)
    assert answer.status_code == 422
    assert 'id="arrival_sftp_private_key-fault"' in answer.text


def test_the_watched_folder_is_looked_at_too(people, browser_of, tmp_path):
    browser = browser_of("admin")
    browser.post(ARRIVAL, form_of("arrival", place="folder", profile_code="BURSAR"))
    page = words(browser.post(f"{ARRIVAL}/test"))
    assert "make a folder named csusm in the watched place" in page
    assert str(tmp_path) not in page
    folder = tmp_path / "watched" / "csusm"
    folder.mkdir()
    (folder / "BURSAR-1-2.xml").write_text("x")
    page = words(browser.post(f"{ARRIVAL}/test"))
    assert "The watched folder csusm is there and can be read." in page
    assert "BURSAR-1-2.xml" in page


def test_without_a_place_the_test_says_that_files_are_uploaded(people, browser_of):
    assert "files are uploaded" in words(browser_of("editor").post(f"{ARRIVAL}/test"))


def test_the_webhook_address_is_made_and_never_typed(connected, portal, people):
    page = connected.post(f"{ARRIVAL}/webhook-address", follow_redirects=True).text
    token = stored(portal, people.csusm, "arrival")["webhook_token"]
    assert f"/hooks/alma/{token}" in page
    assert portal.test_client().get(f"/hooks/alma/{token}?challenge=x").json == {"challenge": "x"}
    typed = form_of("arrival", webhook_token="x" * 30, version="2")
    assert connected.post(ARRIVAL, typed).status_code == 303
    assert stored(portal, people.csusm, "arrival")["webhook_token"] == token


def test_the_api_token_is_shown_once_and_never_typed(connected, portal, people):
    page = connected.post(f"{ARRIVAL}/api-token").text
    token = re.search(rf"fb_{people.csusm}_[\w-]+", page).group()
    headers = {"Authorization": f"Bearer {token}"}
    assert portal.test_client().get("/api/v1/files", headers=headers).status_code == 200
    again = connected.get(ARRIVAL).text
    assert token not in again
    assert "A token was made" in again
    connected.post(ARRIVAL, form_of("arrival", api_token="fb_1_" + "x" * 40, version="1"))
    assert secret(portal, people.csusm, "api_token") == token
    connected.post(f"{ARRIVAL}/secrets/api_token/remove")
    assert portal.test_client().get("/api/v1/files", headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["webhook-address", "api-token", "host-keys"])
def test_only_admins_make_addresses_tokens_and_trust_keys(people, browser_of, path):
    assert browser_of("editor").post(f"{ARRIVAL}/{path}", TICK).status_code == 403


def test_the_overview_has_a_line_for_the_place_where_files_arrive(connected, drop):
    page = words(connected.get(SETTINGS))
    assert "Where Alma's files arrive" in page.replace("’", "'")
    assert "No host key is confirmed" in page or "host key" in page


def multipart(token: str, content: bytes) -> bytes:
    """A form with a file, as a browser sends it."""
    fields = f'--edge\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
    head = '--edge\r\nContent-Disposition: form-data; name="file"; filename="BURSAR-1-2.xml"\r\n\r\n'
    return f"{fields}{head}".encode() + content + b"\r\n--edge--\r\n"


def test_a_large_file_is_handed_in_on_a_page_by_who_is_signed_in_only(portal, people, browser_of):
    content = b"<xb:xml-fragment/>" + b" " * (40 << 20)
    editor = browser_of("editor")
    body = multipart(editor.token("/account"), content)
    form = {"data": body, "content_type": "multipart/form-data; boundary=edge"}
    answer = editor.client.post("/c/csusm/inbound", **form)
    assert answer.status_code == 303
    assert portal.test_client().post("/c/csusm/inbound", **form).status_code == 413
    with portal.app_context(), tenant_scope(people.csusm) as session:
        assert [row.size for row in session.query(InboundFile)] == [len(content)]
