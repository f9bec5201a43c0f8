"""Tell people what was booked."""

from __future__ import annotations

from worker.pipelines.journal.mail import send_report
from worker.pipelines.journal.story import tell
from worker.pipelines.shared.report import report_run
from worker.steps import Continue, StepContext


def report(ctx: StepContext) -> Continue:
    """The story with where and when, as a mail, unless the mail itself carried the file."""
    waits = "the journal waits in the portal until somebody fetches it"
    return report_run(ctx, tell=tell, send_report=send_report, waits=waits)
