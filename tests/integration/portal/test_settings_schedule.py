"""The schedule's page: in words before it is saved."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.integration.portal.settings_help import SETTINGS, words
from webapp.models import Schedule
from webapp.models.scope import tenant_scope

SCHEDULE = f"{SETTINGS}/schedule"
DAILY = {"kind": "daily", "at": "18:00", "is_enabled": "yes", "catch_up_limit_h": "24", "seen": ""}


def stored_rule(portal, people):
    with portal.app_context(), tenant_scope(people.csusm) as session:
        row = session.query(Schedule).first()
        return (row.rule, row.is_enabled) if row else None


def test_a_new_campus_is_told_that_nothing_runs_by_itself(people, browser_of):
    page = words(browser_of("viewer").get(SCHEDULE))
    assert "Not scheduled" in page
    assert "Nothing starts by itself." in page


def test_the_preview_says_the_next_five_times_and_the_clock_changes_and_stores_nothing(
    portal, people, browser_of
):
    answer = browser_of("editor").post(f"{SCHEDULE}/preview", DAILY)
    page = words(answer)
    year = datetime.now(UTC).year
    assert "Every day at 18:00 (Pacific time)" in page
    assert len(re.findall(r"\d{4} at 18:00", page)) == 5
    assert f"When the clocks change in {year} and {year + 1}" in page
    assert page.count("the clock skips from 2:00 to 3:00") == 2
    assert "Not saved yet." in page
    assert stored_rule(portal, people) is None


def test_a_run_inside_the_lost_hour_is_said_to_move(people, browser_of):
    page = words(browser_of("editor").post(f"{SCHEDULE}/preview", {**DAILY, "at": "02:30"}))
    assert "the 02:30 run starts at 03:00" in page


def test_a_saved_schedule_counts_in_the_campus_zone_and_is_in_the_trail(portal, people, browser_of):
    form = {**DAILY, "kind": "month_days", "month_days": "1, 15 last", "blackout_dates": "2026-12-25"}
    answer = browser_of("editor").post(SCHEDULE, form, follow_redirects=True)
    assert "Schedule saved. Next run:" in words(answer)
    rule, is_enabled = stored_rule(portal, people)
    assert is_enabled
    assert (rule["month_days"], rule["zone"], rule["blackout_dates"]) == (
        [-1, 1, 15],
        "America/Los_Angeles",
        ["2026-12-25"],
    )
    assert "Schedule saved: holds export" in words(answer)
    assert 'value="1, 15, last"' in answer.text


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"at": "25:00"}, "at", "is not hh:mm"),
        ({"kind": "weekdays"}, "weekdays", "No weekday is chosen"),
        ({"kind": "month_days", "month_days": "32"}, "month_days", "is no day of a month"),
        ({"kind": "every_hours", "every_hours": "0"}, "every_hours", "from 1 to 24"),
        ({"blackout_dates": "Christmas"}, "blackout_dates", "is not a date like 2026-12-25"),
        ({"catch_up_limit_h": "-1"}, "catch_up_limit_h", "a whole number of hours"),
        ({"kind": "hourly"}, "kind", "The kind of schedule is"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_at_its_field(portal, people, browser_of, typed, field, says):
    answer = browser_of("editor").post(SCHEDULE, {**DAILY, **typed})
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert says in words(answer)
    assert stored_rule(portal, people) is None


def test_a_schedule_switched_off_keeps_its_rule(portal, people, browser_of):
    form = {name: text for name, text in DAILY.items() if name != "is_enabled"}
    answer = browser_of("editor").post(SCHEDULE, form, follow_redirects=True)
    assert "Switched off. Switched on, it would be: Every day at 18:00" in words(answer)
    assert stored_rule(portal, people)[1] is False


def test_nobody_overwrites_a_schedule_saved_meanwhile(portal, people, browser_of):
    editor = browser_of("editor")
    editor.post(SCHEDULE, DAILY)
    answer = editor.post(SCHEDULE, {**DAILY, "at": "07:00"})
    assert answer.status_code == 409
    assert "Nothing was overwritten" in words(answer)
    assert stored_rule(portal, people)[0]["at"] == "18:00"


def test_viewers_read_the_words_and_change_nothing(people, browser_of):
    viewer = browser_of("viewer")
    assert "Save" not in words(viewer.get(SCHEDULE))
    assert viewer.post(SCHEDULE, DAILY).status_code == 403


def test_each_pipeline_has_a_schedule_of_its_own(portal, people, browser_of):
    editor = browser_of("editor")
    editor.post(SCHEDULE, DAILY)
    looking = {**DAILY, "kind": "minutes", "at": "06:00", "every_minutes": "10"}
    answer = editor.post(f"{SCHEDULE}/bursar_conversion", looking, follow_redirects=True)
    page = words(answer)
    assert "Schedule saved. Next run:" in page
    assert "Every 10 minutes from 06:00 to 23:50 each day (Pacific time)" in page
    assert "Holds export Every day at 18:00 (Pacific time)" in page
    with portal.app_context(), tenant_scope(people.csusm) as session:
        rules = {row.pipeline: row.rule["kind"] for row in session.query(Schedule)}
    assert rules == {"holds_export": "daily", "bursar_conversion": "minutes"}
    assert (
        "Every 10 minutes" not in words(editor.get(f"{SCHEDULE}/balance_export")).split("Balance export")[2]
    )


def test_minutes_are_only_for_what_looks_for_files(portal, people, browser_of):
    editor = browser_of("editor")
    looking = {**DAILY, "kind": "minutes", "every_minutes": "10"}
    answer = editor.post(SCHEDULE, looking)
    assert answer.status_code == 422
    assert "only for what looks for files" in words(answer)
    assert "Every few minutes" not in words(editor.get(SCHEDULE))
    assert stored_rule(portal, people) is None


@pytest.mark.parametrize("every_minutes", ["4", "61", "ten", ""])
def test_minutes_outside_five_to_sixty_are_refused(portal, people, browser_of, every_minutes):
    looking = {**DAILY, "kind": "minutes", "every_minutes": every_minutes}
    answer = browser_of("editor").post(f"{SCHEDULE}/bursar_acknowledgements", looking)
    assert answer.status_code == 422
    assert "from 5 to 60" in words(answer)
    assert stored_rule(portal, people) is None


def test_there_is_no_schedule_of_anything_else(people, browser_of):
    assert browser_of("editor").get(f"{SCHEDULE}/resend_file").status_code == 404
