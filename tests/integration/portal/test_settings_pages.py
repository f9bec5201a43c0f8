"""The overview of settings and the page of each section."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.integration.portal.campus_rows import fill_campus
from tests.integration.portal.settings_help import SETTINGS, counted, form_of, secret, stored, words
from webapp.domain.campus_settings import SECTIONS
from webapp.models.scope import tenant_scope
from webapp.services import audit, campus_settings
from webapp.services.change_settings import MADE_SECRETS, MANAGED_FIELDS


def test_the_overview_says_what_each_section_is_set_to_and_what_it_lacks(portal, people, browser_of):
    fill_campus(portal, people.csusm)
    page = words(browser_of("viewer").get(SETTINGS))
    assert "SFTP to sftp.example.edu" in page
    assert "The SFTP host key is not confirmed, so nothing is sent." in page
    assert "The API key is not set." in page
    assert "Every Monday, Tuesday, Wednesday, Thursday and Friday at 18:00 (Pacific time)" in page


def test_the_overview_leads_a_new_campus_through_the_steps_in_order(people, browser_of):
    page = words(browser_of("admin").get(SETTINGS))
    titles = ("Alma key", "Source", "PeopleSoft codes", "Delivery", "Notification", "Dry run", "Schedule")
    places = [page.index(f"{n}. {title}") for n, title in enumerate(titles, 1)]
    assert places == sorted(places)
    assert "Do next 1. Alma key" in page
    assert "0 of 7 done" in page


# Mails and tables have editors of their own.
@pytest.mark.parametrize(
    "section", [name for name in SECTIONS if name not in {"mail_template", "charge_maps"}]
)
def test_every_declared_field_has_a_labelled_control_on_its_page(people, browser_of, section):
    page = browser_of("admin").get(f"{SETTINGS}/{section}").text
    for field in SECTIONS[section].fields:
        if field.name in MANAGED_FIELDS | MADE_SECRETS:
            assert f'name="{field.name}"' not in page
            continue
        assert f'name="{field.name}"' in page, field.name
        assert unescape(page).count(field.label) >= 1, field.label


def test_a_section_is_stored_and_the_trail_says_who_changed_what(portal, people, browser_of):
    editor = browser_of("editor")
    answer = editor.post(f"{SETTINGS}/mapping", form_of("mapping", hold_code="LBX"), follow_redirects=True)
    assert answer.status_code == 200
    assert "PeopleSoft codes: saved." in words(answer)
    assert "Csusm Editor Changed: PeopleSoft codes Service indicator code: before LIB → after LBX" in words(
        answer
    )
    assert stored(portal, people.csusm, "mapping")["hold_code"] == "LBX"


def test_a_refused_form_names_each_fault_beside_its_field_and_keeps_what_was_typed(
    portal, people, browser_of
):
    form = form_of("policy", grace_days="soon", minimum_total_cents="a lot", ignored_types="PRINTING")
    answer = browser_of("editor").post(f"{SETTINGS}/policy", form)
    assert answer.status_code == 422
    assert 'href="#grace_days"' in answer.text
    assert re.search(r'aria-describedby="grace_days-help grace_days-fault" aria-invalid="true"', answer.text)
    assert 'value="soon"' in answer.text
    assert ">PRINTING</textarea>" in answer.text
    assert "2 fields need a look" in words(answer)
    assert stored(portal, people.csusm, "policy") == SECTIONS["policy"].defaults()


def test_a_flag_left_unticked_is_off_also_when_the_form_comes_back(people, browser_of):
    form = form_of("policy", grace_days="soon")
    del form["keep_disputed_out"]
    answer = browser_of("editor").post(f"{SETTINGS}/policy", form)
    box = re.search(r'<input type="checkbox"[^>]*name="keep_disputed_out"[^>]*>', answer.text)[0]
    assert "checked" not in box


def test_nobody_overwrites_what_somebody_else_saved_meanwhile(portal, people, browser_of):
    editor = browser_of("editor")
    assert editor.post(f"{SETTINGS}/mapping", form_of("mapping", hold_code="ONE")).status_code == 303
    answer = editor.post(f"{SETTINGS}/mapping", form_of("mapping", hold_code="TWO"))
    assert answer.status_code == 409
    assert "Nothing was overwritten" in answer.text
    assert 'value="TWO"' in answer.text
    assert stored(portal, people.csusm, "mapping")["hold_code"] == "ONE"
    version = re.search(r'name="version" value="(\d+)"', answer.text)[1]
    knowingly = form_of("mapping", hold_code="TWO", version=version)
    assert editor.post(f"{SETTINGS}/mapping", knowingly).status_code == 303
    assert stored(portal, people.csusm, "mapping")["hold_code"] == "TWO"


def test_a_secret_is_stored_sealed_and_never_shown(portal, people, browser_of, superuser):
    admin = browser_of("admin")
    form = form_of("alma", institution_code="01CALS_USM", alma_api_key="l8xxSECRETSECRET")
    answer = admin.post(f"{SETTINGS}/alma", form, follow_redirects=True)
    assert "l8xxSECRETSECRET" not in answer.text
    assert "by Csusm Admin. It is never shown" in words(answer)
    assert "Replaced: API key" in words(answer)
    sealed = superuser.execute("SELECT sealed FROM tenant_secret").fetchone()[0]
    assert "SECRET" not in sealed
    events = superuser.execute("SELECT string_agg(audit_event::text, ' ') FROM audit_event").fetchone()[0]
    assert "l8xxSECRETSECRET" not in events
    assert secret(portal, people.csusm, "alma_api_key") == "l8xxSECRETSECRET"


def test_an_empty_secret_field_keeps_the_secret_and_a_refused_form_does_not_repeat_it(
    portal, people, browser_of
):
    admin = browser_of("admin")
    admin.post(f"{SETTINGS}/alma", form_of("alma", institution_code="01CALS_USM", alma_api_key="first-key"))
    admin.post(
        f"{SETTINGS}/alma", form_of("alma", institution_code="01CALS_USM", version="1", reserve_calls="7")
    )
    refused = admin.post(
        f"{SETTINGS}/alma", form_of("alma", institution_code="", version="2", alma_api_key="second-key")
    )
    assert refused.status_code == 422
    assert "second-key" not in refused.text
    assert "except keys and passwords" in words(refused)
    assert secret(portal, people.csusm, "alma_api_key") == "first-key"


def test_a_secret_can_be_removed(portal, people, browser_of):
    admin = browser_of("admin")
    admin.post(f"{SETTINGS}/alma", form_of("alma", institution_code="01CALS_USM", alma_api_key="first-key"))
    answer = admin.post(f"{SETTINGS}/alma/secrets/alma_api_key/remove", follow_redirects=True)
    assert "Not set yet." in words(answer)
    assert "Removed: API key" in words(answer)
    assert admin.post(f"{SETTINGS}/alma/secrets/no_such/remove").status_code == 404


def test_a_public_key_pasted_for_the_private_one_is_refused_at_its_field(portal, people, browser_of):
    form = form_of("delivery", sftp_private_key="ssh-ed25519 AAAA someone@campus")
    answer = browser_of("admin").post(f"{SETTINGS}/delivery", form)
    assert answer.status_code == 422
    assert 'href="#sftp_private_key"' in answer.text
    assert "This is the public key" in words(answer)
    with portal.app_context(), tenant_scope(people.csusm) as session:
        assert campus_settings.secrets_set(session) == set()


@pytest.mark.parametrize("section", ["alma", "delivery", "notification"])
def test_keys_and_hosts_are_for_campus_admins(people, browser_of, section):
    editor = browser_of("editor")
    page = editor.get(f"{SETTINGS}/{section}")
    assert "A campus admin changes these." in words(page)
    assert f'action="/c/csusm/settings/{section}"' not in page.text
    assert editor.post(f"{SETTINGS}/{section}", form_of(section)).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "approver"])
def test_who_may_not_edit_reads_every_value_and_saves_none(portal, people, browser_of, role):
    reader = browser_of(role)
    page = reader.get(f"{SETTINGS}/policy")
    assert "Smallest total that places a hold $0.00" in words(page)
    assert 'name="grace_days"' not in page.text
    assert reader.post(f"{SETTINGS}/policy", form_of("policy")).status_code == 403
    assert stored(portal, people.csusm, "policy") == SECTIONS["policy"].defaults()


def test_a_host_outside_the_list_of_alma_addresses_is_refused(people, browser_of):
    form = form_of("alma", institution_code="01CALS_USM", base_url="https://evil.example")
    answer = browser_of("admin").post(f"{SETTINGS}/alma", form)
    assert answer.status_code == 422
    assert "API address must be one of" in words(answer)


def test_a_layout_that_does_not_exist_is_refused_with_those_that_do(people, browser_of):
    answer = browser_of("editor").post(f"{SETTINGS}/files", form_of("files", layout="nothing"))
    assert answer.status_code == 422
    assert "Choose one of opscom-holds, population-ids" in words(answer)


def test_another_host_takes_the_confirmed_key_out(portal, people, browser_of):
    key = "SHA256:" + "a" * 43
    admin = browser_of("admin")
    admin.post(f"{SETTINGS}/delivery", form_of("delivery", sftp_host="one.example.edu", sftp_username="u"))
    form = {"fingerprint": key, "host": "one.example.edu", "compared": "yes"}
    admin.post(f"{SETTINGS}/delivery/host-keys", form)
    assert stored(portal, people.csusm, "delivery")["sftp_host_keys"] == [key]
    kept = form_of("delivery", sftp_host="one.example.edu", sftp_username="v", version="2")
    admin.post(f"{SETTINGS}/delivery", kept)
    assert stored(portal, people.csusm, "delivery")["sftp_host_keys"] == [key]
    moved = form_of("delivery", sftp_host="two.example.edu", sftp_username="v", version="3")
    answer = admin.post(f"{SETTINGS}/delivery", moved, follow_redirects=True)
    assert stored(portal, people.csusm, "delivery")["sftp_host_keys"] == []
    assert "the confirmed host key was taken out" in words(answer)


def test_every_change_is_listed_found_by_name_and_exported(portal, people, browser_of):
    editor = browser_of("editor")
    editor.post(f"{SETTINGS}/mapping", form_of("mapping", hold_code="LBX"))
    admin = browser_of("admin")
    admin.post(f"{SETTINGS}/notification", form_of("notification", recipients="a@example.edu"))
    page = words(editor.get(f"{SETTINGS}/history"))
    assert page.index("Changed: Notification") < page.index("Changed: PeopleSoft codes")
    found = words(editor.get(f"{SETTINGS}/history?q=mapping"))
    assert "Changed: PeopleSoft codes" in found
    assert "Changed: Notification" not in found
    lines = editor.get(f"{SETTINGS}/history?format=csv").text.splitlines()
    assert len(lines) == 3
    with portal.app_context(), tenant_scope(people.csusm) as session:
        assert audit.verify_chain(session) == []


@pytest.mark.parametrize(
    "path",
    ["", "/alma", "/delivery", "/files", "/source", "/schedule", "/mail-template", "/members", "/history"],
)
def test_a_page_of_settings_needs_few_queries(portal, people, browser_of, path):
    fill_campus(portal, people.csusm)
    admin = browser_of("admin")
    with counted(portal) as queries:
        assert admin.get(f"{SETTINGS}{path}").status_code == 200
    assert len(queries) <= 10, queries


def test_a_file_for_each_code_needs_the_code_in_its_name_whichever_page_is_saved_first(people, browser_of):
    editor = browser_of("editor")
    for section, change in (("mapping", {"file_per_code": "on"}), ("policy", {"style": "ids"})):
        answer = editor.post(f"{SETTINGS}/{section}", form_of(section, **change))
        assert answer.status_code == 422
        assert "First add {hold_code} to the file name on the page Files." in words(answer)
    named = form_of("files", file_name="{campus}_{kind}_{hold_code}_{sequence:4}.txt")
    assert editor.post(f"{SETTINGS}/files", named).status_code == 303
    assert editor.post(f"{SETTINGS}/mapping", form_of("mapping", file_per_code="on")).status_code == 303
    plain = form_of("files", file_name="{campus}_{kind}_{sequence:4}.txt", version="1")
    answer = editor.post(f"{SETTINGS}/files", plain)
    assert answer.status_code == 422
    assert "so the file name needs {hold_code}" in words(answer)
