"""Signing in and out, sessions, and passwords of one's own."""

from __future__ import annotations

import re
import threading
import time

import pytest
from werkzeug.http import parse_cookie

from tests.integration.portal.conftest import PASSWORD, Browser
from webapp.app import create_app
from webapp.config import load_settings
from webapp.models import Person
from webapp.models.scope import person_scope
from webapp.services import passwords, sign_in

VIEWER = "viewer@csusm.example"
WRONG = "That address and password do not go together"


def cookie_of(answer) -> str:
    return parse_cookie(answer.headers["Set-Cookie"])["feebridge"]


def test_a_person_signs_in_and_lands_on_their_campus(people, browser):
    answer = browser.sign_in("Viewer@csusm.example ", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.request.path == "/c/csusm/"
    assert "San Marcos" in answer.text


def test_the_page_asked_for_opens_after_signing_in(people, browser):
    asked = browser.get("/account")
    assert asked.location == "/sign-in?next=/account"
    form = {"csrf_token": browser.token(), "email": VIEWER, "password": PASSWORD}
    assert browser.client.post(asked.location, data=form).location == "/account"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\tb", " /x"],
)
def test_signing_in_never_leads_to_another_site(people, browser, target):
    form = {"csrf_token": browser.token(), "email": VIEWER, "password": PASSWORD}
    answer = browser.client.post("/sign-in", query_string={"next": target}, data=form)
    assert answer.location == "/"


def test_an_unknown_account_and_a_wrong_password_are_answered_alike(people, browser):
    bodies = []
    for email in (VIEWER, "nobody@csusm.example"):
        answer = browser.sign_in(email, "a wrong password of some length")
        assert answer.status_code == 401
        assert WRONG in answer.text
        bodies.append(re.sub(r'value="[^"]*"|nonce="[^"]*"', "", answer.text))
    assert bodies[0] == bodies[1]


def test_an_unknown_account_takes_as_much_hashing_as_a_known_one(people, browser, monkeypatch):
    verified = []
    right = passwords.is_right
    monkeypatch.setattr(passwords, "is_right", lambda *given: verified.append(given[0]) or right(*given))
    browser.sign_in(VIEWER, "a wrong password of some length")
    browser.sign_in("nobody@csusm.example", "a wrong password of some length")
    assert len(verified) == 2
    assert verified[1] == ""
    assert passwords._hash_of_nobody(passwords.HASHER).startswith("$argon2id$")


def test_a_person_who_was_deactivated_can_neither_sign_in_nor_go_on(people, browser_of, superuser):
    viewer = browser_of("viewer")
    superuser.execute("UPDATE person SET is_active = false WHERE email = %s", (VIEWER,))
    assert viewer.get("/account").location.startswith("/sign-in")
    assert viewer.sign_in(VIEWER).status_code == 401


def test_after_five_wrong_passwords_the_right_one_has_to_wait(people, browser, superuser):
    for _ in range(6):
        browser.sign_in(VIEWER, "a wrong password of some length")
    answer = browser.sign_in(VIEWER)
    assert answer.status_code == 429
    assert "Wait 1 second" in answer.text
    superuser.execute("UPDATE login_throttle SET blocked_until = now() - interval '1 second'")
    assert browser.sign_in(VIEWER).status_code == 303


def test_waiting_doubles_and_ends_at_a_quarter_of_an_hour(people, browser, superuser):
    waits = []
    for failures in (5, 6, 9, 14, 40):
        superuser.execute("DELETE FROM login_throttle")
        browser.sign_in(VIEWER, "a wrong password of some length")
        superuser.execute("UPDATE login_throttle SET failures = %s", (failures,))
        browser.sign_in(VIEWER, "a wrong password of some length")
        waits.append(
            superuser.execute(
                "SELECT round(extract(epoch FROM max(blocked_until - updated_at)))::int FROM login_throttle "
                "WHERE failures = %s AND blocked_until IS NOT NULL",
                (failures + 1,),
            ).fetchone()[0]
        )
    assert waits == [1, 2, 16, 512, 900]


