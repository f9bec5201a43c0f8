"""The holds export: what patrons owe becomes a Holds Added and a Holds Released file for PeopleSoft."""

from worker.pipelines.holds.build import build
from worker.pipelines.holds.check import check
from worker.pipelines.holds.collect import collect
from worker.pipelines.holds.decide import decide
from worker.pipelines.holds.deliver import deliver
from worker.pipelines.holds.mail import tell_failure
from worker.pipelines.holds.report import report
from worker.pipelines.holds.settle import settle
from worker.steps import Pipeline, Step

HOLDS_EXPORT = Pipeline(
    name="holds_export",
    title="Holds export",
    steps=(
        Step("settle", "Look for files that may have arrived", settle),
        Step("collect", "Read outstanding fees", collect),
        Step("decide", "Compare with what PeopleSoft was told", decide),
        Step("build", "Build the files", build),
        Step("check", "Look for anything unusual", check),
        Step("deliver", "Deliver the files", deliver, delivers=True),
        Step("report", "Tell people", report, delivers=True),
    ),
    on_failure=tell_failure,
)
