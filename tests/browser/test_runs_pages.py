"""Home, runs, a run and the desk in a browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import look
from tests.integration.portal.campus_rows import CampusRows, fill_campus


@pytest.fixture
def rows(portal, people) -> CampusRows:
    """San Marcos with some weeks behind it."""
    return fill_campus(portal, people.csusm)


def test_home_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/"), "home")


def test_the_list_of_runs_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", "/c/csusm/runs"), "runs")


def test_a_finished_run_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/runs/{rows.succeeded}"), "run")


def test_a_run_that_asks_can_be_decided_by_everyone(rows, signed_in_page):
    look(signed_in_page("approver@csusm.example", f"/c/csusm/runs/{rows.awaiting}"), "run-approval")


def test_every_line_of_a_run_can_be_read_by_everyone(rows, signed_in_page):
    look(signed_in_page("viewer@csusm.example", f"/c/csusm/runs/{rows.succeeded}/changes"), "run-lines")


def test_a_run_under_way_can_be_watched_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/runs/{rows.running}"), "run-live")


def test_the_desk_can_be_used_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/desk"), "desk")


def test_a_row_on_the_desk_can_be_resolved_by_everyone(rows, signed_in_page):
    look(signed_in_page("editor@csusm.example", f"/c/csusm/desk/{rows.open_row}"), "desk-row")


def test_the_home_of_a_new_campus_can_be_used_by_everyone(signed_in_page):
    look(signed_in_page("editor@csusm.example", "/c/csusm/"), "home-new")
