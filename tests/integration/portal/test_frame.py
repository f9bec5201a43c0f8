"""What every answer has: safe headers, form tokens, plain errors, our own files only."""

from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from webapp.web import errors

STATIC = Path(errors.__file__).resolve().parents[1] / "static"
PAGES = (
    "/sign-in",
    "/account",
    "/account/password",
    "/c/csusm/",
    "/consortium/",
    "/consortium/people",
    "/nowhere",
)


def test_every_answer_tells_the_browser_to_be_careful(people, browser):
    for path in ("/sign-in", "/nowhere", "/livez", "/static/theme.css"):
        headers = browser.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
        assert policy["form-action"] == policy["connect-src"] == "'self'"
        assert re.fullmatch(r"'nonce-[\w-]{22}'", policy["script-src"])
        assert "unsafe" not in headers["Content-Security-Policy"]


def test_pages_are_not_kept_by_browsers_and_our_static_files_are(people, browser):
    assert browser.get("/sign-in").headers["Cache-Control"] == "no-store"
    assert "max-age=31536000" in browser.get("/static/theme.css").headers["Cache-Control"]


def test_each_answer_has_a_nonce_of_its_own(people, browser):
    nonces = {re.search(r'nonce="([^"]+)"', browser.get("/sign-in").text)[1] for _ in range(3)}
    assert len(nonces) == 3


