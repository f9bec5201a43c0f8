"""Patrons: why somebody is on hold, since when, and what PeopleSoft was told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.integration.portal.campus_rows import fill_campus
from tests.integration.portal.settings_help import SETTINGS, counted, form_of, words
from webapp.models import AuditEvent, HoldChange, HoldRegister, TemporaryRelease
from webapp.models.scope import tenant_scope
from webapp.sandbox.process import start_sandbox

PATRONS = "/c/csusm/patrons"
TODAY = datetime.now(UTC).astimezone(ZoneInfo("America/Los_Angeles")).date()
CODE = "01CALS_USM"
ITEMS = [
    {
        "fee_id": "17251880460004601",
        "cents": 1250,
        "type": "OVERDUEFINE",
        "billed_on": "2026-01-05",
        "library": "MAIN",
        "title": "Maps & <Tabs>",
        "barcode": "31205000112233",
    },
    {"fee_id": "17251880460004602", "cents": 750, "type": "LOST", "billed_on": None, "library": "", "title": "", "barcode": ""},
]  # fmt: skip


@pytest.fixture
def rows(portal, people):
    """San Marcos with some weeks behind it; patron 100000001 was told $20.00 for two items."""
    filled = fill_campus(portal, people.csusm)
    with portal.app_context(), tenant_scope(people.csusm) as session:
        change = session.query(HoldChange).filter_by(run_id=filled.succeeded, emplid="100000001").one()
        change.items = ITEMS
        hold = session.query(HoldRegister).filter_by(emplid="100000001").one()
        hold.amount_cents, hold.run_id, hold.file_id = 2000, filled.succeeded, filled.added_file
        session.commit()
    return filled


@pytest.fixture(scope="module")
def sandbox():
    with start_sandbox(only_alma=True, institutions=[f"{CODE}=csusm-key"], calls_per_second=1000) as running:
        yield running


@pytest.fixture
def environ(environ, sandbox):
    return {**environ, "FEEBRIDGE_ALMA_HOSTS": sandbox.http}


def test_the_list_goes_from_page_to_page_by_emplid(portal, people, rows, browser_of):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        for n in range(60):
            session.add(
                HoldRegister(
                    emplid=f"2000000{n:02}", hold_code="LIB", amount_cents=100, placed_at=datetime.now(UTC),
                    told_at=datetime.now(UTC), file_id=1, run_id=1,
                )
            )  # fmt: skip
        session.commit()
    viewer = browser_of("viewer")
    first = viewer.get(PATRONS)
    assert "97 holds, by EMPLID" in words(first)
    assert "200000012" in first.text
    assert "200000013" not in first.text
    second = viewer.get(f"{PATRONS}?after=200000012&after_code=LIB")
    assert "200000013" in second.text
    assert "200000059" in second.text
    assert "Next" not in words(second)


def test_first_digits_narrow_the_list_and_a_code_does_too(portal, people, rows, browser_of):
    viewer = browser_of("viewer")
    assert "8 holds, by EMPLID" in words(viewer.get(f"{PATRONS}?q=10000003"))
    assert "No hold fits" in words(viewer.get(f"{PATRONS}?code=XYZ"))
    assert "37 holds, by EMPLID" in words(viewer.get(f"{PATRONS}?code=LIB"))
    assert "No hold fits" in words(viewer.get(f"{PATRONS}?q=1%25"))


def test_a_whole_emplid_opens_the_patron(rows, browser_of):
    answer = browser_of("viewer").get(f"{PATRONS}?q= 100000001 ")
    assert answer.status_code == 303
    assert answer.location.endswith("/patrons/100000001")


def test_a_patron_nobody_was_told_about_is_not_there(rows, browser_of):
    viewer = browser_of("viewer")
    assert viewer.get(f"{PATRONS}/999999999").status_code == 404
    page = words(viewer.get(f"{PATRONS}?q=999999999"))
    assert "Feebridge never told PeopleSoft of a hold for 999999999." in page


def test_the_page_says_since_when_for_what_and_in_which_file_peoplesoft_was_told(rows, browser_of):
    answer = browser_of("viewer").get(f"{PATRONS}/100000001")
    page = words(answer)
    assert "Robin Example 1" in page
    assert "On hold LIB since" in page
    assert "$20.00" in page
    assert "OVERDUEFINE Maps & <Tabs> 31205000112233 2026-01-05 MAIN 17251880460004601 $12.50" in page
    assert f"by run {rows.succeeded}" in page
    assert f'href="/c/csusm/files/{rows.added_file}"' in answer.text
    assert "Who to ask" in page


def test_the_history_has_every_line_told_newest_first(rows, browser_of):
    page = words(browser_of("viewer").get(f"{PATRONS}/100000001"))
    assert page.index("Total changed LIB $20.00 $15.00") < page.index("Hold placed LIB $15.00 $0.00")


def test_a_line_that_waits_for_approval_is_called_on_its_way(rows, browser_of):
    page = words(browser_of("viewer").get(f"{PATRONS}/100000004"))
    assert "On its way. Hold placed, $1,204.50 (LIB), decided by run" in page


def test_a_released_patron_is_said_to_be_free_with_the_file_that_said_so(portal, people, rows, browser_of):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        session.query(HoldRegister).filter_by(emplid="100000009").delete()
        session.commit()
    viewer = browser_of("viewer")
    answer = viewer.get(f"{PATRONS}/100000009")
    assert "Not on hold" in words(answer)
    assert f'href="/c/csusm/files/{rows.released_file}"' in answer.text
    found = words(viewer.get(f"{PATRONS}?q=10000000"))
    assert "100000009" not in found
    only = words(viewer.get(f"{PATRONS}?q=100000009&code=LIB"))
    assert "released before" in only


def test_the_list_is_exported_whole_and_the_audit_log_says_who_took_it(portal, people, rows, browser_of):
    answer = browser_of("viewer").get(f"{PATRONS}?q=10000003&format=csv")
    lines = answer.text.splitlines()
    assert len(lines) == 9
    assert lines[1].startswith("100000030,LIB,,10.30,")
    with portal.app_context(), tenant_scope(people.csusm) as session:
        event = session.query(AuditEvent).filter_by(action="register.exported").one()
    assert (event.actor, event.after) == ("Csusm Viewer", {"begins with": "10000003", "hold code": ""})


def test_a_hold_is_released_until_a_day_and_the_release_can_be_ended(portal, people, rows, browser_of):
    editor = browser_of("editor")
    until = TODAY + timedelta(days=10)
    form = {"until": until.isoformat(), "reason": "Appeal  under way"}
    answer = editor.post(f"{PATRONS}/100000001/release", form, follow_redirects=True)
    page = words(answer)
    assert "Released for a time." in page
    assert "by Csusm Editor: Appeal under way" in page
    assert "after that day the hold comes back by itself" in page
    with portal.app_context(), tenant_scope(people.csusm) as session:
        release = session.query(TemporaryRelease).one()
        assert (release.emplid, release.until_on, release.reason) == ("100000001", until, "Appeal under way")
    again = editor.post(f"{PATRONS}/100000001/release", form)
    assert again.status_code == 422
    assert "End that release first." in words(again)
    end = f"{PATRONS}/100000001/release/{release.id}/end"
    ended = words(editor.post(end, follow_redirects=True))
    assert "The release is over." in ended
    assert "ended early" in ended
    assert editor.post(end).status_code == 404
    history = words(browser_of("viewer").get(f"{SETTINGS}/history"))
    assert "Hold released for a time: patron 100000001" in history
    assert "Temporary release ended: patron 100000001" in history


@pytest.mark.parametrize(
    ("until", "reason", "says"),
    [
        ("", "why", "Type the last day of the release"),
        ("soon", "why", "Type the last day of the release"),
        ((TODAY - timedelta(days=1)).isoformat(), "why", "must be today or later"),
        ("2999-01-01", "why", "within 366 days"),
        (TODAY.isoformat(), "  ", "Say why"),
    ],
)
def test_a_release_needs_a_day_and_a_reason(portal, people, rows, browser_of, until, reason, says):
    answer = browser_of("editor").post(f"{PATRONS}/100000001/release", {"until": until, "reason": reason})
    assert answer.status_code == 422
    assert says in words(answer)
    with portal.app_context(), tenant_scope(people.csusm) as session:
        assert session.query(TemporaryRelease).count() == 0


def test_only_a_patron_on_hold_is_released(portal, people, rows, browser_of):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        session.query(HoldRegister).filter_by(emplid="100000009").delete()
        session.commit()
    form = {"until": TODAY.isoformat(), "reason": "why"}
    answer = browser_of("editor").post(f"{PATRONS}/100000009/release", form)
    assert answer.status_code == 422
    assert "No hold is in force for this EMPLID" in words(answer)
    assert browser_of("editor").post(f"{PATRONS}/999999999/release", form).status_code == 404


def test_only_editors_and_admins_release(rows, browser_of):
    form = {"until": TODAY.isoformat(), "reason": "why"}
    for role in ("viewer", "approver"):
        assert "Lift the hold until a day" not in words(browser_of(role).get(f"{PATRONS}/100000001"))
        assert browser_of(role).post(f"{PATRONS}/100000001/release", form).status_code == 403


@pytest.fixture
def connected(rows, browser_of, sandbox):
    admin = browser_of("admin")
    form = form_of("alma", base_url=sandbox.http, institution_code=CODE, alma_api_key="csusm-key")
    assert admin.post(f"{SETTINGS}/alma", form).status_code == 303
    return admin


def test_alma_is_asked_for_the_balance_of_this_moment(portal, people, connected, sandbox):
    patron = _somebody_who_owes(sandbox)
    with portal.app_context(), tenant_scope(people.csusm) as session:
        session.add(
            HoldRegister(
                emplid=patron, hold_code="LIB", amount_cents=1, placed_at=datetime.now(UTC),
                told_at=datetime.now(UTC), file_id=1, run_id=1, violation_on=date(2026, 1, 5),
            )
        )  # fmt: skip
        session.commit()
    page = words(connected.post(f"{PATRONS}/{patron}/ask-alma"))
    assert "owed" in page
    assert "PeopleSoft was told $0.01; the next run tells it" in page


def test_a_patron_whom_alma_does_not_know_is_said_so(connected):
    page = words(connected.post(f"{PATRONS}/100000001/ask-alma"))
    assert "Alma gave no balance. Alma knows no user with primary id 100000001." in page
    assert "What PeopleSoft was told stays as it is." in page


def test_an_alma_that_is_down_is_said_in_words(rows, browser_of, connected):
    form = form_of(
        "alma", base_url="https://api-na.hosted.exlibrisgroup.com", institution_code=CODE, version="1"
    )
    connected.post(f"{SETTINGS}/alma/secrets/alma_api_key/remove")
    connected.post(f"{SETTINGS}/alma", form)
    page = words(connected.post(f"{PATRONS}/100000001/ask-alma"))
    assert "Alma gave no balance. No Alma API key is set." in page


def test_a_campus_of_violations_files_does_not_ask_alma(rows, browser_of):
    editor = browser_of("editor")
    editor.post(f"{SETTINGS}/source", form_of("source", kind="violations_file"))
    page = words(editor.get(f"{PATRONS}/100000001"))
    assert "so Alma is not asked" in page
    assert "Ask Alma now" not in page


@pytest.mark.parametrize("path", ["", "?q=10000003", "/100000001", "/100000009"])
def test_a_page_about_patrons_needs_few_queries(portal, rows, browser_of, path):
    viewer = browser_of("viewer")
    with counted(portal) as queries:
        assert viewer.get(f"{PATRONS}{path}").status_code == 200
    assert len(queries) <= 10, "\n".join(queries)


def _somebody_who_owes(sandbox) -> str:
    import requests

    headers = {"Authorization": "apikey csusm-key", "Accept": "application/json"}
    url = f"{sandbox.http}/almaws/v1/users"
    users = requests.get(url, headers=headers, params={"limit": 100}, timeout=10).json()["user"]
    for user in users:
        fees = requests.get(f"{url}/{user['primary_id']}/fees", headers=headers, timeout=10).json()
        if fees.get("fee"):
            return str(user["primary_id"])
    raise AssertionError("nobody owes anything")
