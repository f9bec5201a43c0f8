"""``feebridge tenants``: campuses, their settings, and their secrets, which are never shown."""

from __future__ import annotations

import json

import pytest

from webapp.adapters.vault import Vault
from webapp.models.scope import tenant_scope
from webapp.services.campus_settings import open_secret, read_section


@pytest.fixture
def stored(two_tenants, settings):
    """A section of San Marcos as it is stored."""

    def read(section: str) -> dict:
        with tenant_scope(two_tenants[0]) as session:
            return read_section(session, section)[0]

    return read


def secret_of(settings, tenant_id: int, name: str) -> str | None:
    with tenant_scope(tenant_id) as session:
        return open_secret(session, Vault(settings.vault_keys, settings.vault_active_key), name)


def test_campuses_are_listed_and_an_empty_house_says_how_to_begin(core, feebridge):
    assert "feebridge tenants add SLUG NAME" in feebridge("tenants", "list").stdout
    feebridge("tenants", "add", "csusm", "San Marcos", "--alma-code", "01CALS_USM")
    assert "csusm" in feebridge("tenants", "list").stdout
    (found,) = json.loads(feebridge("tenants", "list", "--json").stdout)
    assert found == {"slug": "csusm", "name": "San Marcos", "alma": "01CALS_USM", "active": True}


def test_a_campus_that_is_added_can_be_set_and_its_adding_is_in_its_log(core, feebridge, superuser):
    told = feebridge(
        "tenants",
        "add",
        "chico",
        "Chico  State",
        "--alma-code",
        "01cals_chi",
        "--zone",
        "America/Los_Angeles",
    )
    assert "Chico State is there as “chico”. Next: feebridge people add" in told.stdout
    feebridge("tenants", "set", "chico", "mapping", "hold_code=LIB")
    noted = superuser.execute("SELECT actor, action FROM audit_event ORDER BY n").fetchall()
    assert noted == [
        ("command line", "campus.onboarded"),
        ("command line", "settings.changed"),
        ("command line", "settings.changed"),
    ]


def test_the_institution_that_a_campus_is_registered_with_need_not_be_typed_again(core, feebridge):
    feebridge("tenants", "add", "chico", "Chico State", "--alma-code", "01cals_chi")
    shown = feebridge("tenants", "show", "chico", "--section", "alma").stdout
    assert "  institution_code = '01CALS_CHI'" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("csusm", "Again", "--alma-code", "01CALS_X"), "is the short name of San Marcos already"),
        (("fresno", "Fresno", "--alma-code", "01CALS_USM"), "01CALS_USM belongs to San Marcos already"),
        (("Fresno!", "Fresno", "--alma-code", "01CALS_UFR"), "cannot be a campus's short name"),
        (
            ("fresno", "Fresno", "--alma-code", "01CALS_UFR", "--zone", "Pacific"),
            "such as America/Los_Angeles",
        ),
        (("fresno", "Fresno"), "--alma-code"),
    ],
)
def test_a_campus_that_cannot_be_is_refused_in_words(two_tenants, feebridge, arguments, words):
    assert words in feebridge("tenants", "add", *arguments, code=2).stderr
    assert len(json.loads(feebridge("tenants", "list", "--json").stdout)) == 2


def test_settings_are_shown_as_they_are_typed_and_one_change_leaves_the_others(
    two_tenants, feebridge, stored
):
    feebridge("tenants", "set", "csusm", "mapping", "hold_code=LIB", "codes_by_type=Meter = PRK/METER")
    feebridge("tenants", "set", "csusm", "mapping", "hold_reason=LFINE")
    assert stored("mapping")["hold_code"] == "LIB"
    assert stored("mapping")["codes_by_type"] == {"Meter": "PRK/METER"}
    shown = feebridge("tenants", "show", "csusm", "--section", "mapping").stdout
    assert "  hold_code = 'LIB'" in shown
    assert "  codes_by_type = 'Meter = PRK/METER'" in shown
    assert "[files]" in feebridge("tenants", "show", "csusm").stdout


def test_a_secret_is_asked_for_or_read_from_a_file_sealed_and_never_shown(
    two_tenants, feebridge, settings, superuser, tmp_path
):
    feebridge("tenants", "set", "csusm", "alma", "alma_api_key=@-", stdin="l7xx-very-secret\n")
    (tmp_path / "key.pem").write_text("-----BEGIN KEY-----\nabc\n-----END KEY-----\n")
    feebridge("tenants", "set", "csusm", "delivery", f"sftp_private_key=@{tmp_path / 'key.pem'}")
    assert secret_of(settings, two_tenants[0], "alma_api_key") == "l7xx-very-secret"
    assert "BEGIN KEY" in secret_of(settings, two_tenants[0], "sftp_private_key")
    shown = feebridge("tenants", "show", "csusm").stdout
    assert "alma_api_key (set)" in shown
    assert "sftp_password (not set)" in shown
    everything = superuser.execute("SELECT sealed FROM tenant_secret").fetchall()
    everything += superuser.execute("SELECT audit_event::text FROM audit_event").fetchall()
    assert "very-secret" not in shown + str(everything)


def test_a_changed_template_with_an_unknown_field_is_refused_with_the_list_of_fields(
    two_tenants, feebridge, stored, tmp_path
):
    before = stored("mail_template")
    (tmp_path / "body.txt").write_text("Hello {{aded_count}}")
    refused = feebridge("tenants", "set", "csusm", "mail_template", f"body=@{tmp_path / 'body.txt'}", code=2)
    assert "{{aded_count}}, which does not exist" in refused.stderr
    assert "{{added_count}}" in refused.stderr
    assert stored("mail_template") == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("csusm", "mapping", "hold_code=TOOLONG"), "were not changed"),
        (("csusm", "mapping", "no_such=1"), "with one of the names hold_code, "),
        (("csusm", "mapping", "hold_code"), "is not NAME=VALUE"),
        (("csusm", "mapping", "hold_code=@/nowhere/at/all"), "could not be read from /nowhere/at/all"),
        (("csusm", "wrong", "hold_code=LIB"), "'mapping'"),
        (("fresno", "mapping", "hold_code=LIB"), "Campuses: csusm, humboldt."),
        (("csusm", "alma", "base_url=https://evil.example"), "must be one of https://api-na.hosted"),
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_changes(
    two_tenants, feebridge, superuser, arguments, words
):
    assert words in feebridge("tenants", "set", *arguments, code=2).stderr
    assert superuser.execute("SELECT count(*) FROM tenant_setting").fetchone() == (0,)