class _Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_from_this_site_only_and_has_nothing_inline(people, browser_of, path):
    role = "consortium" if path.startswith("/consortium") else "viewer"
    page = browser_of(role).get(path, follow_redirects=True).text
    for tag, attributes in _Elements(page).found:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("/", "#", "?")), (tag, name, value)
            assert not (value or "").startswith("//")
        assert "style" not in attributes, (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        if tag in {"script", "style"}:
            assert attributes.get("nonce"), (tag, attributes)
        if tag == "script":
            assert attributes.get("src"), "no inline scripts"


def test_no_style_or_script_of_ours_names_another_site():
    files = [path for path in STATIC.rglob("*") if path.suffix in {".css", ".js", ".svg"}]
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "@import" not in text, path
        for target in re.findall(r"url\(\s*[\"']?([^\"')\s]+)", text):
            assert target.startswith(("data:", "#", "%23")), (path, target)


def test_everything_vendored_carries_its_licence_and_version():
    folders = sorted(path for path in (STATIC / "vendor").iterdir())
    assert [re.fullmatch(r"([a-z-]+)-(\d+\.\d+\.\d+)", folder.name)[1] for folder in folders] == [
        "htmx",
        "tabler",
        "tabler-icons",
        "uplot",
    ]
    for folder in folders:
        assert (folder / "LICENSE").read_text(encoding="utf-8").strip()


def test_every_icon_named_by_a_template_is_in_the_sprite():
    sprite = (STATIC / "vendor" / "tabler-icons-3.51.0" / "sprite.svg").read_text()
    drawn = set(re.findall(r'symbol id="([^"]+)"', sprite))
    templates = STATIC.parent / "templates"
    named = {
        name
        for path in templates.rglob("*.html")
        for name in re.findall(r'icon\("([a-z0-9-]+)"', path.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= drawn


def test_a_form_without_its_token_is_refused_and_says_what_to_do(people, browser_of, superuser):
    viewer = browser_of("viewer")
    answer = viewer.client.post("/account/sign-out-everywhere")
    assert answer.status_code == 400
    assert "This form is no longer valid" in answer.text
    assert viewer.get("/account").status_code == 200


def test_a_token_of_another_session_is_refused(people, browser_of):
    viewer, editor = browser_of("viewer"), browser_of("editor")
    answer = viewer.client.post("/sign-out", data={"csrf_token": editor.token("/account")})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_change_asked_for_by_another_site_is_refused_even_with_the_token(people, browser_of, headers):
    viewer = browser_of("viewer")
    assert viewer.post("/account/sign-out-everywhere", headers=headers).status_code == 403
    assert viewer.get("/account").status_code == 200


def test_a_change_from_our_own_page_is_taken(people, browser_of):
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    assert browser_of("viewer").post("/sign-out", headers=headers).status_code == 303


def same(text: str) -> str:
    return re.sub(r'(nonce="|csrf_token" value=")[^"]*', r"\1", text)


def test_another_campus_and_no_campus_and_no_page_look_the_same(people, browser_of):
    viewer = browser_of("viewer")
    answers = [viewer.get(path) for path in ("/c/humboldt/", "/c/no-such/", "/nowhere", "/consortium/")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({same(answer.text) for answer in answers}) == 1


def test_a_campus_that_rests_is_gone_for_its_people(people, browser_of, superuser):
    viewer = browser_of("viewer")
    superuser.execute("UPDATE tenant SET is_active = false WHERE slug = 'csusm'")
    assert viewer.get("/c/csusm/").status_code == 404


def test_a_role_taken_away_counts_from_the_next_click(people, browser_of, superuser):
    viewer = browser_of("viewer")
    superuser.execute("DELETE FROM membership WHERE person_id = %s", (people.by_role["viewer"],))
    assert viewer.get("/c/csusm/").status_code == 404


def test_a_wrong_method_and_a_huge_upload_are_answered_in_plain_words(people, browser_of, portal):
    viewer = browser_of("viewer")
    assert "does not work this way" in viewer.get("/sign-out").text
    portal.config["MAX_CONTENT_LENGTH"] = 1000
    answer = viewer.client.post("/account/password", data={"old": "x" * 2000})
    assert answer.status_code == 413
    assert "too large" in answer.text


def test_a_fault_of_ours_is_logged_by_its_id_without_the_text_of_the_error(
    people, browser_of, portal, caplog
):
    viewer = browser_of("viewer")
    patron = "Ada Lovelace owes $12.00"

    def broken() -> str:
        raise ValueError(patron)

    portal.view_functions["auth.account"] = broken
    with caplog.at_level(logging.ERROR):
        answer = viewer.get("/account")
    assert answer.status_code == 500
    error_id = re.search(r"<code>([0-9a-f]{8})</code>", answer.text)[1]
    assert error_id in caplog.text
    assert "ValueError" in caplog.text
    assert "Lovelace" not in caplog.text + answer.text


def test_when_the_database_is_gone_a_page_still_says_so(people, browser_of, superuser, portal, caplog):
    viewer = browser_of("viewer")
    superuser.execute("ALTER TABLE web_session RENAME TO web_session_away")
    try:
        answer = viewer.get("/account")
    finally:
        superuser.execute("ALTER TABLE web_session_away RENAME TO web_session")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text


def test_the_reader_chooses_the_colours(people, browser_of):
    viewer = browser_of("viewer")
    assert "data-bs-theme" not in viewer.get("/account").text
    back = viewer.post("/theme", {"theme": "dark"}, headers={"Referer": "http://localhost/account"})
    assert back.location == "/account"
    assert 'data-bs-theme="dark"' in viewer.get("/account").text
    back = viewer.post(
        "/theme", {"theme": "no such theme"}, headers={"Referer": "http://elsewhere.example/account"}
    )
    assert back.location == "/"
    assert "data-bs-theme" not in viewer.get("/account").text


def test_a_live_process_says_so_without_asking_anyone(portal, browser):
    assert browser.get("/livez").json == {"alive": True}


def test_a_process_is_ready_when_the_database_is_at_the_newest_schema(portal, browser, superuser):
    assert browser.get("/readyz").json == {"ready": True, "faults": {}}
    superuser.execute("UPDATE alembic_version SET version_num = '0000'")
    answer = browser.get("/readyz")
    assert answer.status_code == 503
    assert "feebridge migrate" in answer.json["faults"]["database"]
