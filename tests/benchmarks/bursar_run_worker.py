"""One bursar conversion in a process of its own, from the stored file to built files; prints its times as JSON.

From reading to building as a worker does it, with rows, rules and ledger in PostgreSQL; arrival and delivery apart.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from tests.benchmarks.memory import peak_mib
from webapp.app import create_core
from webapp.config import load_settings
from webapp.models import InboundFile, Run, Tenant
from webapp.models.scope import person_scope, tenant_scope
from webapp.services.audit import SYSTEM
from webapp.services.campus_settings import store_values
from webapp.store import runs
from worker.interrupts import Interrupts
from worker.pipelines.bursar.build import build
from worker.pipelines.bursar.check import check
from worker.pipelines.bursar.decide import decide
from worker.pipelines.bursar.read import read
from worker.steps import RunView, StepContext, TenantView


def main(store_key: str, layout: str) -> None:
    """Run the steps on a file that lies in the store."""
    settings = load_settings(os.environ)
    with create_core(settings).app_context():
        ctx = context(settings, store_key, layout)
        laps = {}
        for step in (read, decide, check, build):
            began = time.perf_counter()
            ctx.remember(step.__name__, step(ctx).result)
            laps[step.__name__] = time.perf_counter() - began
        with ctx.transaction() as session:
            counts = runs.run_by_id(session, ctx.run.id).counts
    rss_mib = max(peak_mib(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
    print(json.dumps({"laps": laps, "rss_mib": rss_mib, "counts": counts, "run_id": ctx.run.id}))


def context(settings, store_key: str, layout: str) -> StepContext:
    """A claimed run whose file was received."""
    with person_scope(None) as session:
        tenant = session.query(Tenant).one()
    size = (Path(settings.files_url.removeprefix("file://")) / store_key).stat().st_size
    with tenant_scope(tenant.id) as session:
        store_values(session, "bursar", {"layout": layout}, actor=SYSTEM)
        run = Run(
            pipeline="bursar_conversion", trigger="file_arrival", scheduled_at=datetime.now(UTC), state="running",
            lease_token=1, started_at=datetime.now(UTC),
        )  # fmt: skip
        session.add(run)
        session.flush()
        file = InboundFile(
            kind="bursar_xml", origin="upload", name="BURSAR-1-1.xml", size=size, sha256="0" * 64,
            store_key=store_key, state="taken", run_id=run.id,
        )  # fmt: skip
        session.add(file)
        session.execute(text("UPDATE run SET lease_until = now() + interval '2 h', lease_holder = 'bench'"))
        session.commit()
        view, file_id = RunView.of(runs.run_by_id(session, run.id)), file.id
    return StepContext(
        settings=settings, tenant=TenantView.of(tenant), run=view, lease_token=1,
        results={"receive": {"inbound_file_id": file_id}}, interrupts=Interrupts("bench"),
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
