"""The balance export: fees stay open in Alma, and PeopleSoft or a payment page is told every change of what is owed."""

from worker.pipelines.bursar.balance import collect
from worker.pipelines.bursar.build import build
from worker.pipelines.bursar.check import check
from worker.pipelines.bursar.decide import decide
from worker.pipelines.bursar.deliver import deliver
from worker.pipelines.bursar.mail import tell_failure
from worker.pipelines.bursar.report import report
from worker.pipelines.bursar.settle import settle
from worker.pipelines.bursar.wait import wait
from worker.steps import Pipeline, Step

BALANCE_EXPORT = Pipeline(
    name="balance_export",
    title="Balance export",
    steps=(
        Step("settle", "Look for files that may have arrived", settle),
        Step("collect", "Read balances and compare with what was told", collect),
        Step("decide", "Find the charge behind each reversal", decide),
        Step("wait", "Wait for the cut-off", wait),
        Step("build", "Build the files and the ledger's lines", build),
        Step("check", "Look for anything unusual", check),
        Step("deliver", "Deliver the files", deliver, delivers=True),
        Step("report", "Tell people", report, delivers=True),
    ),
    on_failure=tell_failure,
)
