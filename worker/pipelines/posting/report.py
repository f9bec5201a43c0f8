"""Tell what was posted and what waits for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.domain.money import format_cents
from webapp.services.audit import SYSTEM
from webapp.services.release_paid import release_paid
from webapp.store import posting
from worker.pipelines.posting.follow_up import ask_follow_up
from worker.pipelines.posting.import_file import take_back_undelivered
from worker.pipelines.shared.delivery import current_settings
from worker.pipelines.shared.mail import day_of, is_mail_wanted, run_link, send_notice
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.store.posting import Tally
    from worker.steps import RunError

BECAUSE = {
    "closed": "the fee was closed meanwhile",
    "disputed": "the fee is in dispute",
    "exported": "Alma has handed the fee to the bursar",
    "shrunk": "less was owed than was paid",
    "rejected": "Alma refused to post",
    "other_patron": "the fee is another patron's",
    "unmatched": "Alma has no such fee",
}
_REASONS_TOLD = 3


def report(ctx: StepContext) -> Continue:
    """The run's counts and its story; whoever has paid everything is let go at once where the campus wants that."""
    with ctx.transaction() as session:
        tallies = posting.tallies_of_run(session, ctx.run.id)
    counts = counts_of(tallies)
    ctx.counts(counts)
    story = story_of(tallies)
    ctx.story(story)
    released_by = release_paid(ctx.tenant_id, ctx.run.id, actor=SYSTEM) if counts.get("posted") else None
    follow_up = ask_follow_up(ctx, current_settings(ctx), tallies)
    return Continue({"story": story, "release_run_id": released_by, "follow_up_run_id": follow_up})


def counts_of(tallies: Mapping[tuple[str, str], Tally]) -> dict[str, int]:
    """Lines and cents by what came of them, and lines put aside by rule."""
    counts: dict[str, int] = {}
    for (state, rule), tally in tallies.items():
        for name in (state, f"{state}_{rule}" if rule else ""):
            if name:
                counts[name] = counts.get(name, 0) + tally.count
                counts[f"{name}_cents"] = counts.get(f"{name}_cents", 0) + tally.cents
    return counts


def story_of(tallies: Mapping[tuple[str, str], Tally]) -> str:
    """One sentence: what reached Alma, what waits for a person and why, what is still open."""
    counts = counts_of(tallies)
    clauses = [_posted(counts)]
    if on_the_way := counts.get("sending", 0):
        clauses.append(f"{on_the_way:,} given to Alma in a file, not shown there yet")
    if aside := counts.get("unapplied", 0):
        rules = sorted(
            ((tally.count, rule) for (state, rule), tally in tallies.items() if state == "unapplied"),
            reverse=True,
        )
        reasons = "; ".join(BECAUSE.get(rule, rule) for _, rule in rules[:_REASONS_TOLD])
        clauses.append(f"{aside:,} {_wait(aside)} for a person because {reasons}")
    if unknown := counts.get("unknown", 0):
        clauses.append(f"of {unknown:,} it is not known whether Alma has {'it' if unknown == 1 else 'them'}")
    if waiting := counts.get("waiting", 0):
        clauses.append(f"{waiting:,} {_wait(waiting)} for the next run")
    return f"{'; '.join(clauses)}."


def tell_failure(ctx: StepContext, error: RunError) -> None:
    """A mail that the run failed, and why; what was posted stays posted."""
    take_back_undelivered(ctx)
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = (
            f"{ctx.tenant.name}, {day_of(ctx)}: payments could not all be posted to Alma.\n\n{error.message}\n\n"
            f"What was posted stays posted, and nothing was sent twice.\n{run_link(ctx)}"
        )
        send_notice(ctx, campus, "failure", f"Payments to Alma: failed – {ctx.tenant.name}", text)


def _posted(counts: Mapping[str, int]) -> str:
    posted = counts.get("posted", 0)
    if not posted:
        return "Nothing was posted to Alma"
    word = "payment" if posted == 1 else "payments"
    return f"{posted:,} {word}, {format_cents(counts['posted_cents'])} posted to Alma"


def _wait(count: int) -> str:
    return "waits" if count == 1 else "wait"
