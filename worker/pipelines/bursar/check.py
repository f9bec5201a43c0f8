"""Stop and ask a person when the run looks unlike any other, or when two must agree; the files are there to be looked at."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from webapp.domain.money import format_cents
from webapp.services.decide_approval import FOUR_EYES
from webapp.store import bursar
from worker.pipelines.bursar.frame import first_result, frame_of
from worker.pipelines.bursar.mail import tell_approval_needed
from worker.pipelines.bursar.settle import doubts_of_charges, sentence_about
from worker.pipelines.bursar.story import run_counts, tell
from worker.steps import AskApproval, Continue, Finish, StepContext

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNS_OF_NORM = 8
# Below this a run is no flood, whatever the norm.
LEAST_FLOOD = 20


def check(ctx: StepContext) -> AskApproval | Continue | Finish:
    """Continue, or the sentences that a person must agree to. A rehearsal ends here and says what would be asked."""
    section, counts = frame_of(ctx).settings["bursar"], run_counts(ctx)
    reasons = _stops(ctx, section, counts)
    two_must_agree = _gross(counts) > section["four_eyes_cents"] > 0
    if two_must_agree:
        reasons.append(
            f"Lines of {format_cents(_gross(counts))} in all are above {format_cents(section['four_eyes_cents'])}: "
            "somebody else than who asked for the run must agree."
        )
    result = {"stops": reasons, FOUR_EYES: two_must_agree}
    if ctx.run.dry_run:
        asks = ["a real run would ask for approval: " + " ".join(reasons).rstrip(".")] if reasons else []
        tell(ctx, ["a rehearsal: the files can be looked at, and nothing was sent", *asks])
        return Finish("succeeded", result)
    if not reasons:
        return Continue(result)
    tell_approval_needed(ctx, reasons)
    return AskApproval(reasons, result)


def suddenly_empty(ctx: StepContext, section: Mapping[str, Any]) -> bool:
    """Whether Alma's file is empty, though the runs before it were not."""
    came = first_result(ctx)
    if not section["stop_if_empty"] or came.get("inbound_file_id") is None or came["file_rows"]:
        return False
    return _norm(ctx) > 0


def _stops(ctx: StepContext, section: Mapping[str, Any], counts: Mapping[str, int]) -> list[str]:
    with ctx.transaction() as session:
        found = [sentence_about(doubt) for doubt in doubts_of_charges(session)]
        patron, patron_cents = bursar.most_of_one_patron(session, ctx.tenant_id, ctx.run.id)
    came = first_result(ctx)
    for name, run_id in came.get("repeats", ()):
        found.append(
            f"Export {came['export_number']} was in {name} already (run {run_id}). Fees that were sent are not sent again; "
            "look whether the others belong to the same export."
        )
    found.extend(came.get("asks", ()))
    if suddenly_empty(ctx, section):
        found.append(f"{came['file']} is empty, though the runs before it were not.")
    norm, factor, sent = _norm(ctx), section["stop_factor"], counts["rows_sent"]
    if factor and norm and sent > factor * norm and sent > LEAST_FLOOD:
        found.append(
            f"{sent:,} fees are to be told, more than {factor} times the {norm:,.0f} of a usual run (the last "
            f"{RUNS_OF_NORM} runs)."
        )
    if 0 < section["stop_patron_cents"] < patron_cents:
        found.append(
            f"Patron {patron} would be charged {format_cents(patron_cents)}, above the limit of "
            f"{format_cents(section['stop_patron_cents'])}."
        )
    return found


def _norm(ctx: StepContext) -> float:
    with ctx.transaction() as session:
        recent = bursar.recent_lines(session, ctx.tenant_id, ctx.run.id, ctx.run.pipeline, RUNS_OF_NORM)
    return float(median(recent)) if recent else 0.0


def _gross(counts: Mapping[str, int]) -> int:
    """What all lines move, whichever way."""
    return sum(abs(counts.get(f"{name}_cents", 0)) for name in ("charges", "credits", "reversals"))
