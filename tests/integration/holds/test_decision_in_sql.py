"""The set-based decision must say what the plain one says, on any world."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest
from hypothesis import HealthCheck, example, given, settings
from sqlalchemy import text

from tests.integration.holds.worlds import (
    A_CODE_LIKE_A_PARAMETER,
    A_CREDIT_UNDER_ANOTHER_CODE,
    ONE_FEE_OF_TWO_PATRONS,
    TODAY,
    World,
    worlds,
)
from webapp.domain.fees import RefusedRow
from webapp.domain.holds import HoldCode, HoldPolicy, decide
from webapp.models.scope import tenant_scope
from webapp.store.collected import FrozenFile, freeze, load_collected
from webapp.store.hold_decision import CollectedRows, decide_holds


@pytest.fixture
def run_id(two_tenants) -> int:
    """A run of San Marcos to hang the changes on."""
    with tenant_scope(two_tenants[0]) as session:
        found = session.scalar(
            text("""
                INSERT INTO run (tenant_id, pipeline, trigger, scheduled_at)
                VALUES (:tenant_id, 'holds_export', 'person', now()) RETURNING id
            """),
            {"tenant_id": two_tenants[0]},
        )
        session.commit()
        return found


def frozen(written: BytesIO) -> FrozenFile:
    """The file as a step would find it again."""
    return FrozenFile(lambda: BytesIO(written.getvalue()), hashlib.sha256(written.getvalue()).hexdigest())


def in_sql(tenant_id: int, run_id: int, world: World):
    """Decide a world in PostgreSQL; nothing of it is committed."""
    fees, others = BytesIO(), BytesIO()
    collected = freeze(world.rows, fees.write, others.write)
    with tenant_scope(tenant_id) as session:
        for hold in world.register:
            session.execute(
                text("""
                    INSERT INTO hold_register (tenant_id, emplid, hold_code, hold_reason, amount_cents, placed_at,
                                               told_at, file_id, run_id)
                    VALUES (:tenant_id, :emplid, :code, :reason, :cents, now(), now(), 1, :run_id)
                """),
                {
                    "tenant_id": tenant_id, "emplid": hold.emplid, "code": hold.hold_code,
                    "reason": hold.hold_reason, "cents": hold.amount_cents, "run_id": run_id,
                },
            )  # fmt: skip
        for emplid in world.released:
            session.execute(
                text("""
                    INSERT INTO temporary_release (tenant_id, emplid, until_on, reason)
                    VALUES (:tenant_id, :emplid, :until_on, 'paid a third')
                """),
                {"tenant_id": tenant_id, "emplid": emplid, "until_on": TODAY},
            )
        load_collected(session, frozen(fees), frozen(others))
        outcome = decide_holds(
            session,
            CollectedRows(collected.kinds, collected.fees, collected.refused, world.covers_everyone),
            tenant_id=tenant_id,
            run_id=run_id,
            policy=world.policy,
            run_on=TODAY,
        )
        changes = session.execute(
            text("""
                SELECT action, emplid, hold_code, hold_reason, amount_cents, previous_cents, item_count
                FROM hold_change ORDER BY emplid COLLATE "C", hold_code COLLATE "C"
            """)
        ).all()
        session.rollback()
    return collected, outcome, [tuple(change) for change in changes]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds)
@example(world=A_CODE_LIKE_A_PARAMETER)
@example(world=A_CREDIT_UNDER_ANOTHER_CODE)
@example(world=ONE_FEE_OF_TWO_PATRONS)
def test_the_database_decides_what_the_reference_decides_and_no_cent_is_lost(two_tenants, run_id, world):
    expected = decide(
        world.rows, world.register, world.policy, TODAY, world.released, covers_everyone=world.covers_everyone
    )
    collected, outcome, changes = in_sql(two_tenants[0], run_id, world)
    assert changes == [
        (c.action, c.emplid, c.hold_code, c.hold_reason, c.amount_cents, c.previous_cents, c.item_count)
        for c in expected.changes
    ]
    assert dict(outcome.tallies) == dict(expected.tallies)
    assert outcome.held_back == len(expected.held_back)
    assert sum(tally.rows for tally in outcome.tallies.values()) == collected.rows
    assert sum(tally.cents for tally in outcome.tallies.values()) == collected.cents


def test_a_refused_row_that_names_only_a_fee_holds_back_whoever_is_on_hold_for_that_fee(
    two_tenants, run_id, superuser
):
    """Ada is on hold for fee 7; Bob was once, and is not on the register any more."""
    for emplid in ("000000001", "000000002"):
        superuser.execute(
            "INSERT INTO hold_change (tenant_id, run_id, emplid, hold_code, action, amount_cents, items, confirmed_at) "
            """VALUES (%s, %s, %s, 'LIB', 'A', 500, '[{"fee_id": "7"}]', now())""",
            (two_tenants[0], run_id, emplid),
        )
    with tenant_scope(two_tenants[0]) as session:
        tonight = session.scalar(
            text("""
                INSERT INTO run (tenant_id, pipeline, trigger, scheduled_at)
                VALUES (:tenant_id, 'holds_export', 'person', now()) RETURNING id
            """),
            {"tenant_id": two_tenants[0]},
        )
        session.execute(
            text("""
                INSERT INTO hold_register (tenant_id, emplid, hold_code, amount_cents, placed_at, told_at, file_id, run_id)
                VALUES (:tenant_id, '000000001', 'LIB', 500, now(), now(), 1, :run_id)
            """),
            {"tenant_id": two_tenants[0], "run_id": run_id},
        )
        fees, others = BytesIO(), BytesIO()
        row = RefusedRow("analytics", "page 1 row 2", "no id", 500, {"Balance": "x"}, fee_id="7")
        freeze([row], fees.write, others.write)
        load_collected(session, frozen(fees), frozen(others))
        outcome = decide_holds(
            session,
            CollectedRows([], 0, 1, covers_everyone=True),
            tenant_id=two_tenants[0],
            run_id=tonight,
            policy=HoldPolicy(HoldCode("LIB")),
            run_on=TODAY,
        )
        assert session.scalar(text("SELECT emplid FROM collected")) == "000000001"
        session.rollback()
    assert (outcome.held_back, outcome.changes) == (1, 0)
