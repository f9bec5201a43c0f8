"""Send a file again: the same bytes under the same name, as a new effect of a run of its own."""

from __future__ import annotations

from worker.pipelines.holds.resend import deliver_again
from worker.steps import Pipeline, Step

RESEND_FILE = Pipeline(
    name="resend_file",
    title="Send a file again",
    steps=(Step("deliver", "Deliver the same bytes again", deliver_again, delivers=True),),
)
