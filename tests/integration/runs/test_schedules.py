"""What is due becomes a run, once, by the database's clock and the campus's wall clock."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta

import psycopg
import pytest
from sqlalchemy import select

from tests.integration.runs.conftest import finish, pipeline
from webapp.domain.schedule import ScheduleRule
from webapp.models import Approval, Occurrence, Run
from webapp.models.scope import tenant_scope
from webapp.services.admit_due_runs import admit_due_runs, refresh_due_times
from webapp.services.audit import Actor, verify_chain
from webapp.services.decide_approval import approve_run
from webapp.services.save_schedule import save_schedule
from webapp.services.submit_run import submit_run
from webapp.store import schedules

ANA = Actor(None, "Ana")


def hourly() -> ScheduleRule:
    return ScheduleRule(kind="every_hours", at=time(0, 0), every_hours=1, zone="UTC")


def set_back(superuser: psycopg.Connection, delay: timedelta, tenant_id: int | None = None) -> None:
    """As if no scheduler had run for so long: nothing since then is admitted."""
    superuser.execute(
        "UPDATE schedule SET cursor_at = %(at)s, next_due_at = %(due)s WHERE %(t)s::int IS NULL OR tenant_id = %(t)s",
        {"at": datetime.now(UTC) - delay, "due": first_hour_after(delay), "t": tenant_id},
    )


def first_hour_after(delay: timedelta) -> datetime:
    at = datetime.now(UTC) - delay
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def runs_of(tenant_id: int) -> list[Run]:
    with tenant_scope(tenant_id) as session:
        return list(session.scalars(select(Run).order_by(Run.id)))


def occurrences_of(tenant_id: int) -> list[Occurrence]:
    with tenant_scope(tenant_id) as session:
        return list(session.scalars(select(Occurrence).order_by(Occurrence.id)))


def test_saving_a_schedule_knows_its_next_time_and_is_in_the_audit_log(two_tenants):
    save_schedule(two_tenants[0], "probe", hourly(), ANA)
    with tenant_scope(two_tenants[0]) as session:
        stored = schedules.schedule_of(session, "probe")
        assert timedelta(0) < stored.next_due_at - stored.cursor_at <= timedelta(hours=1)
        assert stored.next_local_key == f"{stored.next_due_at.astimezone(UTC):%Y-%m-%dT%H:%M}"
        assert verify_chain(session) == []
    assert admit_due_runs().run_ids == []


def test_a_schedule_of_no_kind_or_switched_off_is_never_due(two_tenants, superuser):
    save_schedule(two_tenants[0], "probe", ScheduleRule(kind="none"), ANA)
    save_schedule(two_tenants[1], "probe", hourly(), ANA, is_enabled=False)
    superuser.execute("UPDATE schedule SET next_due_at = now() - interval '1 hour' WHERE NOT is_enabled")
    assert admit_due_runs().run_ids == []


def test_a_due_time_becomes_one_run_on_time(two_tenants, superuser):
    save_schedule(two_tenants[0], "probe", minutely_rule(), ANA)
    due_at = set_due_just_now(superuser)
    admitted = admit_due_runs()
    (run,) = runs_of(two_tenants[0])
    (occurrence,) = occurrences_of(two_tenants[0])
    assert admitted.run_ids == [run.id]
    assert (run.trigger, run.state, run.queue, run.scheduled_at) == ("schedule", "queued", "batch", due_at)
    assert occurrence.local_key == f"{due_at:%Y-%m-%dT%H:%M}"
    assert admit_due_runs().run_ids == []


def minutely_rule() -> ScheduleRule:
    """Due every day at the minute that has just begun."""
    now = datetime.now(UTC)
    return ScheduleRule(kind="daily", at=time(now.hour, now.minute), zone="UTC")


def set_due_just_now(superuser: psycopg.Connection) -> datetime:
    (rule,) = superuser.execute("SELECT rule FROM schedule").fetchone()
    hour, minute = map(int, rule["at"].split(":"))
    now = datetime.now(UTC)
    due_at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    due_at -= timedelta(days=due_at > now)
    superuser.execute(
        "UPDATE schedule SET cursor_at = %s, next_due_at = %s", (due_at - timedelta(minutes=1), due_at)
    )
    return due_at


def test_after_downtime_one_run_catches_up_with_a_window_back_to_the_last_confirmed_run(
    two_tenants, superuser, work
):
    submit_run(two_tenants[0], pipeline(finish))
    work()
    (confirmed,) = runs_of(two_tenants[0])
    save_schedule(two_tenants[0], "probe", hourly(), ANA)
    set_back(superuser, timedelta(hours=5))
    assert len(admit_due_runs().run_ids) == 1
    run = runs_of(two_tenants[0])[-1]
    (occurrence,) = occurrences_of(two_tenants[0])
    assert (run.trigger, run.state) == ("catch_up", "queued")
    assert run.window_from_at == confirmed.started_at
    assert "stands for 5 times missed since" in occurrence.note
    assert timedelta(0) <= datetime.now(UTC) - run.scheduled_at < timedelta(hours=1)
    assert admit_due_runs().run_ids == []


def test_downtime_beyond_the_limit_asks_a_person_and_the_next_time_runs_as_usual(
    two_tenants, superuser, work
):
    pipeline(finish)
    save_schedule(two_tenants[0], "probe", hourly(), ANA, catch_up_limit_h=24)
    set_back(superuser, timedelta(days=9))
    assert admit_due_runs().run_ids == []
    (late,) = runs_of(two_tenants[0])
    assert (late.trigger, late.state) == ("catch_up", "awaiting_approval")
    assert "longer than 24 hours" in late.story
    with tenant_scope(two_tenants[0]) as session:
        (question,) = session.scalars(select(Approval))
        assert question.reasons == [late.story]
    set_back(superuser, timedelta(hours=1))
    superuser.execute("DELETE FROM run_event WHERE run_id <> %s", (late.id,))
    superuser.execute("UPDATE occurrence SET local_key = 'earlier'")
    assert len(admit_due_runs().run_ids) == 1
    assert work("batch") == 1
    approve_run(two_tenants[0], late.id, ANA)
    assert work("batch") == 1
    assert {run.state for run in runs_of(two_tenants[0])} == {"succeeded"}


def test_many_schedulers_at_once_make_one_run_of_each_occurrence(two_tenants, superuser, core):
    for tenant_id in two_tenants:
        for n in range(20):
            save_schedule(tenant_id, f"probe{n}", hourly(), ANA)
    found: list[int] = []

    def tick() -> None:
        with core.app_context():
            for _ in range(5):
                found.extend(admit_due_runs().run_ids)

    set_back(superuser, timedelta(hours=2))
    threads = [threading.Thread(target=tick) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(set(found)) == 40
    assert len(runs_of(two_tenants[0])) == len(occurrences_of(two_tenants[0])) == 20


def test_an_occurrence_admitted_before_is_not_admitted_again_when_the_cursor_is_lost(two_tenants, superuser):
    save_schedule(two_tenants[0], "probe", hourly(), ANA)
    for _ in range(3):
        set_back(superuser, timedelta(hours=1))
        admit_due_runs()
    assert len(runs_of(two_tenants[0])) == 1


def test_a_host_clock_that_is_years_wrong_changes_nothing(two_tenants, monkeypatch):
    save_schedule(two_tenants[0], "probe", hourly(), ANA)
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    assert admit_due_runs().run_ids == []


def test_due_times_are_computed_anew_when_a_scheduler_starts(two_tenants, superuser):
    save_schedule(two_tenants[0], "probe", hourly(), ANA)
    superuser.execute("UPDATE schedule SET next_due_at = now() + interval '9 days'")
    refresh_due_times()
    with tenant_scope(two_tenants[0]) as session:
        stored = schedules.schedule_of(session, "probe")
        assert stored.next_due_at - stored.cursor_at <= timedelta(hours=1)


def test_an_unreadable_rule_holds_up_no_other_campus(two_tenants, superuser, caplog):
    for tenant_id in two_tenants:
        save_schedule(tenant_id, "probe", hourly(), ANA)
    set_back(superuser, timedelta(hours=2))
    superuser.execute(
        'UPDATE schedule SET rule = \'{"kind": "moon"}\' WHERE tenant_id = %s', (two_tenants[0],)
    )
    assert len(admit_due_runs().run_ids) == 1
    assert "schedule_unreadable" in caplog.text
    refresh_due_times()


@pytest.mark.parametrize(("hour", "expected"), [(2, "2027-03-14T02:30"), (1, "2027-11-07T01:30")])
def test_a_time_that_the_clock_skips_or_shows_twice_is_one_occurrence(
    two_tenants, superuser, hour, expected, monkeypatch
):
    day = expected[:10]
    save_schedule(two_tenants[0], "probe", ScheduleRule(kind="daily", at=time(hour, 30)), ANA)
    noon = datetime.fromisoformat(f"{day}T20:00+00:00")
    view = schedules.due_schedules
    start = noon - timedelta(hours=15)

    def at_noon(session, limit):
        superuser.execute("UPDATE schedule SET next_due_at = now() - interval '1 s'")
        return [
            schedules.ScheduleView(row.tenant_id, row.schedule_id, row.pipeline, row.rule, start, 24, noon)
            for row in view(session, limit)
        ]

    monkeypatch.setattr(schedules, "due_schedules", at_noon)
    admit_due_runs()
    admit_due_runs()
    assert [occurrence.local_key for occurrence in occurrences_of(two_tenants[0])] == [expected]


def every_five_minutes() -> ScheduleRule:
    return ScheduleRule(kind="minutes", at=time(0, 0), every_minutes=5, zone="UTC")


def test_looks_every_few_minutes_do_not_pile_up_behind_a_run_under_way(two_tenants, superuser):
    save_schedule(two_tenants[0], "probe", every_five_minutes(), ANA)
    for _ in range(3):
        set_back(superuser, timedelta(minutes=90))
        admit_due_runs()
    assert len(runs_of(two_tenants[0])) == 1
    superuser.execute("UPDATE run SET state = 'nothing_to_send', finished_at = now()")
    superuser.execute("DELETE FROM occurrence WHERE id NOT IN (SELECT occurrence_id FROM run)")
    superuser.execute("UPDATE occurrence SET local_key = 'long ago'")
    set_back(superuser, timedelta(minutes=90))
    admit_due_runs()
    assert len(runs_of(two_tenants[0])) == 2


def test_a_look_after_days_of_downtime_asks_nobody(two_tenants, superuser):
    save_schedule(two_tenants[0], "probe", every_five_minutes(), ANA)
    set_back(superuser, timedelta(days=3))
    admit_due_runs()
    (run,) = runs_of(two_tenants[0])
    assert (run.state, run.trigger) == ("queued", "catch_up")
