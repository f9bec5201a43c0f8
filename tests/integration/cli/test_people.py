"""``feebridge people add``: the first people of an installation."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from webapp.app import create_app
from webapp.models import db
from webapp.services.sign_in import WrongPasswordError, sign_in, visitor_of

GOOD = "seven quiet otters at dusk"


def signed_in(settings, email: str, password: str = GOOD):
    return visitor_of(sign_in(email, password, address="192.0.2.1", secret_key=settings.secret_key))


def test_the_first_consortium_admin_chooses_a_password_by_a_link_that_works_once(core, feebridge, settings):
    told = feebridge("people", "add", "You@Example.edu", "--name", "Your Name", "--consortium-admin").stdout
    link = re.search(r"\S+/choose-password/\S+", told)[0]
    assert link.startswith(settings.base_url)
    assert "you@example.edu can choose a password for 72 hours, once" in told
    portal = create_app(settings)
    browser = portal.test_client()
    page = browser.get(urlsplit(link).path)
    assert page.status_code == 200
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
    fields = dict.fromkeys(re.findall(r'<input[^>]*type="password"[^>]*name="([^"]+)"', page.text), GOOD)
    fields |= dict.fromkeys(re.findall(r'<input[^>]*name="([^"]+)"[^>]*type="password"', page.text), GOOD)
    done = browser.post(urlsplit(link).path, data={**fields, "csrf_token": token})
    assert done.status_code == 303, done.text
    assert browser.get(urlsplit(link).path).status_code == 404
    with portal.app_context():
        visitor = signed_in(settings, "you@example.edu")
        for engine in db.engines.values():
            engine.dispose()
    assert visitor.is_consortium_admin
    assert visitor.campuses == ()


def test_a_password_may_come_from_standard_input(two_tenants, feebridge, settings):
    told = feebridge(
        "people", "add", "ann@csusm.example", "--name", "Ann", "--tenant", "csusm", "--role", "admin",
        "--password-stdin", stdin=f"{GOOD}\n",
    )  # fmt: skip
    assert told.stdout == f"ann@csusm.example signs in at {settings.base_url} with their password.\n"
    (campus,) = signed_in(settings, "ann@csusm.example").campuses
    assert (campus.slug, campus.role) == ("csusm", "admin")
    with pytest.raises(WrongPasswordError):
        signed_in(settings, "ann@csusm.example", "another password than that")


def test_someone_who_has_an_account_gets_a_second_campus_and_keeps_their_password(
    two_tenants, feebridge, settings
):
    feebridge(
        "people", "add", "ann@csusm.example", "--name", "Ann", "--tenant", "csusm", "--role", "viewer",
        "--password-stdin", stdin=f"{GOOD}\n",
    )  # fmt: skip
    told = feebridge(
        "people", "add", "ann@csusm.example", "--name", "Ann", "--tenant", "humboldt", "--role", "editor"
    )
    assert "choose-password" not in told.stdout
    roles = {campus.slug: campus.role for campus in signed_in(settings, "ann@csusm.example").campuses}
    assert roles == {"csusm": "viewer", "humboldt": "editor"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ann@csusm.example", "--name", "Ann"), "Say what the person may do"),
        (("ann@csusm.example", "--name", "Ann", "--tenant", "csusm"), "Say what the person may do"),
        (("ann@csusm.example", "--name", "Ann", "--tenant", "csusm", "--role", "king"), "'approver'"),
        (("ann@csusm.example", "--name", "Ann", "--tenant", "fresno", "--role", "admin"), "Campuses: csusm, humboldt"),
        (("not-an-address", "--name", "Ann", "--consortium-admin"), "not a mail address"),
        (("ann@csusm.example", "--name", "", "--consortium-admin"), "Type the person's name"),
        (("ann@csusm.example", "--name", "Ann", "--consortium-admin", "--password-stdin"), "at least 12 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words_and_nobody_is_added(
    two_tenants, feebridge, superuser, arguments, words
):
    assert words in feebridge("people", "add", *arguments, code=2, stdin="short\n").stderr
    assert superuser.execute("SELECT count(*) FROM person").fetchone() == (0,)


def test_an_address_is_taken_once(two_tenants, feebridge):
    add = ("people", "add", "ann@csusm.example", "--name", "Ann", "--consortium-admin")
    feebridge(*add)
    assert "has an account already" in feebridge(*add, code=2).stderr
