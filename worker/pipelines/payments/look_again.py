"""Money that came before its charge was known here: find its fee now."""

from __future__ import annotations

from webapp.services.payment_file import match_rules
from webapp.store.desk_match import apply_what_is_known_now
from worker.steps import Continue, StepContext


def look_again(ctx: StepContext) -> Continue:
    """Whatever on the desk names a fee that is known by now waits for posting; done again it finds nothing more."""
    section = ctx.result("read")["settings"]["payments"]
    ctx.progress(0, 1, "Looking for the fees of money that waits")
    with ctx.transaction() as session:
        found = apply_what_is_known_now(session, match_rules(section))
    return Continue({"found": found})
