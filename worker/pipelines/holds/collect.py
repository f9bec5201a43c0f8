"""Read every outstanding fee and freeze it. Whatever happens later, this run decides on these rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import PermanentError
from webapp.services.campus_settings import open_secret, read_all
from webapp.services.open_source import SourceRequest, open_source
from webapp.store import look_again
from webapp.store.collected import TooManyKindsError, freeze
from webapp.store.files import forget_files, record_file
from worker.pipelines.holds.frame import file_key, forget_parts, frame_of, frozen_sections
from worker.pipelines.holds.layout_choice import choose_layout
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
    with ctx.transaction() as session:
        layout = choose_layout(session, frame)
    source = open_source(
        ctx.settings, campus, api_key, ctx.files, _request(ctx, campus["source"]["kind"], frame.run_on)
    )
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
            # Name and version: a layout saved while the run waits for a person is for the next run.
            "layout": {"name": layout.name, "version": layout.version},
            "source": {
                "kind": source.kind,
                "label": source.label,
                "file": source.file,
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


def _request(ctx: StepContext, kind: str, run_on: date) -> SourceRequest:
    with ctx.transaction() as session:
        settled = look_again.last_settled_run(session, ctx.tenant_id, ctx.run.id)

    def on_hold() -> list[str]:
        with ctx.transaction() as session:
            return look_again.emplids_on_hold(session, ctx.tenant_id)

    def left_open() -> list[str]:
        with ctx.transaction() as session:
            lapsed = look_again.lapsed_releases(
                session,
                tenant_id=ctx.tenant_id,
                run_on=run_on,
                settled=settled,
                time_zone=ctx.tenant.time_zone,
            )
            return lapsed + look_again.patrons_left_open(
                session, tenant_id=ctx.tenant_id, run_id=ctx.run.id, source=kind, settled=settled
            )

    return SourceRequest(
        tenant_id=ctx.tenant_id,
        time_zone=ctx.tenant.time_zone,
        now=ctx.now,
        window_from_at=settled.started_at,
        options=ctx.run.options,
        on_hold=on_hold,
        left_open=left_open,
        on_note=ctx.note,
    )
