"""Tell what does not agree, what is new of it, and what could not be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webapp.adapters.errors import PermanentError
from webapp.domain.money import format_cents
from webapp.domain.reconcile import KIND_WORDS
from worker.pipelines.recon.collect import NO_KEY, UNREAD
from worker.pipelines.shared.delivery import current_settings
from worker.pipelines.shared.mail import day_of, is_mail_wanted, run_link, send_notice
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.steps import RunError


def report(ctx: StepContext) -> Continue:
    """The run's counts, its story, and a mail where somebody has something new to do.

    Raises: PermanentError when a book could not be read: what the others say is written down all the same.
    """
    collected, holds, compared = ctx.result("collect"), ctx.result("hold_list"), ctx.result("compare")
    ctx.counts(_counts(compared, holds))
    story = story_of(collected, holds, compared)
    ctx.story(story)
    if collected["alma"] == UNREAD or holds["why"]:
        why = collected["why"] if collected["alma"] == UNREAD else holds["why"]
        raise PermanentError(
            f"{'Alma' if collected['alma'] == UNREAD else 'The list of holds'} could not be read, so no difference was "
            f"closed. {why} {story}"
        )
    opened = compared["taken"].get("opened", 0) + holds["taken"].get("opened", 0)
    if opened and not ctx.run.dry_run:
        _tell_people(ctx, story, opened)
    return Continue({"story": story})


def story_of(collected: Mapping[str, Any], holds: Mapping[str, Any], compared: Mapping[str, Any]) -> str:
    """What is open by kind, what is new and what has gone, in a few sentences."""
    is_open: dict[str, list[int]] = compared["open"]
    parts = [
        f"{count:,} {KIND_WORDS[kind].lower()} ({format_cents(cents)})"
        if cents
        else f"{count:,} {KIND_WORDS[kind].lower()}"
        for kind, (count, cents) in is_open.items()
    ]
    if not parts and compared["found"]:
        parts = [f"{count:,} {KIND_WORDS[kind].lower()}" for kind, count in compared["found"].items()]
    sentences = [f"Open differences: {'; '.join(parts)}." if parts else "The books agree."]
    opened, cleared = (
        compared["taken"].get(name, 0) + holds["taken"].get(name, 0) for name in ("opened", "cleared")
    )
    if opened or cleared:
        sentences.append(f"{opened:,} new, {cleared:,} cleared by themselves.")
    if collected["alma"] == NO_KEY:
        sentences.append("Alma was not compared: the campus has no API key.")
    if left := collected.get("fees_left", 0):
        sentences.append(
            f"Of {left:,} more fees Alma was not asked; the setting “Fees asked for again at most” says so."
        )
    if holds["name"]:
        sentences.append(f"{holds['name']}: {holds['listed']:,} holds of ours listed.")
    return " ".join(sentences)


def tell_failure(ctx: StepContext, error: RunError) -> None:
    """A mail that the books could not all be compared, and why."""
    campus = current_settings(ctx)
    if is_mail_wanted(campus) and campus["notification"]["mail_on_failure"]:
        text = (
            f"{ctx.tenant.name}, {day_of(ctx)}: the books could not all be compared.\n\n{error.message}\n\n"
            f"Nothing was posted or changed in Alma or PeopleSoft.\n{run_link(ctx)}"
        )
        send_notice(ctx, campus, "failure", f"Reconciliation: failed – {ctx.tenant.name}", text)


def _tell_people(ctx: StepContext, story: str, opened: int) -> None:
    campus = current_settings(ctx)
    if is_mail_wanted(campus):
        text = f"{ctx.tenant.name}, {day_of(ctx)}: the books were compared.\n\n{story}\n\n{run_link(ctx)}"
        noun = "difference" if opened == 1 else "differences"
        send_notice(
            ctx, campus, "differences", f"Reconciliation: {opened:,} new {noun} – {ctx.tenant.name}", text
        )


def _counts(compared: Mapping[str, Any], holds: Mapping[str, Any]) -> dict[str, int]:
    counts = {f"open_{kind}": count for kind, (count, _) in compared["open"].items()}
    for name in ("opened", "cleared"):
        counts[name] = compared["taken"].get(name, 0) + holds["taken"].get(name, 0)
    counts["open"] = sum(count for count, _ in compared["open"].values())
    return counts
