"""The general ledger journal: payments by day and chartfields as a balanced file for PeopleSoft Financials."""

from worker.pipelines.journal.build import build
from worker.pipelines.journal.deliver import deliver
from worker.pipelines.journal.gather import gather
from worker.pipelines.journal.mail import tell_failure
from worker.pipelines.journal.report import report
from worker.pipelines.journal.settle import settle
from worker.steps import Pipeline, Step

GL_JOURNAL = Pipeline(
    name="gl_journal",
    title="GL journal",
    steps=(
        Step("settle", "Look for files that may have arrived", settle),
        Step("gather", "Take the payments that are in no journal", gather),
        Step("build", "Build the journal", build),
        Step("deliver", "Deliver the files", deliver, delivers=True),
        Step("report", "Tell people", report, delivers=True),
    ),
    on_failure=tell_failure,
)
