"""Before anything is compared, find out what became of earlier files whose delivery is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import OutsideError
from webapp.services.audit import SYSTEM
from webapp.services.settle_by_looking import Look, look_for_file
from webapp.services.settle_effect import settle_doubt
from webapp.store import effects
from worker.pipelines.holds.deliver import current_drop
from worker.pipelines.holds.frame import current_settings
from worker.steps import Continue, StepContext

if TYPE_CHECKING:
    from webapp.adapters.sftp import SftpTarget
    from webapp.store.effects import Doubt


def settle(ctx: StepContext) -> Continue:
    """Look at the server for each of them, and send nothing. What stays unknown is noted, and asked at the check."""
    with ctx.transaction() as session:
        doubts = effects.doubts(session)
    if ctx.run.dry_run or not doubts:
        return Continue({"in_doubt": len(doubts)})
    campus = current_settings(ctx)
    target = current_drop(ctx, campus) if campus["delivery"]["sftp_enabled"] else None
    seen = [_settled(ctx, target, doubt) for doubt in doubts]
    return Continue({"in_doubt": seen.count(False)})


def words_about(doubts: list[Doubt]) -> list[str]:
    """A sentence about each delivery that is still unknown, for whoever must decide."""
    return [
        f"Whether {doubt.names} of run {doubt.effect.run_id} reached PeopleSoft is not known. Ask there and settle it on "
        "that run's page first: until then its patrons count as they did before it, and a hold that it placed would "
        "not be released."
        for doubt in doubts
    ]


def _settled(ctx: StepContext, target: SftpTarget | None, doubt: Doubt) -> bool:
    seen = _look(ctx, target, doubt)
    if seen == "cannot_tell":
        ctx.note(" ".join(words_about([doubt])))
        return False
    with ctx.transaction() as session:
        # Somebody may have settled it meanwhile.
        still = effects.lock_doubt(session, doubt.effect.run_id, doubt.files[0].id)
        if still is not None:
            how = f"run {ctx.run.id} looked at the server"
            settle_doubt(session, still, arrived=seen == "happened", actor=SYSTEM, how=how)
    return True


def _look(ctx: StepContext, target: SftpTarget | None, doubt: Doubt) -> Look:
    detail = doubt.effect.detail
    if target is None or "target" not in detail:
        return "cannot_tell"
    try:
        seen = look_for_file(target, detail)
    except OutsideError as err:
        ctx.note(f"{doubt.names} of run {doubt.effect.run_id} could not be looked for: {err.message}")
        return "cannot_tell"
    habits = detail["target"]
    # Something of it may lie there under its final name: that is for a person, since this run does not mend it.
    is_visible = not habits["use_temporary_name"] or bool(habits["trigger_suffix"])
    return "cannot_tell" if seen == "did_not_happen" and is_visible else seen
