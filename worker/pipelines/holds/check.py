"""Stop and ask a person when the run looks unlike any normal night; the files are there to be looked at."""

from __future__ import annotations

from webapp.domain.holds import SafetyFacts, SafetyLimits, safety_stops
from webapp.domain.holds.safety import RUNS_OF_NORM
from webapp.store import holds
from worker.pipelines.holds.frame import frame_of
from worker.pipelines.holds.mail import tell_approval_needed
from worker.pipelines.holds.settle import doubts_of_holds, sentence_about
from worker.pipelines.holds.story import tell
from worker.steps import AskApproval, Continue, Finish, StepContext


def check(ctx: StepContext) -> AskApproval | Continue | Finish:
    """Continue, or the sentences that a person must agree to. A rehearsal ends here and says what would be asked."""
    limits = SafetyLimits.from_settings(frame_of(ctx).settings["policy"])
    with ctx.transaction() as session:
        in_doubt = [sentence_about(doubt) for doubt in doubts_of_holds(session)]
    reasons = in_doubt + safety_stops(_facts(ctx, limits), limits)
    result = {"stops": reasons}
    if ctx.run.dry_run:
        asks = ["a real run would ask for approval: " + " ".join(reasons).rstrip(".")] if reasons else []
        tell(ctx, ["a rehearsal: the files can be looked at, and nothing was sent", *asks])
        return Finish("succeeded", result)
    if not reasons:
        return Continue(result)
    tell_approval_needed(ctx, reasons)
    return AskApproval(reasons, result)


def _facts(ctx: StepContext, limits: SafetyLimits) -> SafetyFacts:
    collected, decided = ctx.result("collect"), ctx.result("decide")
    with ctx.transaction() as session:
        above, emplid, cents = holds.largest_totals(session, ctx.tenant_id, ctx.run.id, limits.patron_cents)
        totals = holds.change_totals(session, ctx.tenant_id, ctx.run.id)
        return SafetyFacts(
            fee_rows=collected["fee_rows"],
            covers_everyone=collected["source"]["covers_everyone"],
            register_rows=holds.register_totals(session, ctx.tenant_id).rows,
            changed_rows=decided["changes"],
            released_rows=sum(total.rows for total in totals if total.action == "R"),
            recent_changes=holds.recent_change_counts(session, ctx.tenant_id, ctx.run.id, RUNS_OF_NORM),
            patrons_above_limit=above,
            largest_emplid=emplid,
            largest_cents=cents,
            unidentified_rows=decided["unidentified_rows"],
        )