def test_guessing_from_one_address_does_not_lock_the_person_out_elsewhere(people, portal, browser):
    for _ in range(7):
        browser.sign_in(VIEWER, "a wrong password of some length")
    elsewhere = Browser(portal.test_client())
    answer = elsewhere.sign_in(VIEWER, environ_base={"REMOTE_ADDR": "198.51.100.7"})
    assert answer.status_code == 303


def test_guesses_at_the_same_moment_are_counted_one_by_one(people, portal):
    outcomes: list[str] = []

    def guess() -> None:
        with portal.app_context():
            try:
                sign_in.sign_in(VIEWER, "a wrong one", address="192.0.2.9", secret_key="k" * 32)
            except (sign_in.WrongPasswordError, sign_in.TooManyTriesError) as err:
                outcomes.append(type(err).__name__)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcomes.count("WrongPasswordError") == 6
    assert outcomes.count("TooManyTriesError") == 6


def test_the_throttle_keeps_neither_addresses_nor_accounts(people, browser, superuser):
    browser.sign_in(VIEWER, "a wrong password of some length")
    keys = [key for (key,) in superuser.execute("SELECT key FROM login_throttle").fetchall()]
    assert len(keys) == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}", key) for key in keys)


def test_signing_in_gives_a_new_session_and_the_database_keeps_only_its_hash(people, browser, superuser):
    stranger = browser.get("/sign-in")
    answer = browser.sign_in(VIEWER)
    token = cookie_of(answer)
    assert token != cookie_of(stranger)
    kept = superuser.execute("SELECT token_sha256, person_id FROM web_session").fetchall()
    assert kept == [(sign_in.token_sha256(token), people.by_role["viewer"])]
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]


def test_a_session_fixed_by_someone_else_is_not_taken_over(people, portal):
    client = portal.test_client()
    client.set_cookie("feebridge", "chosen-by-an-attacker")
    browser = Browser(client)
    assert browser.get("/account").status_code == 302
    assert cookie_of(browser.sign_in(VIEWER)) != "chosen-by-an-attacker"


def test_strangers_cost_the_database_nothing(people, browser, superuser):
    browser.get("/sign-in")
    assert superuser.execute("SELECT count(*) FROM web_session").fetchone() == (0,)


@pytest.mark.parametrize(
    "ended",
    ["last_seen_at = now() - interval '30 minutes 1 second'", "expires_at = now() - interval '1 second'"],
)
def test_a_session_ends_when_idle_for_30_minutes_and_after_12_hours(people, browser_of, superuser, ended):
    viewer = browser_of("viewer")
    lifetime = superuser.execute("SELECT expires_at - created_at FROM web_session").fetchone()[0]
    assert lifetime.total_seconds() == 12 * 3600
    superuser.execute(f"UPDATE web_session SET {ended}")
    assert viewer.get("/account").location.startswith("/sign-in")


def test_what_a_page_fetches_by_itself_does_not_keep_a_session_alive(people, browser_of, superuser):
    viewer = browser_of("viewer")
    superuser.execute("UPDATE web_session SET last_seen_at = now() - interval '20 minutes'")
    viewer.get("/account", headers={"Feebridge-Live": "1"})
    idle = "SELECT now() - last_seen_at > interval '19 minutes' FROM web_session"
    assert superuser.execute(idle).fetchone() == (True,)
    viewer.get("/account")
    assert superuser.execute(idle).fetchone() == (False,)


def test_a_live_part_of_a_page_learns_that_its_session_is_over(people, browser):
    answer = browser.get("/c/csusm/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Refresh"] == "true"


def test_signing_out_ends_the_session_in_the_database(people, browser_of, superuser, portal):
    viewer = browser_of("viewer")
    token = viewer.client.get_cookie("feebridge").value
    viewer.post("/sign-out")
    assert superuser.execute("SELECT count(*) FROM web_session").fetchone() == (0,)
    thief = portal.test_client()
    thief.set_cookie("feebridge", token)
    assert thief.get("/account").status_code == 302


