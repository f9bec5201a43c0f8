"""Sections of settings in one line, and what they lack."""

from __future__ import annotations

import pytest

from webapp.domain.campus_settings import SECTIONS, CampusSettings
from webapp.domain.settings_summary import summarise

KEY = "SHA256:" + "a" * 43


def summary(section, secrets=(), **values):
    return summarise(CampusSettings({section: values}), secrets)[section]


def test_every_section_has_a_line_also_when_nothing_was_set():
    found = summarise(CampusSettings(), set())
    assert set(found) == set(SECTIONS)
    assert all(one.line.strip() for one in found.values())


def test_a_new_campus_lacks_its_key_its_institution_and_somebody_to_tell():
    found = summarise(CampusSettings(), set())
    lacking = {name: one.missing for name, one in found.items() if one.missing}
    assert lacking == {
        "alma": ("Institution code is empty.", "The API key is not set."),
        "notification": ("No address: a failed run would tell nobody.",),
    }


def test_sftp_lacks_its_secret_and_its_confirmed_key_until_both_are_there():
    values = {"sftp_enabled": True, "sftp_host": "sftp.example.edu", "sftp_username": "u"}
    assert summary("delivery", **values).missing == (
        "The SFTP password is not set.",
        "The SFTP host key is not confirmed, so nothing is sent.",
    )
    by_key = {**values, "sftp_auth": "key", "sftp_host_keys": [KEY]}
    assert summary("delivery", {"sftp_password"}, **by_key).missing == ("The SFTP private key is not set.",)
    assert summary("delivery", {"sftp_private_key"}, **by_key).missing == ()


def test_sftp_without_a_host_or_user_says_both():
    missing = summary("delivery", sftp_enabled=True).missing
    assert missing[:2] == ("The SFTP host is empty.", "The SFTP user name is empty.")


def test_a_campus_that_only_takes_violations_files_needs_no_alma_key():
    settings = CampusSettings(
        {"source": {"kind": "violations_file"}, "alma": {"institution_code": "01CALS_USM"}}
    )
    assert summarise(settings, set())["alma"].missing == ()


@pytest.mark.parametrize(
    ("section", "values", "line"),
    [
        ("delivery", {"mail_enabled": False}, "Files stay here for download; nothing is sent."),
        ("policy", {"minimum_total_cents": 1000, "grace_days": 3}, "Any unpaid fee places a hold from $10.00 after 3 days of grace. Changes: holds added and holds released."),
        ("policy", {"trigger_types": ["LOST"]}, "LOST places a hold. Changes: holds added and holds released."),
        ("policy", {"trigger_types": ["A", "B", "C", "D"]}, "4 fee types place a hold. Changes: holds added and holds released."),
        ("mapping", {"codes_by_type": {"LOST": "LBL"}}, "Service indicator LIB / LFINE; other codes for 1 fee type."),
        ("notification", {"recipients": ["a@x.edu"], "attach_files": True}, "a@x.edu; files attached."),
        ("source", {"kind": "sis_export", "hours_back": 12}, "Alma users changed lately, then their fees, looking back 12 hours. EMPLID is in primary_id."),
    ],
)  # fmt: skip
def test_a_section_is_told_in_plain_words(section, values, line):
    assert summary(section, **values).line == line
