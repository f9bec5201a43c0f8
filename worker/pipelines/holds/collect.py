"""Step 1: read every outstanding fee and freeze it. Whatever happens later, this run decides on these rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import PermanentError
from webapp.services.campus_settings import open_secret, read_all
from webapp.services.open_source import SourceRequest, open_source
from webapp.store import holds
from webapp.store.collected import TooManyKindsError, freeze
from webapp.store.files import forget_files, record_file
from worker.pipelines.holds.frame import file_key, forget_parts, frame_of, frozen_sections
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from datetime import date


def collect(ctx: StepContext) -> Continue:
    """Stream the source into two files; leaves their keys, hashes and sums, and the settings of the run."""
    with ctx.transaction() as session:
        campus = read_all(session)
        api_key = open_secret(session, ctx.vault, "alma_api_key")
    sections = frozen_sections(campus)
    frame = frame_of(ctx, sections)
    source = open_source(ctx.settings, campus, api_key, ctx.files, _request(ctx, frame.run_on))
    note = f"Reading {source.label}"
    ctx.progress(0, 0, note)
    forget_parts(ctx)
    fees_key, others_key = file_key(ctx, "collected-fees"), file_key(ctx, "collected-others")
    with ctx.files.writer(fees_key) as fees, ctx.files.writer(others_key) as others:
        try:
            collected = freeze(
                source.rows, fees.write, others.write, lambda now: ctx.progress(now.rows + now.seen, 0, note)
            )
        except TooManyKindsError as err:
            raise PermanentError(str(err)) from err
    with ctx.transaction() as session:
        # An earlier try that did not come to its end may have read something else.
        forget_files(session, ctx.tenant_id, ctx.run.id, ("collected",))
        record_file(
            session,
            ctx.tenant_id,
            {
                "run_id": ctx.run.id,
                "kind": "collected",
                "hold_code": "",
                "name": f"collected_{ctx.run.id}.copy",
                "store_key": fees_key,
                "size": fees.size,
                "sha256": fees.sha256,
                "row_count": collected.fees,
                "total_cents": collected.fee_cents,
            },
        )
    ctx.counts({"collected_rows": collected.rows, "collected_cents": collected.cents})
    return Continue(
        {
            "settings": sections,
            "source": {
                "kind": source.kind,
                "label": source.label,
                "covers_everyone": source.covers_everyone,
                "each_fee_once": source.each_fee_once,
            },
            "kinds": sorted(collected.kinds),
            "fees": {"key": fees_key, "sha256": fees.sha256},
            "others": {"key": others_key, "sha256": others.sha256},
            "rows": collected.rows,
            "fee_rows": collected.fees,
            "refused_rows": collected.refused,
            "patrons_seen": collected.seen,
            "cents": collected.cents,
        }
    )


def _request(ctx: StepContext, run_on: date) -> SourceRequest:
    def on_hold() -> list[str]:
        with ctx.transaction() as session:
            return holds.emplids_on_hold(session, ctx.tenant_id)

    def lapsed() -> list[str]:
        with ctx.transaction() as session:
            return holds.lapsed_releases(session, ctx.tenant_id, run_on)

    return SourceRequest(
        tenant_id=ctx.tenant_id,
        time_zone=ctx.tenant.time_zone,
        now=ctx.now,
        window_from_at=ctx.run.window_from_at,
        options=ctx.run.options,
        on_hold=on_hold,
        lapsed=lapsed,
    )
