"""A mail template is refused when it is saved, with every field it may use; a bad one never costs a report."""

from __future__ import annotations

import pytest

from tests.integration.bad_input.campus import TWO_HOLDS, TWO_PATRONS
from webapp.domain.mail_tokens import MAIL_FIELDS
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import SettingsRefusedError, change_section, read_section


def save(campus, subject: str, body: str) -> None:
    with tenant_scope(campus.tenant_id) as session:
        change_section(session, "mail_template", {"subject": subject, "body": body}, actor=SYSTEM)
        session.commit()


def test_an_unknown_field_is_refused_on_save_with_the_list_of_fields(campus):
    with tenant_scope(campus.tenant_id) as session:
        before, _ = read_section(session, "mail_template")
    for subject, body, field, words in (
        ("Holds", "Added: {{aded_count}}", "body", "asks for {{aded_count}}, which does not exist"),
        (
            "Holds {{patron_name}}",
            "Added: {{added_count}}",
            "subject",
            "{{patron_name}}, which does not exist",
        ),
    ):
        with pytest.raises(SettingsRefusedError) as refused:
            save(campus, subject, body)
        assert list(refused.value.faults) == [field]
        assert words in refused.value.faults[field]
        assert all(f"{{{{{name}}}}}" in refused.value.faults[field] for name in MAIL_FIELDS)
    with pytest.raises(SettingsRefusedError, match="at line 1, column 8 is never closed"):
        save(campus, "Holds", "Added: {{added_count")
    with tenant_scope(campus.tenant_id) as session:
        assert read_section(session, "mail_template")[0] == before


def test_every_field_has_a_value_in_a_real_report(campus):
    save(campus, "Holds {{campus}}", "\n".join(f"{name}={{{{{name}}}}}" for name in MAIL_FIELDS))
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    told = dict(line.split("=", 1) for line in campus.mails()[-1]["text"].splitlines() if "=" in line)
    assert told["added_count"] == "2"
    assert told["added_total"] == "$38.27"
    assert told["run_id"] == str(run.id)
    assert set(MAIL_FIELDS) <= set(told)


def test_a_template_stored_by_an_older_version_costs_its_words_but_not_the_report(campus):
    campus.sets("mail_template", body="Added: {{field_of_long_ago}}")
    campus.owes(*TWO_PATRONS)
    run = campus.run()
    assert run.state == "succeeded", run.error
    text = campus.mails()[-1]["text"]
    assert run.story in text
    assert "{{field_of_long_ago}}, which does not exist" in text
    assert campus.register() == TWO_HOLDS
