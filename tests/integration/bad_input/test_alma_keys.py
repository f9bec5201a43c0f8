"""A key that is wrong, another campus's, or may only read."""

from __future__ import annotations

from tests.integration.bad_input.campus import assert_balances, assert_failed_in_words
from webapp.services.check_alma import check_alma


def test_a_wrong_key_says_what_to_check_releases_nobody_and_the_right_one_heals(alma_campus, sandbox):
    first = alma_campus.run()
    assert first.state == "succeeded", first.error
    held, dropped = alma_campus.register(), alma_campus.dropped()
    alma_campus.seals("alma_api_key", "not-a-key-of-this-alma")
    refused = alma_campus.run()
    assert_failed_in_words(
        alma_campus,
        refused,
        "Alma refused the key of 01CALS_USM",
        "Check in the Developer Network",
        "Nothing was changed",
    )
    assert "not-a-key-of-this-alma" not in alma_campus.notes(refused) + str(refused.error)
    assert alma_campus.register() == held
    assert alma_campus.dropped() == dropped
    alma_campus.seals("alma_api_key", sandbox.institutions[0]["api_key"])
    assert alma_campus.run().state == "nothing_to_send"
    assert alma_campus.register() == held


def test_a_key_of_another_institution_holds_none_of_its_patrons(alma_campus, sandbox):
    alma_campus.seals("alma_api_key", sandbox.institutions[1]["api_key"])
    refused = alma_campus.run()
    assert_failed_in_words(
        alma_campus,
        refused,
        "belongs to 01CALS_HUL, not to 01CALS_USM",
        "No fee was read",
        "Type the campus's own key into the settings",
    )
    assert alma_campus.register() == {}
    assert alma_campus.dropped() == {}
    alma_campus.seals("alma_api_key", sandbox.institutions[0]["api_key"])
    assert alma_campus.run().state == "succeeded"


def test_another_institutions_key_is_refused_for_reading_users_too(alma_campus, sandbox):
    alma_campus.sets("source", kind="users_scan")
    alma_campus.seals("alma_api_key", sandbox.institutions[1]["api_key"])
    assert_failed_in_words(alma_campus, alma_campus.run(), "belongs to 01CALS_HUL, not to 01CALS_USM")
    assert alma_campus.register() == {}


def test_a_read_only_key_is_enough_for_the_export_and_the_check_says_what_it_cannot_do(alma_campus, sandbox):
    alma_campus.seals("alma_api_key", sandbox.institutions[0]["read_only_key"])
    checked = check_alma(alma_campus.tenant_id, alma_campus.settings)
    assert checked.is_well
    assert "The key may only read: fees can be exported, but payments cannot be posted." in checked.lines
    assert "Posting payments: no." in checked.lines
    run = alma_campus.run()
    assert run.state == "succeeded", run.error
    assert_balances(run)


def test_the_check_names_the_campus_that_a_key_belongs_to(alma_campus, sandbox):
    alma_campus.seals("alma_api_key", sandbox.institutions[1]["api_key"])
    checked = check_alma(alma_campus.tenant_id, alma_campus.settings)
    assert not checked.is_well
    assert "The key belongs to 01CALS_HUL, not to 01CALS_USM." in checked.lines


def test_without_any_key_the_run_says_where_to_type_it(alma_campus, superuser):
    superuser.execute("DELETE FROM tenant_secret WHERE name = 'alma_api_key'")
    assert_failed_in_words(
        alma_campus, alma_campus.run(), "No Alma API key is set", "settings of the campus, page Alma"
    )
