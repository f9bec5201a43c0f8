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
# Longer than any cut-off for which a run may hold up the file after it.
FILE_UNREAD_AFTER_H = 26

# A later success of the same pipeline sent whatever was still missing. A look that found no file makes up only for a look
# that failed, and the run of another file for nothing: as long as a file waits that was there when the run failed, it is
# not made up for.
_NO_LATER_SUCCESS = """
    (NOT EXISTS (SELECT FROM run later
        WHERE later.tenant_id = run.tenant_id AND later.pipeline = run.pipeline AND NOT later.dry_run
          AND later.state IN ('succeeded', 'nothing_to_send') AND later.id > run.id
          AND NOT (later.pipeline = 'bursar_conversion' AND later.state = 'nothing_to_send'
                   AND coalesce((later.counts ->> 'rows_in')::bigint, 0) = 0
                   AND (run.step NOT IN ('settle', 'receive') OR run.trigger = 'webhook')))
     OR run.pipeline = 'bursar_conversion' AND EXISTS (SELECT FROM inbound_file waiting
        WHERE waiting.tenant_id = run.tenant_id AND waiting.kind = 'bursar_xml' AND waiting.state = 'waiting'
          AND waiting.received_at < run.finished_at))
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
    SELECT 'file_unread', tenant_id, NULL,
           CASE kind WHEN 'load_result' THEN 'bursar_acknowledgements' WHEN 'payments' THEN 'payment_import'
               WHEN 'hold_list' THEN 'reconciliation' ELSE 'bursar_conversion' END, min(received_at)
    FROM inbound_file
    WHERE state = 'waiting' AND kind <> 'student_list' AND received_at < clock_timestamp() - interval '{FILE_UNREAD_AFTER_H} h'
    GROUP BY tenant_id, kind
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
      -- Nobody looks for the next file while the last one is under way.
      AND NOT (s.rule ->> 'kind' = 'minutes' AND EXISTS (SELECT FROM run busy
        WHERE busy.tenant_id = s.tenant_id AND busy.pipeline = s.pipeline
          AND busy.state NOT IN ('succeeded', 'nothing_to_send', 'failed', 'cancelled')))
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
    it is settled), ``not_taken`` (nobody took a delivered file in time), ``failed`` and a mail's ``unknown_effect`` (until a
    later run of the pipeline succeeds), ``no_success`` (a schedule's time passed 30 minutes ago without one),
    ``file_unread`` (a file that arrived has waited for longer than a day).
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
    "file_unread": "A file that arrived has waited for more than a day and no run has read it; look under the files that arrived.",
    "not_taken": "A file of run {run} lies on the delivery server and was not taken in time; ask the PeopleSoft team whether their job ran.",
    "no_success": "The scheduled run has not succeeded, though its time is more than 30 minutes ago.",
}


def list_overdue(session: Session) -> list[Overdue]:
    """What is overdue, oldest first: of the session's campus, or of every campus in the scheduler's session."""
    return [
        Overdue(row.kind, row.tenant_id, row.run_id, row.pipeline, row.since)
        for row in session.execute(_OVERDUE)
    ]
