"""What is late, failed or unknown, so that nothing fails silently. Reads only what the scheduler's role may read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from webapp.store.effects import NOTICE

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

NOT_STARTED_AFTER_MIN = 5
NO_SUCCESS_AFTER_MIN = 30

# A later success of the same pipeline sent whatever was still missing.
_NO_LATER_SUCCESS = """
    NOT EXISTS (SELECT FROM run later
        WHERE later.tenant_id = run.tenant_id AND later.pipeline = run.pipeline AND NOT later.dry_run
          AND later.state IN ('succeeded', 'nothing_to_send') AND later.id > run.id)
"""

_OVERDUE = text(f"""
    SELECT 'not_started' AS kind, tenant_id, id AS run_id, pipeline, not_before AS since FROM run
    WHERE state = 'queued' AND not_before < clock_timestamp() - interval '{NOT_STARTED_AFTER_MIN} min'
    UNION ALL
    SELECT 'left_by_worker', tenant_id, id, pipeline, lease_until FROM run
    WHERE state IN ('running', 'delivering')
      AND lease_until < clock_timestamp() - interval '{NOT_STARTED_AFTER_MIN} min'
    UNION ALL
    SELECT 'unknown_effect', effect.tenant_id, effect.run_id, run.pipeline, effect.created_at
    FROM effect JOIN run ON run.tenant_id = effect.tenant_id AND run.id = effect.run_id
    WHERE effect.state = 'unknown' AND (effect.kind <> '{NOTICE}' OR {_NO_LATER_SUCCESS})
    UNION ALL
    SELECT 'failed', tenant_id, id, pipeline, finished_at FROM run
    WHERE state = 'failed' AND NOT dry_run AND created_at > clock_timestamp() - interval '30 days'
      AND {_NO_LATER_SUCCESS}
    UNION ALL
    SELECT 'no_success', s.tenant_id, NULL, s.pipeline, due.at
    FROM schedule s
    CROSS JOIN LATERAL (
        SELECT max(at) AS at FROM (
            (SELECT due_at AS at FROM occurrence o WHERE o.tenant_id = s.tenant_id AND o.schedule_id = s.id
             ORDER BY o.id DESC LIMIT 1)
            UNION ALL SELECT s.next_due_at
        ) times WHERE at < clock_timestamp() - interval '{NO_SUCCESS_AFTER_MIN} min'
    ) due
    WHERE s.is_enabled AND due.at IS NOT NULL
      AND NOT EXISTS (SELECT FROM run r
        WHERE r.tenant_id = s.tenant_id AND r.pipeline = s.pipeline AND NOT r.dry_run
          AND r.state IN ('succeeded', 'nothing_to_send') AND r.finished_at >= due.at)
    UNION ALL
    SELECT 'not_taken', delivery.tenant_id, delivery.run_id, run.pipeline, min(delivery.awaited_until)
    FROM delivery JOIN run ON run.tenant_id = delivery.tenant_id AND run.id = delivery.run_id
    WHERE delivery.state = 'delivered' AND delivery.acknowledged_at IS NULL
      AND delivery.awaited_until < clock_timestamp()
      AND delivery.delivered_at > clock_timestamp() - interval '30 days'
    GROUP BY 1, 2, 3, 4
    ORDER BY since
""")


@dataclass(frozen=True, slots=True)
class Overdue:
    """Something that needs a look.

    ``kind``: ``not_started`` (due for more than 5 minutes), ``left_by_worker``, ``unknown_effect`` (of files: until
    it is settled), ``not_taken`` (nobody took a delivered file in time), ``failed`` and a mail's ``unknown_effect`` (until a later run of the pipeline succeeds), ``no_success`` (a schedule's time passed 30 minutes ago without one).
    """

    kind: str
    tenant_id: int
    run_id: int | None
    pipeline: str
    since: datetime

    @property
    def words(self) -> str:
        """The same as a sentence."""
        return _WORDS[self.kind].format(run=self.run_id)


_WORDS = {
    "not_started": "Run {run} is due and has not started; no worker may be running, or another run is in its way.",
    "left_by_worker": "Run {run} was left by its worker and not taken over yet.",
    "unknown_effect": "Run {run} sent something and could not find out whether it arrived; ask the receiver and settle it on the run's page.",
    "failed": "Run {run} failed and no run since then has succeeded.",
    "not_taken": "A file of run {run} lies on the delivery server and was not taken in time; ask the PeopleSoft team whether their job ran.",
    "no_success": "The scheduled run has not succeeded, though its time is more than 30 minutes ago.",
}


def list_overdue(session: Session) -> list[Overdue]:
    """What is overdue, oldest first: of the session's campus, or of every campus in the scheduler's session."""
    return [
        Overdue(row.kind, row.tenant_id, row.run_id, row.pipeline, row.since)
        for row in session.execute(_OVERDUE)
    ]
