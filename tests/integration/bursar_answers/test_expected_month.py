"""The month's calendar: what was due, what went, and the days on which no file of Alma's came."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, text

from webapp.domain.schedule import ScheduleRule
from webapp.models import File, InboundFile, Run
from webapp.models.scope import tenant_scope
from webapp.services.audit import Actor
from webapp.services.save_schedule import save_schedule
from webapp.store.expected_files import expected_month

ZONE = "America/Los_Angeles"
LA = ZoneInfo(ZONE)
# A month that is over, so that its days are what they are.
YEAR, MONTH = 2026, 3


@pytest.fixture
def tenant(two_tenants, superuser) -> int:
    """San Marcos converts every business day at 18:00, and has since January; the 13th is blacked out."""
    rule = ScheduleRule(
        "daily",
        time(18),
        zone=ZONE,
        business_days_only=True,
        blackout_dates=frozenset({date(2026, 3, 13)}),
    )
    save_schedule(two_tenants[0], "bursar_conversion", rule, Actor(None, "Ann"))
    superuser.execute("UPDATE schedule SET updated_at = '2026-01-01'")
    return two_tenants[0]


def at(day: int, hour: int = 18) -> datetime:
    return datetime(YEAR, MONTH, day, hour, tzinfo=LA)


def ran(tenant_id: int, day: int, state: str = "succeeded", *, files: int = 1, came: bool = True) -> int:
    with tenant_scope(tenant_id) as session:
        run = Run(
            pipeline="bursar_conversion",
            trigger="schedule",
            scheduled_at=at(day),
            state=state,
            started_at=at(day),
            finished_at=at(day),
        )
        session.add(run)
        session.flush()
        if came:
            session.add(
                InboundFile(
                    kind="bursar_xml",
                    origin="sftp",
                    name=f"{day}.xml",
                    size=1,
                    sha256=f"{day:064}",
                    store_key="none",
                    state="done",
                    run_id=run.id,
                    received_at=at(day, 17),
                )
            )
        for part in range(1, files + 1):
            session.add(
                File(
                    run_id=run.id,
                    kind="charges",
                    part=part,
                    name=f"{day}-{part}.dat",
                    store_key="none",
                    size=1,
                    sha256="0" * 64,
                    row_count=2,
                    total_cents=1250,
                    confirmed_at=func.now(),
                )
            )
        session.commit()
        return run.id


def month(tenant_id: int, year: int = YEAR, of: int = MONTH) -> dict[int, tuple[str, str]]:
    with tenant_scope(tenant_id) as session:
        found = expected_month(session, tenant_id, year, of, ZONE)
    return {item.day.day: (item.state, item.words) for item in found if item.pipeline == "bursar_conversion"}


def test_each_day_says_what_became_of_it(tenant):
    ran(tenant, 2)
    ran(tenant, 3, "nothing_to_send", files=0)
    ran(tenant, 4, "nothing_to_send", files=0, came=False)
    ran(tenant, 5, "failed", files=0)
    days = month(tenant)
    assert len(days) == 31
    assert days[2] == ("sent", "1 file, 2 lines, $12.50.")
    assert days[3] == ("nothing", "Nothing had to be sent.")
    assert days[4] == ("missing", "No file came from Alma.")
    assert days[5][0] == "failed"
    assert days[6] == ("missing", "The run of 18:00 did not take place.")
    assert days[7] == ("not_due", "No business day.")
    assert days[13] == ("not_due", "A day without runs, as set in the schedule.")


def test_the_clock_change_moves_no_day(tenant):
    # The clock goes forward on the 8th, a Sunday; the next run is Monday's at 18:00 all the same.
    assert month(tenant)[9] == ("missing", "The run of 18:00 did not take place.")


def test_the_run_is_named_so_that_a_page_can_link_to_it(tenant):
    run_id = ran(tenant, 2)
    with tenant_scope(tenant) as session:
        found = expected_month(session, tenant, YEAR, MONTH, ZONE)
    assert [item.run_id for item in found if item.day == date(2026, 3, 2)] == [run_id]


def test_days_before_the_schedule_was_set_go_by_what_was_admitted(tenant, superuser):
    superuser.execute("UPDATE schedule SET updated_at = '2026-03-20'")
    superuser.execute(
        "INSERT INTO occurrence (tenant_id, schedule_id, local_key, due_at) "
        "SELECT tenant_id, id, '2026-03-10T18:00', '2026-03-11T01:00Z' FROM schedule"
    )
    days = month(tenant)
    assert days[10][0] == "missing"
    assert days[11][0] == "not_due"
    assert days[23][0] == "missing"


def test_the_coming_days_wait(tenant):
    with tenant_scope(tenant) as session:
        ahead = session.scalar(text("SELECT now()")).astimezone(LA) + timedelta(days=40)
    states = {state for state, _ in month(tenant, ahead.year, ahead.month).values()}
    assert states <= {"waiting", "not_due", "missing", "late"}
    later = month(tenant, ahead.year + 1, ahead.month)
    assert {state for state, _ in later.values()} == {"waiting", "not_due"}


def test_a_campus_without_schedule_learns_that_the_usual_file_did_not_come(two_tenants):
    # Three Mondays with a file, and a fourth without.
    for day in (2, 9, 16):
        ran(two_tenants[0], day)
    days = month(two_tenants[0])
    assert days[23] == (
        "missing",
        "No file came from Alma, as one did on this weekday in the weeks before.",
    )
    assert days[24][0] == "not_due"


def test_the_other_campus_sees_nothing_of_it(tenant, two_tenants):
    ran(tenant, 2)
    assert month(two_tenants[1]) == {}


def test_it_takes_few_questions(tenant):
    from sqlalchemy import event

    from webapp.models import db

    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    month(tenant)
    assert len([statement for statement in asked if statement.lstrip().upper().startswith("SELECT")]) <= 8
