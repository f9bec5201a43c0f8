"""Every change of a run's state goes through one table."""

from __future__ import annotations

import itertools

import psycopg
import pytest

from tests.integration.runs.conftest import run_of
from webapp.domain.run_states import FINAL_STATES, RUN_MOVES, RUN_STATES
from webapp.models.scope import tenant_scope
from webapp.services.submit_run import submit_run
from webapp.store import runs
from webapp.store.leases import CLAIM_MOVES


def put(superuser: psycopg.Connection, run_id: int, state: str) -> None:
    """Set a state behind the table's back; only a test may."""
    superuser.execute("UPDATE run SET state = %s, lease_token = 7 WHERE id = %s", (state, run_id))


@pytest.fixture
def run_id(two_tenants) -> int:
    return submit_run(two_tenants[0], "probe")


def test_a_run_moves_exactly_where_the_table_allows_and_each_move_leaves_one_event(
    two_tenants, superuser, run_id
):
    for from_state, to_state in itertools.product(RUN_STATES, RUN_STATES):
        put(superuser, run_id, from_state)
        with tenant_scope(two_tenants[0]) as session:
            before = len(runs.events_of(session, run_id))
            left = runs.move_run(session, run_id, to_state, actor="test")
            session.commit()
            events = runs.events_of(session, run_id)
        run = run_of(two_tenants[0], run_id)
        if (from_state, to_state) in RUN_MOVES:
            assert (left, run.state) == (from_state, to_state)
            assert (events[-1].from_state, events[-1].to_state) == (from_state, to_state)
            assert len(events) == before + 1
            assert (run.finished_at is not None) == (to_state in FINAL_STATES)
        else:
            assert (left, run.state) == (None, from_state)
            assert len(events) == before


def test_a_final_state_is_left_by_no_move():
    assert not [move for move in RUN_MOVES if move[0] in FINAL_STATES]


def test_what_a_claim_does_is_in_the_table():
    assert set(CLAIM_MOVES) <= RUN_MOVES


def test_an_older_lease_token_moves_nothing(two_tenants, superuser, run_id):
    put(superuser, run_id, "running")
    with tenant_scope(two_tenants[0]) as session:
        assert runs.move_run(session, run_id, "succeeded", actor="zombie", fence=6) is None
        assert runs.move_run(session, run_id, "succeeded", actor="holder", fence=7) == "running"


def test_a_run_of_another_campus_cannot_be_moved(two_tenants, run_id):
    with tenant_scope(two_tenants[1]) as session:
        assert runs.move_run(session, run_id, "cancelled", actor="test") is None
        session.commit()
    assert run_of(two_tenants[0], run_id).state == "queued"


def test_a_move_can_be_narrowed_to_some_starting_states(two_tenants, superuser, run_id):
    put(superuser, run_id, "running")
    with tenant_scope(two_tenants[0]) as session:
        assert runs.move_run(session, run_id, "cancelled", actor="test", only_from=("queued",)) is None
