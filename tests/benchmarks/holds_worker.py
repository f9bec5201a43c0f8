"""One holds export in a process of its own, from frozen rows on; prints its seconds and peak memory as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime

from sqlalchemy import text

from tests.benchmarks.memory import peak_mib
from webapp.app import create_core
from webapp.config import load_settings
from webapp.domain.campus_settings import CampusSettings
from webapp.models import Run, Tenant
from webapp.models.scope import person_scope, tenant_scope
from webapp.services.confirm_delivery import confirm_delivered_file
from webapp.store import files, runs
from worker.interrupts import Interrupts
from worker.pipelines.holds.build import build
from worker.pipelines.holds.check import check
from worker.pipelines.holds.decide import decide
from worker.pipelines.holds.frame import frozen_sections
from worker.pipelines.holds.layout_choice import DEFAULT_LAYOUT
from worker.steps import RunView, StepContext, TenantView


def main(rows: dict) -> None:
    """Run decide, check, build and the confirmation of every file."""
    settings = load_settings(os.environ)
    with create_core(settings).app_context():
        ctx = context(settings, rows)
        started = time.perf_counter()
        laps = {}
        for step in (decide, check, build):
            lap = time.perf_counter()
            ctx.remember(step.__name__, step(ctx).result)
            laps[step.__name__] = round(time.perf_counter() - lap, 3)
        lap = time.perf_counter()
        with ctx.transaction() as session:
            told = sum(
                confirm_delivered_file(session, f) for f in files.files_of(session, ctx.tenant_id, ctx.run.id)
            )
        laps["advance"] = round(time.perf_counter() - lap, 3)
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "rss_mib": peak_mib(), "changed": told, "laps": laps}))


def context(settings, rows: dict) -> StepContext:
    """A claimed run whose first step is done."""
    with person_scope(None) as session:
        tenant = session.query(Tenant).one()
    with tenant_scope(tenant.id) as session:
        run = Run(
            pipeline="holds_export", trigger="schedule", scheduled_at=datetime.now(UTC), state="running", lease_token=1,
            started_at=datetime.now(UTC), counts={"collected_rows": rows["rows"], "collected_cents": rows["cents"]},
        )  # fmt: skip
        session.add(run)
        session.execute(text("SELECT 1"))
        session.flush()
        session.execute(text("UPDATE run SET lease_until = now() + interval '1 h', lease_holder = 'bench'"))
        session.commit()
        view = RunView.of(runs.run_by_id(session, run.id))
    collected = {
        "settings": frozen_sections(
            CampusSettings({"mapping": {"hold_code": "LIB", "hold_reason": "LFINE"}})
        ),
        "source": {
            "kind": "analytics",
            "label": "the report",
            "covers_everyone": True,
            "each_fee_once": True,
        },
        "layout": {"name": DEFAULT_LAYOUT, "version": None},
        "kinds": rows["kinds"],
        "fees": {"key": "1/bench/fees", "sha256": rows["sha256"]},
        "others": {
            "key": "1/bench/others",
            "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        },
        "rows": rows["rows"],
        "fee_rows": rows["rows"],
        "refused_rows": 0,
        "patrons_seen": 0,
        "cents": rows["cents"],
    }
    return StepContext(
        settings=settings, tenant=TenantView.of(tenant), run=view, lease_token=1, results={"collect": collected},
        interrupts=Interrupts("bench"),
    )  # fmt: skip


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
