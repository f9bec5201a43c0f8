"""Our ledger beside PeopleSoft's items, the files that should come, and money that waits."""

from datetime import timedelta

import pytest

from webapp.domain.schedule import rule_from_json
from webapp.models import InboundFile
from webapp.models.scope import tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.save_schedule import save_schedule


@pytest.fixture
def world(world, monkeypatch):
    """The same campus without a key: Alma is not compared here, and need not have these fees."""
    world.change("DELETE FROM tenant_secret WHERE name = 'alma_api_key'")
    monkeypatch.setattr(world, "alma_takes", lambda *_what: None)
    return world


def arrives(world, *, kind="payments", hours_ago=0.0, state="done"):
    """A file came."""
    with tenant_scope(world.tenant_id) as session:
        session.add(
            InboundFile(
                kind=kind, origin="upload", name="payments.csv", size=1, sha256=f"x{hours_ago}", store_key="x", state=state,
                received_at=world.ago(hours=hours_ago),
            )
        )  # fmt: skip
        session.commit()


def test_items_that_say_what_we_told_are_no_difference(world):
    world.tells("1001", 12_50)
    world.pays(5_00, "1001", item_key="one", event_key="item:one#1")
    world.lists("1001", 12_50, 5_00, item_key="one")
    run = world.reconciles()
    assert run.state == "succeeded", run.error
    assert world.open() == []


def test_an_item_over_another_amount_is_an_amount(world):
    world.tells("1001", 12_50)
    world.lists("1001", 21_50)
    world.reconciles()
    assert world.open() == [("amount", "bursar", "1001")]
    assert world.all_differences()[0][4:] == (12_50, 21_50)


def test_a_charge_taken_back_in_part_is_right_as_a_smaller_item_and_beside_a_credit(world):
    for reference in ("1001", "1002"):
        world.tells(reference, 12_50)
        world.tells(reference, -2_50)
    world.lists("1001", 10_00)
    world.lists("1002", 12_50)
    world.reconciles()
    assert world.open() == []


def test_a_list_older_than_what_we_told_last_says_nothing_of_it(world):
    world.lists("1001", 12_50)
    world.tells("1001", 12_50)
    world.tells("1001", 4_00)
    world.reconciles()
    assert world.open() == []


def test_more_applied_than_our_books_received_is_an_amount(world):
    world.tells("1001", 12_50)
    world.lists("1001", 12_50, 9_00, item_key="one")
    world.pays(5_00, "1001", item_key="one", event_key="item:one#1")
    world.reconciles()
    assert world.open() == [("amount", "applied", "1001")]
    assert world.all_differences()[0][4:] == (5_00, 9_00)


def test_a_charge_that_peoplesofts_list_does_not_show_is_missing_there(world):
    world.tells("1001", 12_50)
    world.tells("1002", 3_00)
    world.lists("1001", 12_50)
    world.reconciles()
    assert world.open() == [("missing_there", "bursar", "1002")]


def test_a_list_of_paid_items_only_misses_no_charge(world):
    world.tells("1001", 12_50)
    world.tells("1002", 3_00)
    world.pays(12_50, "1001", item_key="one", event_key="item:one#1")
    world.lists("1001", 12_50, 12_50, item_key="one")
    world.reconciles()
    assert world.open() == []


def test_a_charge_told_lately_is_only_timing(world):
    world.campus.sets("reconciliation", timing_hours=48)
    world.tells("1001", 12_50)
    world.tells("1002", 3_00)
    world.lists("1001", 12_50)
    world.reconciles()
    assert world.open() == [("timing", "bursar", "1002")]


def test_an_item_that_we_never_sent_is_missing_here_but_only_of_our_item_types(world):
    world.tells("1001", 12_50)
    world.lists("1001", 12_50)
    world.lists("7777", 30_00, item_key="strange")
    world.lists("8888", 900_00, item_type="100000000001")
    world.reconciles()
    assert world.open() == [("missing_here", "item", "")]
    assert "asks student" in world.all_differences()[0][2]


def test_a_payment_file_that_did_not_come_is_missed_and_its_coming_clears_it(world):
    world.campus.sets("reconciliation", expected_every_hours=6)
    arrives(world, hours_ago=7)
    arrives(world, hours_ago=1, state="refused")
    world.reconciles()
    assert world.open() == [("missing_file", "file", "")]
    assert "one is expected every 6 hours" in world.all_differences()[0][2]
    arrives(world, state="duplicate")
    world.reconciles()
    assert world.open() == []


def test_a_campus_that_expects_no_files_misses_none(world):
    world.reconciles()
    assert world.open() == []


