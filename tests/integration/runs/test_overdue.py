"""Nothing fails silently: late, failed, left and unknown things are listed, and so is a success that did not come."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from tests.integration.runs.conftest import finish, pipeline
from tests.integration.runs.test_schedules import ANA, hourly, set_back
from webapp.adapters.errors import PermanentError
from webapp.domain.schedule import ScheduleRule
from webapp.models.scope import tenant_scope
from webapp.services.admit_due_runs import admit_due_runs
from webapp.services.save_schedule import save_schedule
from webapp.services.submit_run import submit_run
from webapp.services.watch_runs import watch_runs
from webapp.store.overdue import list_overdue


def kinds(tenant_id: int) -> list[str]:
    with tenant_scope(tenant_id) as session:
        return [item.kind for item in list_overdue(session)]


def test_a_run_that_does_not_start_within_five_minutes_is_listed_for_its_campus_only(two_tenants, superuser):
    submit_run(two_tenants[0], "probe")
    assert kinds(two_tenants[0]) == []
    superuser.execute("UPDATE run SET not_before = now() - interval '6 min'")
    assert kinds(two_tenants[0]) == ["not_started"]
    assert kinds(two_tenants[1]) == []


def test_a_run_left_by_its_worker_is_listed_while_nobody_takes_over(two_tenants, superuser):
    submit_run(two_tenants[0], "probe")
    superuser.execute("UPDATE run SET state = 'running', lease_until = now() - interval '6 min'")
    assert kinds(two_tenants[0]) == ["left_by_worker"]


def test_a_failed_run_is_listed_until_a_later_one_succeeds(two_tenants, work):
    def refuse(_ctx):
        raise PermanentError("No.")

    submit_run(two_tenants[0], pipeline(refuse))
    work()
    assert kinds(two_tenants[0]) == ["failed"]
    submit_run(two_tenants[0], pipeline(finish))
    work()
    assert kinds(two_tenants[0]) == []


@pytest.mark.parametrize(
    ("kind", "after"), [("notice", []), ("sftp", ["unknown_effect"]), ("mail", ["unknown_effect"])]
)
def test_a_later_success_settles_an_unknown_notice_but_no_unknown_file(
    two_tenants, superuser, work, kind, after
):
    run_id = submit_run(two_tenants[0], "probe")
    superuser.execute("UPDATE run SET state = 'failed', dry_run = true, finished_at = now()")
    superuser.execute(
        "INSERT INTO effect (tenant_id, run_id, key, kind, state) VALUES (%s, %s, 'k', %s, 'unknown')",
        (two_tenants[0], run_id, kind),
    )
    assert kinds(two_tenants[0]) == ["unknown_effect"]
    submit_run(two_tenants[0], pipeline(finish))
    work()
    assert kinds(two_tenants[0]) == after


def test_a_scheduled_success_that_did_not_come_is_listed_even_when_no_scheduler_runs(
    two_tenants, superuser, caplog
):
    save_schedule(two_tenants[0], pipeline(finish), hourly(), ANA)
    assert kinds(two_tenants[0]) == []
    set_back(superuser, timedelta(hours=3))
    assert kinds(two_tenants[0]) == ["no_success"]
    found = watch_runs()
    assert [item.tenant_id for item in found] == [two_tenants[0]]
    assert "has not succeeded" in found[0].words
    assert f"overdue kind=no_success tenant={two_tenants[0]}" in caplog.text


def test_a_scheduled_success_that_came_is_not_listed(two_tenants, superuser, work):
    save_schedule(two_tenants[0], pipeline(finish), hourly(), ANA)
    set_back(superuser, timedelta(hours=3))
    admit_due_runs()
    work("batch")
    superuser.execute("UPDATE occurrence SET due_at = due_at - interval '40 min'")
    assert kinds(two_tenants[0]) == []


def conversion(
    superuser, tenant_id: int, state: str, *, step: str = "read", trigger: str = "schedule", rows_in: int = 0
):
    """A conversion that has ended so."""
    superuser.execute(
        "INSERT INTO run (tenant_id, pipeline, trigger, queue, state, step, scheduled_at, finished_at, counts) "
        "VALUES (%s, 'bursar_conversion', %s, 'batch', %s, %s, now(), now(), jsonb_build_object('rows_in', %s::int))",
        (tenant_id, trigger, state, step, rows_in),
    )


def test_a_conversion_that_failed_with_its_file_is_not_made_up_for_by_a_look_that_found_none(
    two_tenants, superuser
):
    conversion(superuser, two_tenants[0], "failed", step="decide")
    conversion(superuser, two_tenants[0], "nothing_to_send")
    assert kinds(two_tenants[0]) == ["failed"]
    conversion(superuser, two_tenants[0], "succeeded", rows_in=3)
    assert kinds(two_tenants[0]) == []


def test_a_look_that_failed_is_made_up_for_by_one_that_found_nothing(two_tenants, superuser):
    conversion(superuser, two_tenants[0], "failed", step="receive")
    conversion(superuser, two_tenants[0], "nothing_to_send")
    assert kinds(two_tenants[0]) == []
    conversion(superuser, two_tenants[0], "failed", step="receive", trigger="webhook")
    conversion(superuser, two_tenants[0], "nothing_to_send")
    assert kinds(two_tenants[0]) == ["failed"], "Alma said that there is a file"


def test_the_success_of_another_file_does_not_make_up_for_one_that_still_waits(two_tenants, superuser):
    arrive(superuser, two_tenants[0], "1 hour")
    conversion(superuser, two_tenants[0], "failed", step="decide")
    conversion(superuser, two_tenants[0], "succeeded", rows_in=3)
    assert kinds(two_tenants[0]) == ["failed"]
    superuser.execute("UPDATE inbound_file SET state = 'done'")
    assert kinds(two_tenants[0]) == []


def test_a_file_that_nobody_reads_for_more_than_a_day_is_listed(two_tenants, superuser):
    arrive(superuser, two_tenants[0], "25 hours")
    assert kinds(two_tenants[0]) == []
    superuser.execute("UPDATE inbound_file SET received_at = now() - interval '27 hours'")
    assert kinds(two_tenants[0]) == ["file_unread"]
    assert [item.kind for item in watch_runs()] == ["file_unread"]
    assert kinds(two_tenants[1]) == []


def arrive(superuser, tenant_id: int, ago: str) -> None:
    superuser.execute(
        "INSERT INTO inbound_file (tenant_id, kind, origin, name, size, sha256, store_key, received_at) "
        "VALUES (%s, 'bursar_xml', 'upload', 'a.xml', 1, 'x', 'x', now() - %s::interval)",
        (tenant_id, ago),
    )


def test_looks_every_few_minutes_are_not_missed_while_a_conversion_waits_for_its_cut_off(
    two_tenants, superuser
):
    rule = ScheduleRule(kind="minutes", at=time(0, 0), every_minutes=10, zone="UTC")
    save_schedule(two_tenants[0], "bursar_conversion", rule, ANA)
    set_back(superuser, timedelta(hours=3))
    assert kinds(two_tenants[0]) == ["no_success"]
    conversion(superuser, two_tenants[0], "running")
    assert "no_success" not in kinds(two_tenants[0])
