"""Rows on their way into the database, a part at a time while the next ones are being read."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import func

from webapp.models import Run
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.store import staged_rows
from worker.pipelines.bursar.stage import row_line


@pytest.fixture
def run_id(campus) -> int:
    """A run that has begun."""
    with tenant_scope(campus.tenant_id) as session:
        run = Run(pipeline="bursar_conversion", trigger="person", state="running")
        session.add(run)
        run.scheduled_at = run.started_at = func.now()
        session.commit()
        return run.id


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows fill a part."""
    monkeypatch.setattr(staged_rows, "_CHARS_PER_MOVE", 300)


def lines(numbers: range) -> str:
    return "".join(
        row_line(n, "file", None, {"fee_ref": f"F{n}", "title": "two\nlines\\"}, "send", "", "")
        for n in numbers
    )


def stage(session: ScopedSession, tenant_id: int, run_id: int, staged: str) -> None:
    with staged_rows.copy_rows(session, tenant_id, run_id) as write:
        for begin in range(0, len(staged), 37):
            write(staged[begin : begin + 37])


def test_rows_that_come_in_pieces_cut_anywhere_all_arrive_once_and_whole(campus, run_id):
    with tenant_scope(campus.tenant_id) as session:
        stage(session, campus.tenant_id, run_id, lines(range(1, 101)))
        session.commit()

    arrived = campus.query("SELECT n, fee_ref, body ->> 'title' FROM bursar_row ORDER BY n")
    assert arrived == [(n, f"F{n}", "two\nlines\\") for n in range(1, 101)]


def test_what_an_earlier_try_staged_goes_away(campus, run_id):
    for numbers in (range(1, 101), range(50, 61)):
        with tenant_scope(campus.tenant_id) as session:
            stage(session, campus.tenant_id, run_id, lines(numbers))
            session.commit()

    assert campus.query("SELECT n FROM bursar_row ORDER BY n") == [(n,) for n in range(50, 61)]


@pytest.mark.parametrize("place", [5, 100])
def test_a_row_that_the_database_refuses_is_not_passed_over(campus, run_id, place):
    staged = lines(range(1, place)) + "no row\n" + lines(range(place, 101))

    with tenant_scope(campus.tenant_id) as session, pytest.raises(psycopg.errors.DataError):
        stage(session, campus.tenant_id, run_id, staged)

    assert campus.scalar("SELECT count(*) FROM bursar_row") == 0
