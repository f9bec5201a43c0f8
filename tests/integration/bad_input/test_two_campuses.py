"""Nothing of one campus can be used by another: not its key, not its file, not its host, not its fault."""

from __future__ import annotations

import pytest

from tests.integration.bad_input.campus import TWO_HOLDS, TWO_PATRONS, assert_failed_in_words
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM, Actor
from webapp.services.fetch_file import fetch_file
from webapp.services.resend_file import resend_file
from webapp.store.files import files_of


def test_a_sealed_key_copied_into_another_campus_s_row_does_not_open(campus, other_campus, superuser):
    superuser.execute(
        "UPDATE tenant_secret SET sealed = (SELECT sealed FROM tenant_secret WHERE tenant_id = %s AND name = "
        "'alma_api_key') WHERE tenant_id = %s AND name = 'alma_api_key'",
        (campus.tenant_id, other_campus.tenant_id),
    )
    other_campus.sets("source", kind="analytics")
    run = other_campus.run()
    assert_failed_in_words(
        other_campus, run, "does not open", "another row or campus", "Enter the secret anew"
    )
    assert other_campus.register() == {}


def test_a_file_cannot_be_fetched_or_sent_by_another_campus(campus, other_campus):
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    with tenant_scope(campus.tenant_id) as session:
        (file,) = files_of(session, campus.tenant_id, run.id)
    with pytest.raises(LookupError):
        fetch_file(other_campus.tenant_id, file.id, Actor(None, "Mallory"), other_campus.store)
    with pytest.raises(LookupError):
        resend_file(other_campus.tenant_id, file.id, actor=SYSTEM)
    assert other_campus.dropped() == {}


def test_one_campus_s_violations_file_is_no_other_s(campus, other_campus):
    campus.owes(*TWO_PATRONS)
    run = other_campus.run()
    assert run.state == "failed"
    assert "There is no violations file" in run.story
    assert other_campus.register() == {}


def test_one_campus_s_failing_server_delays_no_other(campus, other_campus):
    campus.sets("delivery", sftp_port=1)
    campus.owes(*TWO_PATRONS)
    other_campus.owes(TWO_PATRONS[2])
    assert campus.run().state == "queued"
    fine = other_campus.run()
    assert fine.state == "succeeded", fine.error
    assert other_campus.register() == {"000000002": 277}
    assert campus.register() == {}
    assert campus.mails() == []
    (mail,) = other_campus.mails()
    assert "San Marcos" not in mail["text"]


def test_equal_patrons_at_two_campuses_are_two_debts(campus, other_campus):
    for each in (campus, other_campus):
        each.owes(*TWO_PATRONS)
        assert each.run().state == "succeeded"
    campus.owes(*TWO_PATRONS[:2])
    assert campus.run().counts["released"] == 1
    assert campus.register() == {"000000001": 3550}
    assert other_campus.register() == TWO_HOLDS
