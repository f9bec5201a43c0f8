"""One worker's try at one claimed run: resume at the first unfinished step, go on to its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from webapp.config import Settings
from webapp.models import RunStep
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.store import effects as effect_store
from webapp.store import leases, runs
from webapp.store.leases import Claim
from worker import failures
from worker.failures import TryAgain
from worker.frozen import check_frozen, frozen_inputs
from worker.interrupts import (
    CancelledError,
    InterruptedStepError,
    Interrupts,
    LeaseLostError,
    StopWorkerError,
)
from worker.pipelines import PIPELINES
from worker.steps import (
    AskApproval,
    Continue,
    Finish,
    Pipeline,
    RunError,
    RunView,
    Step,
    StepContext,
    StepOutcome,
    TenantView,
    Wait,
)

log = logging.getLogger(__name__)

HAND_BACK_AGAIN_S = 1.0
# Should this machine's clock be ahead of the database's, a step that waits is not asked in a tight loop.
SHORTEST_WAIT_S = 1.0
FINISHED_STEPS = frozenset({"done", "skipped"})


class Attempt:
    """Carries out a claimed run until it ends, waits for a person, or goes back into the queue."""

    def __init__(self, settings: Settings, claim: Claim, interrupts: Interrupts) -> None:
        self._settings = settings
        self.claim = claim
        self.interrupts = interrupts
        self._actor = interrupts.holder
        self._title = ""

    def carry_out(self) -> None:
        """Do it, and leave the run in a state that says where it stands. Raises: LeaseLostError."""
        try:
            state = self._carry_out()
        except StopWorkerError:
            self._hand_back(0.0, "Given back by a worker that was told to stop; it goes on at the same step.")
            state = "queued"
        except Exception as err:  # noqa: BLE001 - what goes wrong between steps must show on the run as well
            state = self._leave_after(err)
        log.info("run_left tenant=%s run=%s state=%s", self.claim.tenant_id, self.claim.run_id, state)

    def _carry_out(self) -> str:
        ctx, rows = self._open()
        ids = (ctx.tenant_id, ctx.run.id, ctx.run.pipeline, ctx.run.attempt)
        log.info("run_taken tenant=%s run=%s pipeline=%s attempt=%s", *ids)
        pipeline = PIPELINES.get(ctx.run.pipeline)
        if pipeline is None:
            message = f"This version of Feebridge has no pipeline “{ctx.run.pipeline}”. Nothing was done."
            return self._fail(RunError("permanent", message))
        self._title = pipeline.title
        finished = {row.n for row in rows if row.state in FINISHED_STEPS}
        for n in range(len(pipeline.steps)):
            if n not in finished and (state := _StepTry(self, ctx, pipeline, n).carry_out()):
                return state
        return self.move("succeeded")

    def _open(self) -> tuple[StepContext, list[RunStep]]:
        claim = self.claim
        with tenant_scope(claim.tenant_id) as session:
            if claim.is_takeover:
                leases.end_older_transactions(session, claim.run_id, claim.lease_token)
                session.rollback()
            run = runs.run_by_id(session, claim.run_id)
            if run is None:
                raise LeaseLostError(f"run {claim.run_id} is gone")
            rows = runs.steps_of(session, run.id)
            ctx = StepContext(
                settings=self._settings,
                tenant=TenantView.of(runs.tenant_of_scope(session)),
                run=RunView.of(run),
                lease_token=claim.lease_token,
                results={row.name: row.result for row in rows if row.state in FINISHED_STEPS},
                interrupts=self.interrupts,
            )
            ctx.is_delivering = run.state == "delivering"
            return ctx, rows

    def _leave_after(self, err: Exception) -> str:
        if failures.is_database_outage(err):
            log.warning("database_away run=%s type=%s", self.claim.run_id, type(err).__name__)
            self._hand_back(failures.DATABASE_WAIT_S, "The database was away; the run goes on by itself.")
            return "queued"
        return self._fail(failures.internal_error(err))

    def _fail(self, error: RunError) -> str:
        return self.move("failed", story=error.message, error=asdict(error))

    def move(
        self,
        state: str,
        *,
        story: str | None = None,
        error: Mapping[str, Any] | None = None,
        delay_s: float = 0.0,
        first: Callable[[ScopedSession], object] | None = None,
    ) -> str:
        """Leave the run in ``state``; ``first`` writes in the same transaction. Raises: LeaseLostError."""
        with tenant_scope(self.claim.tenant_id) as session:
            if first is not None:
                first(session)
            if state == "failed":
                effect_store.doubt_sent(session, self.claim.run_id)
            moved = runs.move_run(
                session,
                self.claim.run_id,
                state,
                actor=self._actor,
                note=story or "",
                fence=self.claim.lease_token,
                story=story,
                error=error,
                delay_s=delay_s,
                default_story=self._default_story(state),
            )
            if moved is None:
                raise LeaseLostError(f"run {self.claim.run_id} was taken over before it could become {state}")
            session.commit()
        return state

    def _default_story(self, state: str) -> str:
        came_of_it = "nothing had to be sent" if state == "nothing_to_send" else "done"
        return f"{self._title}: {came_of_it}."

    def try_again(self, verdict: TryAgain) -> str:
        """Back into the queue, backed off, and said so."""
        wait = f"{verdict.delay_s:.0f} s" if verdict.delay_s < 120 else f"{verdict.delay_s / 60:.0f} minutes"
        note = f"{verdict.error.message} Tried again by itself in {wait}."
        self._hand_back(verdict.delay_s, note, story=note)
        return "queued"

    def wait(self, outcome: Wait, first: Callable[[ScopedSession], object]) -> str:
        """Back into the queue until the step's time has come; ``first`` writes in the same transaction."""
        delay_s = max((outcome.until - datetime.now(UTC)).total_seconds(), SHORTEST_WAIT_S)
        return self.move("queued", story=outcome.note, delay_s=delay_s, first=first)

    def _hand_back(self, delay_s: float, note: str, *, story: str | None = None) -> None:
        """Give the lease back, for as long as it is ours to give: the database may be restarting."""
        until = time.monotonic() + self._settings.lease_s / 2
        while True:
            try:
                with tenant_scope(self.claim.tenant_id) as session:
                    fence = self.claim.lease_token
                    runs.move_run(
                        session,
                        self.claim.run_id,
                        "queued",
                        actor=self._actor,
                        note=note,
                        fence=fence,
                        delay_s=delay_s,
                        story=story,
                    )
                    session.commit()
            except SQLAlchemyError as err:
                log.warning("run_not_given_back run=%s type=%s", self.claim.run_id, type(err).__name__)
                if time.monotonic() > until:
                    return
                time.sleep(HAND_BACK_AGAIN_S)
            else:
                return


