"""Do one thing to the outside world, at most once: written down before, settled after, looked for when in doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from webapp.adapters.errors import OutsideError, PermanentError, RetryableError, UnknownOutcomeError
from webapp.models.scope import ScopedSession
from webapp.services.settle_by_looking import Look
from webapp.store import effects as store
from worker.steps import StepContext

SETTLED_BY_LOOKING = {"settled_by": "looking at the other side"}


def perform_effect(
    ctx: StepContext,
    *,
    key: str,
    kind: str,
    detail: Mapping[str, Any],
    send: Callable[[Callable[[], None]], dict[str, Any]],
    look: Callable[[], Look],
    on_confirm: Callable[[ScopedSession, dict[str, Any]], None],
) -> dict[str, Any]:
    """Carry out the effect named ``key`` (unique for the campus) unless it is confirmed; returns its evidence.

    ``send`` must call the function it is given right before the act that cannot be taken back: that checks the fence
    and writes down that the effect may have happened from then on. ``look`` reads the other side and never sends.
    ``detail`` is kept as it was when the effect may have happened, so that ``look`` can look there.
    ``on_confirm`` runs in the transaction that confirms the effect. Evidence must be JSON.

    Raises: what ``send`` or ``look`` raised; UnknownOutcomeError when looking cannot tell (the effect is then
    *unknown* and is not sent again by itself); LeaseLostError.
    """
    with ctx.transaction() as session:
        effect = store.intend(session, ctx.run.id, key=key, kind=kind, detail=detail)
        effect_id, state, evidence = effect.id, effect.state, effect.evidence
    if state == "confirmed":
        return evidence
    attempt = _Attempt(ctx, effect_id, key, look, on_confirm)
    if state in {"sent", "unknown"}:
        if attempt.has_happened(None):
            return attempt.confirm(SETTLED_BY_LOOKING)
        with ctx.transaction() as session:
            store.intend(session, ctx.run.id, key=key, kind=kind, detail=detail)
    return attempt.send(send)


class _Attempt:
    """One try at an effect."""

    def __init__(
        self,
        ctx: StepContext,
        effect_id: int,
        key: str,
        look: Callable[[], Look],
        on_confirm: Callable[[ScopedSession, dict[str, Any]], None],
    ) -> None:
        self._ctx = ctx
        self._effect_id = effect_id
        self._key = key
        self._look = look
        self._on_confirm = on_confirm
        self._is_sent = False

    def send(self, send: Callable[[Callable[[], None]], dict[str, Any]]) -> dict[str, Any]:
        """Send it and settle what came of it."""
        try:
            evidence = send(self._before_effect)
        except RetryableError as err:
            self._settle("intended", err)
            raise
        except PermanentError as err:
            self._settle("failed", err)
            raise
        except UnknownOutcomeError as err:
            if self.has_happened(err):
                return self.confirm({**err.evidence, **SETTLED_BY_LOOKING})
            raise RetryableError(
                f"{err.message} A look at the other side showed that it did not happen.",
                evidence=err.evidence,
            ) from err
        if not self._is_sent:
            raise RuntimeError(f"the sender of {self._key} did not say when its effect began")
        return self.confirm(evidence)

    def confirm(self, evidence: dict[str, Any]) -> dict[str, Any]:
        """It happened: say so in the same transaction as all that follows from it."""
        with self._ctx.transaction() as session:
            self._on_confirm(session, evidence)
            store.settle(session, self._effect_id, "confirmed", evidence)
        return evidence

    def has_happened(self, doubt: UnknownOutcomeError | None) -> bool:
        """Settle the doubt by looking. Raises: UnknownOutcomeError when that cannot tell; RetryableError."""
        seen = self._look()
        if seen == "happened":
            return True
        if seen == "did_not_happen":
            self._settle("intended", doubt)
            return False
        self._settle("unknown", doubt)
        raise UnknownOutcomeError(
            doubt.message
            if doubt
            else f"Whether “{self._key}” reached the other side could not be found out. It was not sent again; "
            "ask the receiver, and run again if it did not arrive.",
            evidence=doubt.evidence if doubt else None,
        ) from doubt

    def _before_effect(self) -> None:
        self._ctx.stop_if_asked()
        with self._ctx.transaction() as session:
            store.mark_sent(session, self._effect_id)
        self._is_sent = True

    def _settle(self, state: str, err: OutsideError | None) -> None:
        with self._ctx.transaction() as session:
            store.settle(session, self._effect_id, state, err.evidence if err else None)
