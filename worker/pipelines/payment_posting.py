"""Payment posting: money that the bursar took is written to its fee in Alma, once, and the ledger says so."""

from worker.pipelines.posting.plan import plan
from worker.pipelines.posting.post import LONGEST_STEP_S, post
from worker.pipelines.posting.report import report, tell_failure
from worker.steps import Pipeline, Step

PAYMENT_POSTING = Pipeline(
    name="payment_posting",
    title="Payment posting",
    steps=(
        Step("plan", "Take up the payments that wait", plan),
        Step("post", "Post each payment to its fee", post, delivers=True, timeout_s=LONGEST_STEP_S),
        Step("report", "Tell people", report, delivers=True),
    ),
    on_failure=tell_failure,
)
