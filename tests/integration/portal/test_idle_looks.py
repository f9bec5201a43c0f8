"""Looks for files every few minutes that find nothing do not crowd the lists."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.integration.portal.settings_help import words
from webapp.models import Run
from webapp.models.scope import tenant_scope

RUNS = "/c/csusm/runs"


@pytest.fixture
def rows(portal, people) -> dict[str, int]:
    """An idle look, the same started by a person, one that had rows, and a holds export with nothing to send."""
    now = datetime.now(UTC)

    def ended(
        pipeline: str, trigger: str = "schedule", state: str = "nothing_to_send", rows_in: int = 0
    ) -> Run:
        counts = {"rows_in": rows_in} if rows_in else {}
        return Run(
            pipeline=pipeline, trigger=trigger, queue="batch", state=state, counts=counts, scheduled_at=now
        )

    made = {
        "idle": ended("bursar_conversion"),
        "asked": ended("bursar_conversion", trigger="person"),
        "with rows": ended("bursar_conversion", rows_in=3),
        "holds": ended("holds_export"),
        "failed": ended("bursar_conversion", state="failed"),
    }
    with portal.app_context(), tenant_scope(people.csusm) as session:
        session.add_all(made.values())
        session.commit()
        return {name: run.id for name, run in made.items()}


def shown(page: str, rows: dict[str, int]) -> set[str]:
    return {name for name, run_id in rows.items() if f"Run {run_id} " in page}


def test_the_list_leaves_out_looks_that_found_nothing(rows, browser_of):
    page = words(browser_of("viewer").get(RUNS))
    assert shown(page, rows) == rows.keys() - {"idle"}


@pytest.mark.parametrize("asked", ["looks=all", "state=nothing_to_send", "q={idle}"])
def test_they_are_there_when_asked_for(rows, browser_of, asked):
    page = words(browser_of("viewer").get(f"{RUNS}?{asked.format(**rows)}"))
    assert "idle" in shown(page, rows)


def test_home_leaves_them_out_too(rows, browser_of):
    page = browser_of("viewer").get("/c/csusm/").text
    assert f"/runs/{rows['failed']}" in page
    assert f"/runs/{rows['idle']}" not in page
