"""Stop and ask a person when a file brings far more money than usual, or when two must agree."""

from __future__ import annotations

from statistics import median

from webapp.domain.money import format_cents
from webapp.services.decide_approval import FOUR_EYES
from webapp.store import payments
from worker.pipelines.shared.delivery import current_settings
from worker.pipelines.shared.mail import day_of, is_mail_wanted, run_link, send_notice
from worker.steps import AskApproval, Continue, StepContext

FILES_OF_NORM = 8
# Below this no file is a flood, whatever the norm.
LEAST_FLOOD_CENTS = 1_000_00


def check(ctx: StepContext) -> AskApproval | Continue:
    """Continue, or the sentences that a person must agree to. A rehearsal books nothing and asks nobody."""
    came, section = ctx.result("read"), ctx.result("read")["settings"]["payments"]
    # Money that is new and money that is taken back do not make each other usual.
    back_cents = came.get("taken_back_cents", 0)
    cents = came["new_cents"] + back_cents
    with ctx.transaction() as session:
        recent = payments.recent_cents(session, ctx.run.id, FILES_OF_NORM)
    norm, factor = int(median(recent)) if recent else 0, section["stop_factor"]
    reasons = [
        f"{format_cents(much)} are {word}, more than {factor} times the {format_cents(norm)} of a usual file."
        for much, word in ((cents, "new"), (back_cents, "taken back"))
        if factor and norm and much > factor * norm and much > LEAST_FLOOD_CENTS
    ]
    two_must_agree = cents > section["four_eyes_cents"] > 0
    if two_must_agree:
        reasons.append(
            f"{format_cents(cents)} are above {format_cents(section['four_eyes_cents'])}: somebody else than who brought "
            "the file must agree."
        )
    result = {"stops": reasons, FOUR_EYES: two_must_agree}
    if not reasons or ctx.run.dry_run:
        return Continue(result)
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = f"{ctx.tenant.name}, {day_of(ctx)}: a file of payments waits for a person.\n\n"
        text += "".join(f"- {reason}\n" for reason in reasons)
        text += f"\nNothing was booked yet. Look at the run and approve or reject it:\n{run_link(ctx)}"
        send_notice(ctx, campus, "approval", f"Payments: approval needed – {ctx.tenant.name}", text)
    return AskApproval(reasons, result)