class _StepTry:
    """One try at one step. ``carry_out`` returns the run's new state, or None to go on with the next step."""

    def __init__(self, attempt: Attempt, ctx: StepContext, pipeline: Pipeline, n: int) -> None:
        self._attempt = attempt
        self._ctx = ctx
        self._pipeline = pipeline
        self._n = n
        self._step: Step = pipeline.steps[n]

    def carry_out(self) -> str | None:
        attempt, ctx, step = self._attempt, self._ctx, self._step
        if attempt.interrupts.stop_requested.is_set():
            raise StopWorkerError("the worker was told to stop")
        if ctx.run.dry_run and step.delivers:
            self._skip()
            return None
        begun = self._begin()
        if begun is None:
            return self._cancel()
        try:
            if attempt.claim.is_takeover and begun.takeovers >= failures.TAKEOVERS:
                return self._fail(failures.taken_over_too_often(step))
            with attempt.interrupts.step(step.timeout_s):
                outcome = step.action(ctx)
            return self._conclude(outcome)
        except LeaseLostError:
            raise
        except StopWorkerError:
            self._uncount()
            raise
        except CancelledError:
            return self._cancel()
        except (Exception, InterruptedStepError) as err:  # noqa: BLE001 - every failure becomes words on the run
            verdict = failures.judge(err, step, begun.attempt)
            return attempt.try_again(verdict) if isinstance(verdict, TryAgain) else self._fail(verdict)

    def _begin(self) -> RunStep | None:
        """Start the step; returns its row, or None when a person cancelled the run."""
        ctx, step = self._ctx, self._step
        with ctx.transaction() as session:
            run = runs.run_by_id(session, ctx.run.id)
            if run is not None and run.cancel_requested and not ctx.is_delivering:
                return None
            if step.delivers and not ctx.is_delivering:
                runs.move_run(session, ctx.run.id, "delivering", actor=ctx.actor, fence=ctx.lease_token)
            frozen = frozen_inputs(ctx, self._n)
            is_takeover = self._attempt.claim.is_takeover
            row = runs.start_step(session, ctx.run.id, self._n, step.name, frozen, is_takeover=is_takeover)
            check_frozen(row, frozen)
        ctx.is_delivering = ctx.is_delivering or step.delivers
        return row

    def _conclude(self, outcome: StepOutcome) -> str | None:
        ctx = self._ctx
        if isinstance(outcome, Wait):
            return self._attempt.wait(outcome, self._take_back)
        if isinstance(outcome, Finish):
            return self._attempt.move(outcome.state, first=lambda session: self._close(session, outcome))
        if isinstance(outcome, AskApproval) and not ctx.run.dry_run:
            story = "Waits for a person. " + " ".join(outcome.reasons)
            return self._attempt.move(
                "awaiting_approval", story=story, first=lambda session: self._ask(session, outcome)
            )
        with ctx.transaction() as session:
            stored = self._close(session, outcome)
        ctx.remember(self._step.name, stored)
        return None

    def _ask(self, session: ScopedSession, outcome: AskApproval) -> None:
        self._close(session, outcome)
        runs.add_approval(session, self._ctx.run.id, outcome.reasons)

    def _take_back(self, session: ScopedSession) -> None:
        """Asking whether its time has come was no try at the step."""
        runs.uncount_step(session, self._ctx.run.id, self._n)

    def _close(self, session: ScopedSession, outcome: Continue | AskApproval | Finish) -> dict[str, Any]:
        stored = runs.end_step(session, self._ctx.run.id, self._n, "done", outcome.result)
        if isinstance(outcome, AskApproval) and self._ctx.run.dry_run:
            for reason in outcome.reasons:
                note = f"A real run would ask a person first: {reason}"
                runs.add_event(session, self._ctx.run.id, actor=self._ctx.actor, note=note)
        return stored

    def _skip(self) -> None:
        ctx = self._ctx
        with ctx.transaction() as session:
            runs.start_step(session, ctx.run.id, self._n, self._step.name, frozen_inputs(ctx, self._n))
            runs.end_step(session, ctx.run.id, self._n, "skipped")

    def _cancel(self) -> str:
        return self._attempt.move("cancelled", story="Cancelled by a person before anything was sent.")

    def _uncount(self) -> None:
        with self._ctx.transaction() as session:
            self._take_back(session)

    def _fail(self, error: RunError) -> str:
        if self._pipeline.on_failure is not None and not self._ctx.run.dry_run:
            self._tell(self._pipeline.on_failure, error)
        return self._attempt.move(
            "failed", story=error.message, error=asdict(error), first=self._close_failed
        )

    def _close_failed(self, session: ScopedSession) -> None:
        runs.end_step(session, self._ctx.run.id, self._n, "failed")

    def _tell(self, on_failure: Callable[[StepContext, RunError], None], error: RunError) -> None:
        ctx = self._ctx
        try:
            with self._attempt.interrupts.step(self._step.timeout_s):
                on_failure(ctx, error)
        except (LeaseLostError, StopWorkerError):
            raise
        except (Exception, InterruptedStepError) as err:  # noqa: BLE001 - the run must end as failed whatever happens
            told = failures.internal_error(err, "on_failure")
            with ctx.transaction() as session:
                words = f"The message about this failure could not be sent (error {told.error_id})."
                runs.add_event(session, ctx.run.id, actor=ctx.actor, note=words)
