"""Settings are stored whole, sealed where secret, and every change is in the audit chain."""

from __future__ import annotations

import pytest
import redis

from tests.unit.test_campus_settings import raw_defaults
from webapp.adapters.errors import PermanentError
from webapp.adapters.vault import Vault
from webapp.models.scope import tenant_scope
from webapp.services import campus_settings as service
from webapp.services.audit import Actor, record, verify_chain
from webapp.services.open_alma import open_alma

RUTH = Actor(None, "Ruth")


def test_a_change_is_stored_and_audited_with_before_and_after(two_tenants):
    with tenant_scope(two_tenants[0]) as session:
        service.change_section(session, "policy", {**raw_defaults("policy"), "grace_days": "7"}, actor=RUTH)
        session.commit()
        assert service.read_all(session)["policy"]["grace_days"] == 7
        assert verify_chain(session) == []
    with tenant_scope(two_tenants[1]) as session:
        assert service.read_all(session)["policy"]["grace_days"] == 0


def test_a_fault_stores_nothing(two_tenants):
    with tenant_scope(two_tenants[0]) as session:
        raw = {**raw_defaults("policy"), "grace_days": "7", "style": "x"}
        with pytest.raises(service.SettingsRefusedError) as caught:
            service.change_section(session, "policy", raw, actor=RUTH)
        assert list(caught.value.faults) == ["style"]
        assert service.read_section(session, "policy")[1] == 0


def test_two_people_cannot_overwrite_each_other(two_tenants):
    with tenant_scope(two_tenants[0]) as session:
        raw = {**raw_defaults("policy"), "grace_days": "7"}
        service.change_section(session, "policy", raw, actor=RUTH, expected_version=0)
        with pytest.raises(service.SettingsChangedMeanwhileError, match="Nothing was overwritten"):
            service.change_section(session, "policy", raw, actor=RUTH, expected_version=0)


def test_an_unknown_mail_field_is_refused_with_the_list_of_fields(two_tenants):
    with tenant_scope(two_tenants[0]) as session:
        raw = {"subject": "Holds {{campuss}}", "body": "x"}
        with pytest.raises(service.SettingsRefusedError) as caught:
            service.change_section(session, "mail_template", raw, actor=RUTH)
        assert "campuss" in caught.value.faults["subject"]
        assert "added_count" in caught.value.faults["subject"]


def test_a_hold_code_for_a_fee_type_is_made_of_letters_and_digits(two_tenants):
    with tenant_scope(two_tenants[0]) as session:
        raw = {**raw_defaults("mapping"), "codes_by_type": "METER = :AB/LOST"}
        with pytest.raises(service.SettingsRefusedError) as caught:
            service.change_section(session, "mapping", raw, actor=RUTH)
        assert "the hold code of METER says ':AB'" in caught.value.faults["codes_by_type"]


def test_an_alma_address_outside_the_known_hosts_is_refused(two_tenants):
    with tenant_scope(two_tenants[0]) as session:
        raw = {**raw_defaults("alma"), "base_url": "https://evil.example", "institution_code": "01CALS_USM"}
        with pytest.raises(service.SettingsRefusedError) as caught:
            service.change_section(
                session, "alma", raw, actor=RUTH, alma_hosts=("https://api-na.hosted.exlibrisgroup.com",)
            )
        assert "base_url" in caught.value.faults


def test_the_institution_of_another_campus_is_refused(two_tenants):
    with tenant_scope(two_tenants[0]) as session:
        raw = {**raw_defaults("alma"), "institution_code": "01CALS_HUL"}
        with pytest.raises(service.SettingsRefusedError) as caught:
            service.change_section(session, "alma", raw, actor=RUTH)
        assert "must be 01CALS_USM" in caught.value.faults["institution_code"]


def test_an_institution_stored_before_it_was_checked_is_not_counted_against_another_campus(
    two_tenants, settings, services
):
    with tenant_scope(two_tenants[0]) as session:
        service.store_values(session, "alma", {"institution_code": "01CALS_HUL"}, actor=RUTH)
        campus = service.read_all(session)
    with pytest.raises(PermanentError, match="registered with 01CALS_USM"):
        open_alma(settings, campus, "a-key")
    with redis.Redis(unix_socket_path=str(services.redis.socket)) as client:
        assert client.keys("alma:*") == []


def test_a_secret_is_sealed_and_only_its_own_campus_can_open_it(two_tenants, settings, superuser):
    vault = Vault(settings.vault_keys, settings.vault_active_key)
    with tenant_scope(two_tenants[0]) as session:
        service.put_secret(session, vault, "sftp_password", "tops3cret!", actor=RUTH)
        session.commit()
        assert service.open_secret(session, vault, "sftp_password") == "tops3cret!"
        assert service.secrets_set(session) == {"sftp_password"}
    with tenant_scope(two_tenants[1]) as session:
        assert service.open_secret(session, vault, "sftp_password") is None
    dump = superuser.execute(
        "SELECT s::text FROM tenant_secret s UNION ALL SELECT a::text FROM audit_event a"
    ).fetchall()
    assert "tops3cret!" not in str(dump)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_event SET actor = 'Mallory' WHERE n = 2",
        "UPDATE audit_event SET after = '{\"x\": 2}' WHERE n = 2",
        "DELETE FROM audit_event WHERE n = 2",
        "DELETE FROM audit_event WHERE n = 1",
        "UPDATE audit_event SET n = CASE n WHEN 2 THEN 30 WHEN 3 THEN 2 ELSE n END WHERE n IN (2, 3)",
    ],
)
def test_a_change_to_the_past_shows(two_tenants, superuser, tampering):
    with tenant_scope(two_tenants[0]) as session:
        for number in range(4):
            record(session, actor=RUTH, action="settings.changed", subject="policy", after={"x": number})
        session.commit()
        assert verify_chain(session) == []
    superuser.execute(tampering)
    with tenant_scope(two_tenants[0]) as session:
        assert verify_chain(session) != []
