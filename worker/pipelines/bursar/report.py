"""Tell people what was charged and credited."""

from __future__ import annotations

from worker.pipelines.bursar.mail import send_report
from worker.pipelines.bursar.story import tell
from worker.pipelines.shared.report import report_run
from worker.steps import Continue, StepContext


def report(ctx: StepContext) -> Continue:
    """The story with where and when, as a mail, unless the mail itself carried the files."""
    waits = "the files wait in the portal until somebody fetches them"
    return report_run(ctx, tell=tell, send_report=send_report, waits=waits)
