"""What a run leaves open is looked at again, by whatever way fees are read; a rehearsal leaves nothing at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.holds.test_holds_export import TWO_PATRONS
from webapp.models import LayoutVersion, TemporaryRelease
from webapp.models.scope import tenant_scope
from webapp.sandbox.faults import Fault
from webapp.store import look_again

MANY = 10**9


def left_open(campus) -> list[str]:
    """Whom the next run would have to read again."""
    with tenant_scope(campus.tenant_id) as session:
        settled = look_again.last_settled_run(session, campus.tenant_id, MANY)
        return look_again.patrons_left_open(
            session, tenant_id=campus.tenant_id, run_id=MANY, source="violations_file", settled=settled
        )


def test_a_patron_with_a_row_on_the_desk_is_left_open(campus):
    campus.sets("policy", known_types=["Meter"])
    campus.owes(*TWO_PATRONS)
    campus.run()
    assert left_open(campus) == ["000000001"]


def test_a_patron_within_the_days_of_grace_is_left_open(campus):
    campus.sets("policy", grace_days=365)
    campus.owes(*TWO_PATRONS, "000000005,1.00,Meter,2001-01-01,T5,Student")
    campus.run()
    assert left_open(campus) == ["000000001", "000000002"]


def test_patrons_whose_news_never_arrived_are_left_open_until_it_does(campus, faults):
    faults.add(Fault("sftp", "refuse_auth"))
    campus.owes(*TWO_PATRONS)
    failed = campus.run()
    assert failed.state == "failed"
    assert left_open(campus) == ["000000001", "000000002"]
    with tenant_scope(campus.tenant_id) as session:
        assert look_again.last_settled_run(session, campus.tenant_id, MANY).started_at == failed.started_at
    assert campus.run().state == "succeeded"
    assert left_open(campus) == []


def test_a_file_nobody_has_fetched_does_not_move_the_window(campus):
    campus.sets("delivery", sftp_enabled=False, mail_enabled=False)
    campus.owes()
    settled = campus.run()
    campus.owes(*TWO_PATRONS)
    assert campus.run().state == "succeeded"
    with tenant_scope(campus.tenant_id) as session:
        assert look_again.last_settled_run(session, campus.tenant_id, MANY).id == settled.id


def test_a_release_that_lapsed_long_ago_is_looked_at_if_no_run_has_since(campus):
    campus.owes()
    run = campus.run()
    today = datetime.now(UTC).date()
    with tenant_scope(campus.tenant_id) as session:
        for emplid, days_after in (("000000001", 1), ("000000002", -40)):
            session.add(
                TemporaryRelease(emplid=emplid, until_on=today + timedelta(days=days_after), reason="exam")
            )
        session.flush()
        lapsed = look_again.lapsed_releases(
            session,
            tenant_id=campus.tenant_id,
            run_on=today + timedelta(days=90),
            settled=look_again.SettledRun(run.id, run.started_at),
            time_zone="America/Los_Angeles",
        )
    assert lapsed == ["000000001"]


@pytest.mark.parametrize("what", ["a bad row", "a line that does not fit"])
def test_a_dry_run_counts_what_it_would_park_and_leaves_the_desk_alone(campus, what):
    bad_row = "000000003,abc,Meter,2026-10-01,T9,Student"
    too_long = "000000003,1.00,Much too long,2026-10-01,T9,Student"
    if what != "a bad row":
        field = {"name": "type", "value": {"field": "violation_type"}, "width": 9, "overflow": "error"}
        body = {"format": "feebridge/layout/1", "name": "narrow", "file_name": "h.txt", "mode": "positional"}
        with tenant_scope(campus.tenant_id) as session:
            session.add(LayoutVersion(name="narrow", version=1, body=body | {"records": {"detail": [field]}}))
            session.commit()
        campus.sets("files", layout="narrow")
    campus.owes(*TWO_PATRONS, bad_row if what == "a bad row" else too_long)
    run = campus.run(dry_run=True)
    assert run.state == "succeeded", run.error
    assert run.counts["quarantined"] == 1
    assert campus.scalar("SELECT count(*) FROM quarantined_row") == 0


def test_a_refused_row_of_a_fee_that_nobody_was_put_on_hold_for_asks_before_anyone_is_released(campus):
    campus.owes(*TWO_PATRONS)
    campus.run()
    campus.owes(*TWO_PATRONS[:2], ",2.77,Meter,2026-10-02,T77,Staff")
    run = campus.run()
    assert run.state == "awaiting_approval", run.story
    assert "say whose they are" in run.story
