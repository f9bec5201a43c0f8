"""Nothing fails silently: late, failed, left and unknown things are listed, and so is a success that did not come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.runs.conftest import finish, pipeline
from tests.integration.runs.test_schedules import ANA, hourly, set_back
from webapp.adapters.errors import PermanentError
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
