"""``feebridge check-alma`` against the sandbox's Alma: whose key it is and what it opens."""

from __future__ import annotations

import pytest

from webapp.sandbox.process import start_sandbox


@pytest.fixture(scope="module")
def alma():
    with start_sandbox(only_alma=True, patrons=100, calls_per_second=1000) as running:
        yield running


@pytest.fixture
def environ(environ, alma):
    """Alma is the sandbox."""
    return {**environ, "FEEBRIDGE_ALMA_HOSTS": alma.http}


@pytest.fixture
def check(two_tenants, feebridge, alma):
    """San Marcos's check with a key of one's choice."""
    feebridge("tenants", "set", "csusm", "alma", f"base_url={alma.http}", "institution_code=01CALS_USM")

    def run(key: str, code: int = 0) -> list[str]:
        if key:
            feebridge("tenants", "set", "csusm", "alma", "alma_api_key=@-", stdin=key)
        return feebridge("check-alma", "--tenant", "csusm", code=code).stdout.splitlines()

    return run


def test_a_good_key_is_the_campus_s_own_and_opens_everything(check, alma):
    assert check(alma.institutions[0]["api_key"]) == [
        "The key works and belongs to 01CALS_USM.",
        "Users and their fees: yes.",
        "Analytics reports: yes.",
        "Posting payments: yes.",
    ]


def test_a_read_only_key_is_well_enough_for_holds(check, alma):
    lines = check(alma.institutions[0]["read_only_key"])
    assert lines[0] == "The key works and belongs to 01CALS_USM."
    assert "Posting payments: no." in lines


def test_a_key_of_another_institution_ends_with_1(check, alma):
    lines = check(alma.institutions[1]["api_key"], code=1)
    assert lines[:2] == [
        "The key cannot be used as it is.",
        "The key belongs to 01CALS_HUL, not to 01CALS_USM.",
    ]


def test_a_wrong_key_and_no_key_at_all_end_with_1_and_what_to_do(check):
    assert "No Alma API key is set" in check("", code=1)[0]
    (line,) = check("l7xx-no-such-key", code=1)
    assert "Check in the Developer Network" in line
    assert "no-such-key" not in line
