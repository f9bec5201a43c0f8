"""What a pipeline is made of, and what a step may use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from webapp.adapters.files import FileStore
from webapp.adapters.vault import Vault
from webapp.config import Settings
from webapp.models import Run, Tenant
from webapp.models.scope import ScopedSession, tenant_scope
from webapp.store import leases, runs
from worker.interrupts import CancelledError, Interrupts, LeaseLostError

PROGRESS_EVERY_S = 0.5
STEP_TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Continue:
    """The step is done; ``result`` is kept for later steps and for a resumed run."""

    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskApproval:
    """The step is done; a person must agree, for these reasons (sentences), before the next one."""

    reasons: list[str]
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finish:
    """The run ends here: ``succeeded`` or ``nothing_to_send``."""

    state: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """The step is not done: the run goes back to the queue until then, and the same step is asked again.

    ``note`` says in a sentence what is waited for; it is the run's story meanwhile.
    """

    until: datetime
    note: str


StepOutcome = Continue | AskApproval | Finish | Wait


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a pipeline. ``action`` may be called again after a crash and must then come to the same result.

    ``delivers``: from this step on the run is in state *delivering* and cannot be cancelled; a dry run skips it.
    """

    name: str
    title: str
    action: Callable[[StepContext], StepOutcome]
    delivers: bool = False
    timeout_s: float = STEP_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed, as stored in ``run.error``. ``kind``: permanent, retryable, unknown, internal and so on."""

    kind: str
    message: str
    step: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    error_id: str = ""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A named list of steps. ``on_failure`` is told, once, why a run is about to fail (to send a mail, say)."""

    name: str
    title: str
    steps: tuple[Step, ...]
    on_failure: Callable[[StepContext, RunError], None] | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """The run as it was when this worker claimed it."""

    id: int
    pipeline: str
    trigger: str
    queue: str
    dry_run: bool
    options: Mapping[str, Any]
    scheduled_at: datetime
    window_from_at: datetime | None
    requested_by: int | None
    parent_run_id: int | None
    attempt: int
    started_at: datetime

    @classmethod
    def of(cls, run: Run) -> RunView:
        """The view of a claimed run's row."""
        if run.started_at is None:
            raise ValueError(f"run {run.id} was not claimed")
        return cls(
            id=run.id,
            pipeline=run.pipeline,
            trigger=run.trigger,
            queue=run.queue,
            dry_run=run.dry_run,
            options=run.options,
            scheduled_at=run.scheduled_at,
            window_from_at=run.window_from_at,
            requested_by=run.requested_by,
            parent_run_id=run.parent_run_id,
            attempt=run.attempt,
            started_at=run.started_at,
        )


@dataclass(frozen=True, slots=True)
class TenantView:
    """The campus a run works for."""

    id: int
    slug: str
    name: str
    time_zone: str
    alma_institution: str

    @classmethod
    def of(cls, tenant: Tenant) -> TenantView:
        """The view of a campus's row."""
        return cls(tenant.id, tenant.slug, tenant.name, tenant.time_zone, tenant.alma_institution)


class StepContext:
    """What a step may use: its campus, its run, earlier results, and fenced ways to write.

    ``now`` is the database's clock when the run first started, the same again in a resumed run.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        tenant: TenantView,
        run: RunView,
        lease_token: int,
        results: dict[str, dict[str, Any]],
        interrupts: Interrupts,
    ) -> None:
        self.settings = settings
        self.tenant = tenant
        self.tenant_id = tenant.id
        self.run = run
        self.now = run.started_at
        self.actor = interrupts.holder
        self.lease_token = lease_token
        self.is_delivering = False
        self._results = results
        self._interrupts = interrupts
        self._progress_written_at = 0.0

    @cached_property
    def files(self) -> FileStore:
        """The file store."""
        return FileStore(self.settings.files_url)

    @cached_property
    def vault(self) -> Vault:
        """What seals and opens the campus's secrets."""
        return Vault(self.settings.vault_keys, self.settings.vault_active_key)

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """What each finished step left, by name."""
        return self._results

    def remember(self, step_name: str, result: dict[str, Any]) -> None:
        """Keep a finished step's result for the steps after it."""
        self._results[step_name] = result

    def result(self, step_name: str) -> dict[str, Any]:
        """What an earlier, finished step left. Raises: KeyError when there is no such step."""
        return self._results[step_name]

    @contextmanager
    def transaction(self) -> Iterator[ScopedSession]:
        """A session on the campus's rows; commits at the end, but only while the lease is still ours.

        Do not keep it open over calls to the outside world: PostgreSQL ends it when it is left idle for half a lease.
        Raises: LeaseLostError; nothing was written then.
        """
        with tenant_scope(self.tenant_id) as session:
            leases.mark_transaction(
                session, self.run.id, self.lease_token, silence_limit_s=self.settings.lease_s / 2
            )
            yield session
            session.flush()
            if not leases.fence_holds(session, self.run.id, self.lease_token):
                session.rollback()
                raise LeaseLostError(f"run {self.run.id} was taken over by another worker")
            session.commit()

    def stop_if_asked(self) -> None:
        """Leave the step here if this worker must stop or its lease ran out. Raises: InterruptedStepError."""
        self._interrupts.raise_if_asked_to_stop()

    def check_fence(self) -> None:
        """Call right before an effect on the outside world. Raises: LeaseLostError, or what else asks us to stop."""
        self.stop_if_asked()
        with self.transaction():
            pass

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Say how far the step is; ``note`` says in words what it is busy with. Cheap: written twice a second.

        Raises (not ``Exception``, so that a step cannot swallow it): when this worker must stop, has lost its lease,
        or a person cancelled the run.
        """
        self.stop_if_asked()
        now_s = time.monotonic()
        if now_s - self._progress_written_at < PROGRESS_EVERY_S and done != total:
            return
        self._progress_written_at = now_s
        with tenant_scope(self.tenant_id) as session:
            cancel_requested = runs.write_progress(
                session, self.run.id, self.lease_token, done=done, total=total, note=note or None
            )
            session.commit()
        if cancel_requested is None:
            raise LeaseLostError(f"run {self.run.id} was taken over by another worker")
        if cancel_requested and not self.is_delivering:
            raise CancelledError(f"run {self.run.id} was cancelled by a person")

    def note(self, text: str) -> None:
        """Write down something that people should see in the run's history."""
        with self.transaction() as session:
            runs.add_event(session, self.run.id, actor=self.actor, note=text)

    def counts(self, counts: Mapping[str, Any]) -> None:
        """Add to, or overwrite, the run's named counts and cents. Numbers only: consortium admins see them."""
        with self.transaction() as session:
            runs.merge_counts(session, self.run.id, counts)

    def story(self, text: str) -> None:
        """Tell the run in one plain sentence."""
        with self.transaction() as session:
            runs.write_story(session, self.run.id, text)
