"""No transaction of a run is left open unnamed, or waits for the file store."""

from __future__ import annotations

from types import SimpleNamespace

from webapp.adapters.files import FileStore
from webapp.domain.campus_settings import CampusSettings
from webapp.services.delivery_targets import sftp_target
from worker.pipelines.holds.frame import HoldFrame
from worker.pipelines.holds.plan import PlannedFile
from worker.pipelines.holds.rows import LayoutRows

NAMED = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'feebridge run%'"


def test_the_transaction_that_lines_are_read_in_can_be_ended_by_whoever_takes_the_run_over(campus, superuser):
    campus.owes("000000001,25.00,No permit,2026-09-01,T1,Student", "000000002,2.77,Meter,2026-10-02,T3,Staff")
    run = campus.run()
    ctx = SimpleNamespace(tenant_id=campus.tenant_id, run=run, lease_token=7, settings=campus.settings)
    frame = HoldFrame(CampusSettings(), None, run.started_at)
    rows = LayoutRows(ctx, frame, PlannedFile("added", "LIB", 2, 2777), per_item=False).read()
    assert next(rows)["emplid"] == "000000001"
    assert superuser.execute(NAMED).fetchall() == [(f"feebridge run {campus.tenant_id}/{run.id} token 7",)]
    assert [row["emplid"] for row in rows] == ["000000002"]


def test_the_frozen_rows_are_fetched_before_the_decision_begins_its_transaction(
    campus, superuser, monkeypatch
):
    opened, plain_open = {}, FileStore.open

    def watched(store, key):
        opened[key.rpartition("/")[2]] = superuser.execute(NAMED).fetchall()
        return plain_open(store, key)

    monkeypatch.setattr(FileStore, "open", watched)
    campus.owes("000000001,25.00,No permit,2026-09-01,T1,Student")
    assert campus.run().state == "succeeded"
    assert (opened["collected-fees"], opened["collected-others"]) == ([], [])


def test_a_file_is_read_back_unless_the_campus_switched_it_off(campus):
    secrets = {"sftp_password": "x"}
    for stored, expected in (({}, True), ({"sftp_read_back": False}, False)):
        sections = CampusSettings({"delivery": stored})
        target = sftp_target(campus.settings, sections["delivery"], sections["files"], secrets)
        assert target.read_back is expected
