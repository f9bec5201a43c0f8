"""Members: who works for the campus, and as what."""

from __future__ import annotations

import re

from tests.integration.portal.settings_help import SETTINGS, words

MEMBERS = f"{SETTINGS}/members"
NEW = {"full_name": "Nia New", "email": "nia@csusm.example", "role": "editor"}


def test_everyone_reads_who_works_for_the_campus_and_only_admins_change_it(people, browser_of):
    page = words(browser_of("viewer").get(MEMBERS))
    assert "Csusm Editor editor@csusm.example Editor Active" in page
    assert "A campus admin changes members." in page
    for path in ("", f"/{people.by_role['viewer']}/role", f"/{people.by_role['viewer']}/remove"):
        assert browser_of("editor").post(f"{MEMBERS}{path}", NEW).status_code == 403


def test_somebody_new_gets_a_link_shown_once_and_signs_in_with_it(people, browser_of, browser):
    admin = browser_of("admin")
    answer = admin.post(MEMBERS, NEW)
    link = re.search(r"http://localhost(/choose-password/[^<\"]+)", answer.text)[1]
    assert "Nia New works for San Marcos now." in words(answer)
    assert "choose-password" not in admin.get(MEMBERS).text
    password = "quiet lantern over the bay"
    form = {"password": password, "again": password}
    answer = browser.post(link, form, form_page=link, follow_redirects=True)
    assert answer.request.path == "/c/csusm/"
    history = words(admin.get(f"{SETTINGS}/history"))
    assert "Member added: person" in history


def test_a_fresh_link_is_made_for_who_has_no_password_yet(people, browser_of):
    admin = browser_of("admin")
    admin.post(MEMBERS, NEW)
    person_id = re.search(r"/members/(\d+)/invitation", admin.get(MEMBERS).text)[1]
    assert "choose-password" in admin.post(f"{MEMBERS}/{person_id}/invitation").text
    has_one = admin.post(f"{MEMBERS}/{people.by_role['viewer']}/invitation", follow_redirects=True)
    assert "has a password" in words(has_one)
    assert admin.post(f"{MEMBERS}/{people.humboldt_admin}/invitation").status_code == 404


def test_a_refused_member_keeps_what_was_typed(people, browser_of):
    answer = browser_of("admin").post(MEMBERS, {**NEW, "email": "not an address"})
    assert answer.status_code == 422
    assert 'value="Nia New"' in answer.text
    assert 'href="#email"' in answer.text


def test_an_account_of_another_campus_is_not_taken_in_by_its_address(people, browser_of):
    answer = browser_of("admin").post(MEMBERS, {**NEW, "email": "admin@humboldt.example"})
    assert answer.status_code == 422
    assert "Ask the consortium" in words(answer)


def test_a_role_is_changed_and_a_member_removed(people, browser_of):
    admin = browser_of("admin")
    viewer = people.by_role["viewer"]
    answer = admin.post(f"{MEMBERS}/{viewer}/role", {"role": "approver"}, follow_redirects=True)
    assert "The role is changed" in words(answer)
    assert "Csusm Viewer viewer@csusm.example" in words(answer)
    gone = admin.post(f"{MEMBERS}/{viewer}/remove", follow_redirects=True)
    assert "viewer@csusm.example" not in words(gone)
    assert admin.post(f"{MEMBERS}/{viewer}/remove").status_code == 404


def test_the_last_admin_stays(people, browser_of):
    admin = browser_of("admin")
    me = people.by_role["admin"]
    for act, form in (("role", {"role": "viewer"}), ("remove", {})):
        answer = admin.post(f"{MEMBERS}/{me}/{act}", form)
        assert answer.status_code == 422
        assert "A campus needs an admin." in words(answer)
