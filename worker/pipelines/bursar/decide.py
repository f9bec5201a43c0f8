"""Tell the staged rows apart by what takes more than one of them to see, and account for every row and cent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from webapp.store import bursar, bursar_rules
from worker.pipelines.bursar.counts import check_conservation, counts_of
from worker.pipelines.bursar.frame import first_result, frame_of
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.models.scope import ScopedSession
    from worker.pipelines.bursar.frame import BursarFrame

_REASONS_NAMED = 6


def decide(ctx: StepContext) -> Continue:
    """One transaction: rules in their order, then proof that nothing was lost. Says until when a fee can be recalled."""
    frame, came = frame_of(ctx), first_result(ctx)
    ctx.progress(0, came["rows"], "Comparing with what the bursar was told")
    with ctx.transaction() as session:
        _apply(ctx, session, frame)
        tallies = bursar.tallies(session, ctx.tenant_id, ctx.run.id)
        check_conservation(tallies, came["rows"], came["cents"])
        reasons = bursar.reasons(session, ctx.tenant_id, ctx.run.id, _REASONS_NAMED)
    ctx.counts(counts_of(tallies))
    minutes = frame.settings["bursar"]["cutoff_minutes"]
    return Continue(
        {
            "leaves_at": (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(),
            "reasons": [list(reason) for reason in reasons],
        }
    )


def _apply(ctx: StepContext, session: ScopedSession, frame: BursarFrame) -> None:
    place = (session, ctx.tenant_id, ctx.run.id)
    converts = ctx.run.pipeline == "bursar_conversion"
    bursar_rules.begin(*place)
    bursar_rules.leave_to_the_desk(*place)
    bursar_rules.leave_out_ignored(*place)
    bursar_rules.leave_out_recalled(*place)
    bursar_rules.hold_back_repeated(*place)
    # The balance export's rows are differences to what was told, so the same fee comes again by design.
    bursar_rules.leave_out_told(*place, only_tasks=not converts)
    section = frame.settings["bursar"]
    oldest = section["reversal_max_age_days"]
    bursar_rules.find_charges(*place, by_item=section["credit_match"] == "item")
    bursar_rules.match_credits(
        *place,
        no_charge_item_type=section["credit_item_type"],
        whole_only=not section["partial_reversals"],
        not_before=frame.run_on - timedelta(days=oldest) if oldest else None,
    )
