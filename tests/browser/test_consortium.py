"""The consortium's pages, as people see and use them."""

from __future__ import annotations

import pytest

from tests.browser.conftest import look

BOSS = "boss@consortium.example"


@pytest.fixture
def busy_campuses(superuser, people):
    """One campus with a failure and quarantined rows, one that waits for approval."""
    superuser.execute(
        """
        INSERT INTO run (tenant_id, pipeline, trigger, scheduled_at, state, created_at, finished_at) VALUES
            (%(a)s, 'holds_export', 'schedule', now() - interval '2 hours', 'failed', now() - interval '2 hours', now() - interval '1 hour'),
            (%(b)s, 'holds_export', 'schedule', now() - interval '1 day', 'succeeded', now() - interval '1 day', now() - interval '1 day'),
            (%(b)s, 'balance_export', 'schedule', now(), 'awaiting_approval', now(), NULL)
        """,
        {"a": people.csusm, "b": people.humboldt},
    )
    superuser.execute(
        "INSERT INTO quarantined_row (tenant_id, run_id, fingerprint, source, row_ref, reason) "
        "SELECT tenant_id, id, 'f', 's', 'r', 'w' FROM run WHERE state = 'failed'"
    )
    superuser.execute(
        "INSERT INTO schedule (tenant_id, pipeline, rule, next_due_at) VALUES (%s, 'holds_export', '{}', now() + interval '3 hours')",
        (people.humboldt,),
    )
    return people


def test_campuses_can_be_read_by_everyone(busy_campuses, signed_in_page):
    page = signed_in_page(BOSS, "/consortium/")
    look(page, "consortium")
    first_row = page.locator("tbody tr").first
    assert "San Marcos" in first_row.inner_text()
    assert "Needs mending" in first_row.inner_text()


def test_one_campus_and_its_people_can_be_read_by_everyone(busy_campuses, signed_in_page):
    page = signed_in_page(BOSS, "/consortium/campuses/csusm")
    look(page, "consortium-campus")
    page.goto("/consortium/people")
    look(page, "consortium-people")
    page.goto(f"/consortium/people/{busy_campuses.humboldt_admin}")
    look(page, "consortium-person")


def test_a_campus_is_onboarded_and_its_admin_chooses_a_password(people, signed_in_page, open_page):
    page = signed_in_page(BOSS, "/consortium/onboard")
    page.get_by_label("Campus name").fill("Sonoma")
    page.get_by_label("Short name").fill("Not A Slug")
    page.get_by_label("Alma institution code").fill("01CALS_SOL")
    page.get_by_label("First admin's name").fill("Ada Sonoma")
    page.get_by_label("First admin's address").fill("ada@sonoma.example")
    page.get_by_role("button", name="Onboard the campus").click()
    page.get_by_text("cannot be a campus's short name").wait_for()
    assert page.get_by_label("Campus name").input_value() == "Sonoma"
    look(page, "consortium-onboard")
    page.get_by_label("Short name").fill("sonoma")
    page.get_by_role("button", name="Onboard the campus").click()
    page.get_by_role("heading", name="Sonoma", level=1).wait_for()
    page.get_by_role("link", name="Ada Sonoma").click()
    page.get_by_text("New password link").click()
    page.get_by_role("button", name="Make the link").click()
    link = page.locator("code", has_text="/choose-password/").inner_text()

    theirs = open_page(link[link.index("/choose-password/") :])
    look(theirs, "choose-password")
    theirs.get_by_label("Password", exact=True).fill("four calm green herons")
    theirs.get_by_label("The same password again").fill("four calm green herons")
    theirs.get_by_role("button", name="Set the password").click()
    theirs.get_by_role("heading", name="Sonoma").wait_for()
    assert theirs.url.endswith("/c/sonoma/")
