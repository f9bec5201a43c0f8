"""One file of payments in a process of its own: read, staged, matched and planned; prints seconds and peak memory as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from tests.benchmarks.memory import peak_mib
from webapp.app import create_core
from webapp.config import load_settings
from webapp.models import Tenant
from webapp.models.scope import person_scope, tenant_scope
from webapp.services.campus_settings import read_all
from webapp.services.payment_file import match_rules, payment_layout, read_news
from webapp.store import payment_match, payment_rows


def main(path: Path) -> None:
    """What the import does with a file until it is booked."""
    settings = load_settings(os.environ)
    with create_core(settings).app_context():
        with person_scope(None) as session:
            tenant = session.query(Tenant).one()
        started = time.perf_counter()
        laps: dict[str, float] = {}
        run_id = _read(tenant, path, laps)
        plan = _plan(tenant.id, run_id, laps)
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "rss_mib": peak_mib(), "laps": laps, "plan": plan}))


def _read(tenant: Tenant, path: Path, laps: dict[str, float]) -> int:
    with path.open("rb") as source, tenant_scope(tenant.id) as session:
        run_id: int = session.scalar(
            text("""
                INSERT INTO run (tenant_id, pipeline, trigger, scheduled_at)
                VALUES (:tenant_id, 'payment_import', 'person', now()) RETURNING id
            """),
            {"tenant_id": tenant.id},
        )
        lap = time.perf_counter()
        campus = read_all(session)
        layout = payment_layout(session, campus)
        read_news(
            session, source, layout, campus, inbound_file_id=1, file_at=datetime.now(UTC), time_zone=tenant.time_zone
        )  # fmt: skip
        laps["read"] = round(time.perf_counter() - lap, 3)
        lap = time.perf_counter()
        payment_rows.keep_rows(session, run_id)
        session.commit()
        laps["staged"] = round(time.perf_counter() - lap, 3)
    return run_id


def _plan(tenant_id: int, run_id: int, laps: dict[str, float]) -> dict[str, list[int]]:
    with tenant_scope(tenant_id) as session:
        lap = time.perf_counter()
        payment_rows.news_of_run(session, run_id)
        payment_match.match(session, match_rules(read_all(session)["payments"]))
        plan = payment_match.plan_totals(session)
        laps["matched"] = round(time.perf_counter() - lap, 3)
        session.rollback()
    return {f"{state} {rule}".strip(): list(total) for (state, rule), total in plan.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
