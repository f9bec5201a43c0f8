"""Before anything is compared, find out what became of earlier files whose delivery is unknown. Nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import OutsideError
from webapp.services.audit import SYSTEM
from webapp.services.settle_by_looking import Look, look_for_file
from webapp.services.settle_effect import settle_doubt
from webapp.store import effects

if TYPE_CHECKING:
    from collections.abc import Callable

    from webapp.adapters.sftp import SftpTarget
    from webapp.store.effects import Doubt
    from worker.steps import StepContext


def settle_doubts(
    ctx: StepContext, doubts: list[Doubt], target: SftpTarget | None, sentence: Callable[[Doubt], str]
) -> int:
    """Look at the server for each of them; returns how many stay unknown, each noted on the run with ``sentence``.

    ``target`` is where the campus's files go now; None when they do not go by SFTP.
    """
    return [_settled(ctx, target, doubt, sentence) for doubt in doubts].count(False)


def clause_about(doubt: Doubt) -> str:
    """A delivery that is still unknown, as a clause of the story of a run that sends nothing, and so asks nobody."""
    return (
        f"whether {doubt.names} of run {doubt.effect.run_id} reached PeopleSoft is still not known: ask there, and settle "
        "it on that run's page"
    )


def _settled(
    ctx: StepContext, target: SftpTarget | None, doubt: Doubt, sentence: Callable[[Doubt], str]
) -> bool:
    seen = _look(ctx, target, doubt)
    if seen == "cannot_tell":
        ctx.note(sentence(doubt))
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