def test_a_scheduled_look_that_found_nothing_misses_the_file(world):
    rule = rule_from_json({"kind": "daily", "at": "06:00"})
    save_schedule(world.tenant_id, "payment_import", rule, SYSTEM, is_enabled=True, catch_up_limit_h=24)
    for days in (2, 1):
        world.change(
            """
            WITH o AS (
                INSERT INTO occurrence (tenant_id, schedule_id, local_key, due_at)
                SELECT tenant_id, id, :key, CAST(:at AS timestamptz) FROM schedule WHERE tenant_id = :tenant_id
                RETURNING tenant_id, id
            ) INSERT INTO run (tenant_id, occurrence_id, pipeline, trigger, state, scheduled_at)
            SELECT tenant_id, id, 'payment_import', 'schedule', 'nothing_to_send', now() FROM o
            """,
            key=f"day {days}",
            at=world.ago(days=days).isoformat(),
        )
    arrives(world, hours_ago=60)
    world.reconciles()
    assert world.open() == [("missing_file", "file", "")]
    arrives(world, hours_ago=30)
    world.reconciles()
    assert world.open() == []


@pytest.mark.parametrize("state", ["waiting", "unknown", "unapplied"])
def test_money_that_is_neither_posted_nor_set_aside_for_a_day_is_told(world, state):
    world.pays(5_00, "1001", state=state, at=world.ago(hours=25))
    world.pays(6_00, "1002", state=state, at=world.ago(hours=23))
    for number, settled in enumerate(("ignored", "refund_due", "refunded", "netted")):
        world.pays(1_00, f"200{number}", state=settled, at=world.ago(hours=90))
    world.reconciles()
    assert world.open() == [("clearing", "clearing", "1001")]
    assert "$5.00 received as FB" in world.all_differences()[0][2]


def test_a_payment_whose_parts_do_not_add_up_is_told(world):
    world.pays(5_00, "1001", kept_cents=4_00)
    world.reconciles()
    assert world.open() == [("amount", "sum", "")]
    assert world.all_differences()[0][4:] == (4_00, 5_00)


def test_another_campuss_rows_never_appear(world, two_tenants):
    world.tells("1001", 12_50)
    world.lists("1001", 21_50)
    world.pays(5_00, "1001", state="unknown", at=world.ago(hours=50))
    other = type(world)(world.campus)
    mine, theirs = world.tenant_id, two_tenants[1]
    world.campus.tenant_id = other.tenant_id = theirs
    run = other.reconciles()
    assert (run.state, other.all_differences()) == ("succeeded", [])
    world.campus.tenant_id = mine
    world.reconciles()
    assert len(world.open()) == 2
    world.campus.tenant_id = theirs
    assert other.all_differences() == []
    assert timedelta(0) <= world.ago() - run.finished_at


def test_money_that_peoplesoft_took_back_and_nobody_dealt_with_is_told_as_that(world):
    world.pays(-5_00, "1001", state="unapplied", kind="reversal", rule="reversal", at=world.ago(hours=25))
    world.reconciles()
    assert world.open() == [("clearing", "clearing", "1001")]
    (_, _, reason, _, ours, theirs) = world.all_differences()[0]
    assert reason.startswith("PeopleSoft took $5.00 back as FB")
    assert (ours, theirs) == (5_00, None)


def test_a_write_off_that_is_only_noted_is_not_said_to_be_an_unknown_payment(world):
    world.tells("1001", 12_50)
    world.lists("1001", 12_50, 12_50, item_key="one")
    world.change(
        """
        WITH r AS (
            INSERT INTO run (tenant_id, pipeline, trigger, state, scheduled_at, finished_at)
            VALUES (:tenant_id, 'payment_import', 'person', 'succeeded', now(), now()) RETURNING tenant_id, id
        ) INSERT INTO payment_row (tenant_id, run_id, n, line, kind, item_key, event_key, cents, verdict, rule)
        SELECT tenant_id, id, 1, 1, 'write_off', 'one', 'item:one#1', 1250, 'excluded', 'write_off' FROM r
        """
    )
    world.reconciles()
    assert world.open() == []


def test_a_reversal_of_what_was_applied_leaves_the_item_right(world):
    world.tells("1001", 12_50)
    world.lists("1001", 12_50, 0, item_key="one")
    world.pays(5_00, "1001", item_key="one", event_key="item:one#1")
    world.pays(-5_00, "1001", item_key="one", event_key="item:one#2", kind="reversal", state="netted")
    world.reconciles()
    assert world.open() == []


def test_an_item_that_newer_lists_leave_as_it_was_after_we_told_more_is_an_amount(world):
    world.lists("1001", 12_50)
    world.tells("1001", 12_50)
    world.tells("1001", 4_00)
    world.tells("1002", 3_00)
    world.lists("1002", 3_00)
    world.reconciles()
    assert world.open() == [("amount", "bursar", "1001")]
    assert world.all_differences()[0][4:] == (16_50, 12_50)
