"""The bursar conversion: Alma's file of fines and fees becomes the campus's own files for Student Financials."""

from worker.pipelines.bursar.build import build
from worker.pipelines.bursar.check import check
from worker.pipelines.bursar.decide import decide
from worker.pipelines.bursar.deliver import deliver
from worker.pipelines.bursar.mail import tell_failure
from worker.pipelines.bursar.read import read
from worker.pipelines.bursar.receive import receive
from worker.pipelines.bursar.report import report
from worker.pipelines.bursar.settle import settle
from worker.pipelines.bursar.wait import wait
from worker.steps import Pipeline, Step

BURSAR_CONVERSION = Pipeline(
    name="bursar_conversion",
    title="Bursar conversion",
    steps=(
        Step("settle", "Look for files that may have arrived", settle),
        Step("receive", "Take Alma's file", receive),
        Step("read", "Read it and apply the policy", read),
        Step("decide", "Compare with what the bursar was told", decide),
        Step("wait", "Wait for the cut-off", wait),
        Step("build", "Build the files and the ledger's lines", build),
        Step("check", "Look for anything unusual", check),
        Step("deliver", "Deliver the files", deliver, delivers=True),
        Step("report", "Tell people", report, delivers=True),
    ),
    on_failure=tell_failure,
)