def test_signing_out_everywhere_ends_every_session_of_the_person_only(people, browser_of):
    here, there, someone_else = browser_of("viewer"), browser_of("viewer"), browser_of("editor")
    assert "In 2 browsers" in here.get("/account").text
    here.post("/account/sign-out-everywhere")
    assert there.get("/account").status_code == 302
    assert someone_else.get("/account").status_code == 200


def test_changing_the_password_signs_out_every_other_browser(people, browser_of, browser):
    here, there = browser_of("viewer"), browser_of("viewer")
    new = "orange boats at midnight"
    form = {"old": PASSWORD, "password": new, "again": new}
    answer = here.post("/account/password", form, form_page="/account/password", follow_redirects=True)
    assert "Your password is changed" in answer.text
    assert there.get("/account").status_code == 302
    assert browser.sign_in(VIEWER).status_code == 401
    assert browser.sign_in(VIEWER, new).status_code == 303


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"old": "not my password at all"}, "That is not your current password"),
        ({"password": "short", "again": "short"}, "Use at least 12 characters"),
        ({"password": "password1234!", "again": "password1234!"}, "tried first by attackers"),
        ({"again": "something else entirely"}, "The two are not the same"),
    ],
)
def test_a_password_change_that_is_refused_says_why(people, browser_of, form, says):
    viewer = browser_of("viewer")
    filled = {
        "old": PASSWORD,
        "password": "orange boats at midnight",
        "again": "orange boats at midnight",
        **form,
    }
    answer = viewer.post("/account/password", filled, form_page="/account/password")
    assert answer.status_code == 400
    assert says in answer.text


def test_an_invitation_works_once(people, portal, browser, superuser):
    superuser.execute("UPDATE person SET password_hash = '' WHERE email = %s", (VIEWER,))
    with portal.app_context(), person_scope(None) as session:
        person = session.get_one(Person, people.by_role["viewer"])
        token = sign_in.invitation(person, secret_key=portal.config["SECRET_KEY"])
    page = f"/choose-password/{token}"
    form = {"password": "orange boats at midnight", "again": "orange boats at midnight"}
    answer = browser.post(page, form, form_page=page)
    assert answer.location == "/"
    assert browser.get("/account").status_code == 200
    assert browser.get(page).status_code == 404
    assert browser.get(page[:-3]).status_code == 404


def test_an_account_without_a_password_cannot_be_entered_with_an_empty_one(people, browser, superuser):
    superuser.execute("UPDATE person SET password_hash = '' WHERE email = %s", (VIEWER,))
    for password in ("nobody has this password", " "):
        assert browser.sign_in(VIEWER, password).status_code in {200, 401}
    assert browser.get("/account").status_code == 302


def test_a_hash_made_with_weaker_settings_is_made_anew(people, browser, superuser, monkeypatch):
    before = superuser.execute("SELECT password_hash FROM person WHERE email = %s", (VIEWER,)).fetchone()
    stronger = passwords.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", stronger)
    browser.sign_in(VIEWER)
    after = superuser.execute("SELECT password_hash FROM person WHERE email = %s", (VIEWER,)).fetchone()
    assert before != after
    assert "m=16,t=2" in after[0]


def test_over_https_the_cookie_is_bound_to_this_host(people, environ):
    secure = create_app(load_settings({**environ, "FEEBRIDGE_SECURE_COOKIES": "yes"}))
    answer = secure.test_client().get("/sign-in", base_url="https://feebridge.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-feebridge=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert "max-age=63072000" in answer.headers["Strict-Transport-Security"]


def test_hashing_costs_an_attacker_real_time_and_memory():
    hasher = passwords.PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
    kept = hasher.hash("x")
    assert "$argon2id$v=19$m=65536,t=3,p=1$" in kept
    started = time.perf_counter()
    hasher.verify(kept, "x")
    assert 0.02 < time.perf_counter() - started < 5
