"""Tell people what was done with their holds."""

from __future__ import annotations

from worker.pipelines.holds.mail import send_report
from worker.pipelines.holds.story import tell
from worker.pipelines.shared.report import report_run
from worker.steps import Continue, StepContext


def report(ctx: StepContext) -> Continue:
    """The story with where and when, as a mail, unless the mail itself carried the files."""
    waits = "the files wait in the portal; PeopleSoft is told when somebody fetches them"
    return report_run(ctx, tell=tell, send_report=send_report, waits=waits)
