"""A difference lives by its key: its owner and note stay, a person may close it, and each day is counted."""

import pytest

from webapp.models import Membership, Person
from webapp.models.scope import person_scope, tenant_scope
from webapp.services.audit import Actor
from webapp.services.close_difference import DifferenceRefusedError, close_difference
from webapp.services.own_difference import own_difference
from webapp.store import audit as audit_store
from webapp.store import differences
from webapp.store.differences import Filters


@pytest.fixture
def world(world):
    """The same campus without a key, with one difference of 9.00."""
    world.change("DELETE FROM tenant_secret WHERE name = 'alma_api_key'")
    world.tells("1001", 12_50)
    world.lists("1001", 21_50, item_key="one")
    world.reconciles()
    return world


@pytest.fixture
def ann(world):
    """An editor of the campus."""
    with person_scope(None) as session:
        person = Person(email="ann@example.edu", full_name="Ann Lee", password_hash="x")
        session.add(person)
        session.commit()
    with tenant_scope(world.tenant_id) as session:
        session.add(Membership(person_id=person.id, role="editor"))
        session.commit()
    return Actor(person.id, "Ann Lee")


def the_open(world, **wanted):
    with tenant_scope(world.tenant_id) as session:
        return differences.open_differences(session, Filters(**wanted))


def test_owner_note_and_first_sight_stay_while_it_is_seen_again(world, ann):
    before = the_open(world)[0]
    own_difference(world.tenant_id, before.id, ann.person_id, ann, note=" asked the bursar ")
    world.change("UPDATE payment_item SET amount_cents = 3000, seen_at = clock_timestamp()")
    world.reconciles()
    after = the_open(world)[0]
    assert (after.id, after.owner_name, after.note) == (before.id, "Ann Lee", "asked the bursar")
    assert (after.first_seen_at, after.theirs_cents) == (before.first_seen_at, 30_00)
    assert after.last_seen_at > before.last_seen_at


def test_what_a_person_closed_stays_closed_as_long_as_it_says_the_same(world, ann):
    close_difference(world.tenant_id, the_open(world)[0].id, ann, "The bursar added a late fee.")
    run = world.reconciles()
    assert the_open(world) == []
    assert run.counts["open"] == 0
    world.change("UPDATE payment_item SET amount_cents = 3000, seen_at = clock_timestamp()")
    world.reconciles()
    assert [one.theirs_cents for one in the_open(world)] == [30_00]


def test_closing_needs_a_reason_and_is_audited(world, ann):
    (one,) = the_open(world)
    with pytest.raises(DifferenceRefusedError, match="Say why"):
        close_difference(world.tenant_id, one.id, ann, "  ")
    close_difference(world.tenant_id, one.id, ann, "Known.")
    with pytest.raises(DifferenceRefusedError, match="closed already: Known"):
        close_difference(world.tenant_id, one.id, ann, "Again.")
    with tenant_scope(world.tenant_id) as session:
        event = audit_store.newest(session)
    assert (event.action, event.subject, event.after) == (
        "difference.closed",
        f"difference/{one.id}",
        {"reason": "Known."},
    )


def test_only_somebody_of_the_campus_can_own_it(world, ann, two_tenants):
    (one,) = the_open(world)
    with pytest.raises(DifferenceRefusedError, match="no role"):
        own_difference(world.tenant_id, one.id, ann.person_id + 1, ann)
    with pytest.raises(DifferenceRefusedError, match="no difference"):
        own_difference(two_tenants[1], one.id, None, ann)
    with pytest.raises(DifferenceRefusedError, match="no difference"):
        close_difference(two_tenants[1], one.id, ann, "Not mine.")


def test_each_days_state_is_kept_for_the_chart(world):
    with tenant_scope(world.tenant_id) as session:
        points = {point.kind: point for point in differences.chart_points(session, 30)}
    assert (points["amount"].open_count, points["amount"].open_cents) == (1, 9_00)
    assert points["missing_here"].open_count == 0
    world.change("UPDATE payment_item SET amount_cents = 1250, seen_at = clock_timestamp()")
    world.reconciles()
    with tenant_scope(world.tenant_id) as session:
        points = {point.kind: point for point in differences.chart_points(session, 30)}
    assert points["amount"].open_count == 0


def test_the_list_is_filtered_and_exported_whole(world):
    world.tells("1002", 5_00)
    world.reconciles()
    assert [one.fee_ref for one in the_open(world)] == ["1001"]
    world.lists("1002", 6_00)
    world.reconciles()
    assert [one.fee_ref for one in the_open(world, fee_ref="1002", kind="amount")] == ["1002"]
    assert the_open(world, kind="status") == []
    with tenant_scope(world.tenant_id) as session:
        assert [one.fee_ref for one in differences.export_rows(session)] == ["1001", "1002"]
