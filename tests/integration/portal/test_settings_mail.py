"""The mail template's page."""

from __future__ import annotations

import pytest

from tests.integration.portal.campus_rows import fill_campus
from tests.integration.portal.settings_help import SETTINGS, form_of, stored, words
from webapp.domain.campus_settings import SECTIONS
from webapp.domain.mail_tokens import MAIL_FIELDS
from webapp.sandbox.faults import FaultBoard
from webapp.sandbox.smtp_box import SmtpBox

PAGE = f"{SETTINGS}/mail-template"


@pytest.fixture
def mailbox():
    box = SmtpBox(FaultBoard())
    box.start()
    yield box
    box.stop()


@pytest.fixture
def environ(environ, mailbox):
    return {**environ, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mailbox.port), "SMTP_TLS": "none"}


def test_a_new_campus_sees_its_mail_with_invented_values(people, browser_of):
    page = words(browser_of("viewer").get(PAGE))
    assert "PeopleSoft Holds Report – San Marcos –" in page
    assert "With invented values, because no run has sent anything yet." in page


def test_the_mail_is_shown_with_the_last_runs_real_values(portal, people, browser_of):
    rows = fill_campus(portal, people.csusm)
    page = words(browser_of("editor").get(PAGE))
    assert f"With the real values of run {rows.succeeded}" in page
    assert "Holds added or changed: 4, $37.50 in all" in page
    assert f"csusm_holds_added_{rows.succeeded:04}.txt" in page


def test_the_preview_follows_what_is_typed_and_stores_nothing(portal, people, browser_of):
    typed = {"subject": "Hello {{campus}}", "body": "Run {{ run_id }}", "version": "0"}
    page = words(browser_of("editor").post(f"{PAGE}/preview", typed))
    assert "Subject Hello San Marcos" in page
    assert "Run 1041" in page
    assert stored(portal, people.csusm, "mail_template") == SECTIONS["mail_template"].defaults()


def test_a_preview_with_a_half_typed_field_says_where(people, browser_of):
    page = words(
        browser_of("editor").post(f"{PAGE}/preview", {"subject": "{{camp", "body": "x", "version": "0"})
    )
    assert "The {{ at line 1, column 1 is never closed by }}." in page


def test_an_unknown_field_is_refused_with_the_list_of_fields(portal, people, browser_of):
    answer = browser_of("editor").post(PAGE, {"subject": "S", "body": "Dear {{nmae}}", "version": "0"})
    assert answer.status_code == 422
    page = words(answer)
    assert "The template asks for {{nmae}}, which does not exist." in page
    for name in MAIL_FIELDS:
        assert f"{{{{{name}}}}}" in page
    assert ">Dear {{nmae}}</textarea>" in answer.text
    assert stored(portal, people.csusm, "mail_template") == SECTIONS["mail_template"].defaults()


def test_a_saved_template_is_in_the_trail_before_and_after(people, browser_of):
    typed = {"subject": "Holds of {{campus}}", "body": "{{story}}", "version": "0"}
    answer = browser_of("editor").post(PAGE, typed, follow_redirects=True)
    page = words(answer)
    assert "The template is saved." in page
    assert "→ after Holds of {{campus}}" in page
    assert "Text: before and after" in page


def test_every_field_is_explained_and_can_be_inserted(people, browser_of):
    page = browser_of("editor").get(PAGE)
    for name, explanation in MAIL_FIELDS.items():
        assert f'data-insert="{{{{{name}}}}}"' in page.text
        assert explanation in words(page)


def test_a_test_goes_to_the_person_who_asks_and_to_nobody_else(people, browser_of, mailbox):
    editor = browser_of("editor")
    editor.post(f"{SETTINGS}/notification", form_of("notification", recipients="bursar@example.edu"))
    typed = {"subject": "Holds of {{campus}}", "body": "{{story}}", "version": "0"}
    answer = editor.post(f"{PAGE}/send-test", typed)
    assert "Sent to editor@csusm.example." in words(answer)
    assert [mail.recipients for mail in mailbox.messages] == [("editor@csusm.example",)]
    assert mailbox.messages[0].subject == "[Test] Holds of San Marcos"
    assert "37 patrons added" in mailbox.messages[0].text
    assert "Test mail sent" in words(answer)


def test_a_mail_server_that_is_down_is_said_in_words(people, browser_of, mailbox):
    mailbox.stop()
    answer = browser_of("editor").post(f"{PAGE}/send-test", {"subject": "S", "body": "B", "version": "0"})
    assert answer.status_code == 200
    assert "The test was not sent to editor@csusm.example" in words(answer)


def test_a_test_with_an_unknown_field_sends_nothing(people, browser_of, mailbox):
    answer = browser_of("editor").post(f"{PAGE}/send-test", {"subject": "S", "body": "{{x}}", "version": "0"})
    assert answer.status_code == 422
    assert mailbox.messages == []


def test_nobody_overwrites_a_template_saved_meanwhile(portal, people, browser_of):
    editor = browser_of("editor")
    editor.post(PAGE, {"subject": "One", "body": "B", "version": "0"})
    answer = editor.post(PAGE, {"subject": "Two", "body": "B", "version": "0"})
    assert answer.status_code == 409
    assert 'value="Two"' in answer.text
    assert stored(portal, people.csusm, "mail_template")["subject"] == "One"


def test_viewers_read_the_template_and_send_nothing(people, browser_of, mailbox):
    viewer = browser_of("viewer")
    assert "Send a test to me" not in words(viewer.get(PAGE))
    for path in (PAGE, f"{PAGE}/send-test"):
        assert viewer.post(path, {"subject": "S", "body": "B"}).status_code == 403
    assert mailbox.messages == []
