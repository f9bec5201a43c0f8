"""Reconciliation: Alma, our ledger and PeopleSoft are laid side by side, and what does not agree waits for somebody."""

from worker.pipelines.recon.collect import collect
from worker.pipelines.recon.compare import compare
from worker.pipelines.recon.hold_list import hold_list
from worker.pipelines.recon.report import report, tell_failure
from worker.steps import Pipeline, Step

RECONCILIATION = Pipeline(
    name="reconciliation",
    title="Reconciliation",
    steps=(
        Step("collect", "Read what was paid and waived in Alma", collect),
        Step("hold_list", "Compare PeopleSoft's list of holds", hold_list),
        Step("compare", "Lay the books side by side", compare),
        Step("report", "Tell people", report),
    ),
    on_failure=tell_failure,
)
