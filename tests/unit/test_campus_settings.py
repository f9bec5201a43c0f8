"""What a campus may set, and how a wrong entry is answered."""

from __future__ import annotations

import pytest

from webapp.domain.campus_settings import SECTIONS, CampusSettings, form_text, parse_section


def raw_defaults(section: str) -> dict[str, str]:
    declared = SECTIONS[section]
    return {f.name: form_text(f, f.default) for f in declared.fields if f.kind != "secret"}


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "alma"])
def test_the_defaults_of_a_section_are_themselves_accepted(section):
    values, faults = parse_section(SECTIONS[section], raw_defaults(section))
    assert faults == {}
    assert values == SECTIONS[section].defaults()


def test_settings_never_stored_read_as_the_defaults():
    assert CampusSettings()["policy"]["minimum_total_cents"] == 0
    assert CampusSettings({"policy": {"grace_days": 7}})["policy"]["grace_days"] == 7


@pytest.mark.parametrize(
    ("section", "field", "text", "words"),
    [
        ("notification", "recipients", "circ@csusm", "not a mail address"),
        ("policy", "minimum_total_cents", "ten", "amount such as 10.00"),
        ("policy", "minimum_total_cents", "1.234", "amount such as 10.00"),
        ("policy", "grace_days", "-1", "whole number"),
        ("policy", "grace_days", "٣", "whole number"),
        ("policy", "style", "everything", "one of delta"),
        ("mapping", "hold_code", "LONG", "may have 3 characters"),
        ("mapping", "hold_code", "", "must be filled in"),
        ("mapping", "hold_code", ":AB", "letters A to Z"),
        ("mapping", "hold_reason", "A/B", "letters A to Z"),
        ("mapping", "codes_by_type", "OVERDUEFINE LIB", "line 1"),
        ("mapping", "codes_by_type", "A = B\nA = C", "second time"),
        ("delivery", "sftp_host_keys", "aa:bb:cc", "SHA256"),
        ("delivery", "sftp_port", "70000", "from 1 to 65535"),
        ("mail_template", "subject", "two\nlines", "one line"),
    ],
)
def test_a_wrong_entry_is_refused_with_what_it_may_be(section, field, text, words):
    _, faults = parse_section(SECTIONS[section], {**raw_defaults(section), field: text})
    assert list(faults) == [field]
    assert words in faults[field]


def test_a_reason_code_may_be_left_empty():
    values, faults = parse_section(SECTIONS["mapping"], {**raw_defaults("mapping"), "hold_reason": ""})
    assert faults == {}
    assert values["hold_reason"] == ""


def test_amounts_and_lists_are_read_as_people_type_them():
    values, faults = parse_section(
        SECTIONS["policy"],
        {**raw_defaults("policy"), "minimum_total_cents": "$1,204.50", "exempt_groups": "STAFF, FAC\n STAFF"},
    )
    assert faults == {}
    assert values["minimum_total_cents"] == 120_450
    assert values["exempt_groups"] == ["STAFF", "FAC"]


def test_a_flag_a_browser_leaves_out_is_off():
    values, _ = parse_section(SECTIONS["notification"], {"link_hours": "72"})
    assert values["mail_when_nothing"] is False
