"""A run goes through its steps, once, with what each left kept for the next."""

from __future__ import annotations

from webapp.models.scope import tenant_scope
from webapp.services.submit_run import submit_run
from webapp.store import runs
from worker.interrupts import Interrupts
from worker.lifecycle import carry_out_due
from worker.pipelines import PIPELINES
from worker.steps import Continue, Finish, Pipeline, Step


def test_a_run_goes_through_its_steps_and_keeps_their_results(two_tenants, settings):
    seen = {}

    def count(ctx):
        ctx.progress(3, 3, "Counting")
        ctx.counts({"rows": 3})
        return Continue({"rows": 3})

    def tell(ctx):
        seen.update(ctx.result("count"))
        ctx.story("Counted 3 rows.")
        return Finish("succeeded")

    PIPELINES.add(
        Pipeline("counting", "Counting", (Step("count", "Count", count), Step("tell", "Tell", tell)))
    )
    run_id = submit_run(two_tenants[0], "counting")
    assert carry_out_due(settings, "interactive", Interrupts("test")) == 1
    assert seen == {"rows": 3}
    with tenant_scope(two_tenants[0]) as session:
        run = runs.run_by_id(session, run_id)
        assert (run.state, run.story, run.counts) == ("succeeded", "Counted 3 rows.", {"rows": 3})
        assert [(e.from_state, e.to_state) for e in runs.events_of(session, run_id)] == [
            ("", "queued"),
            ("queued", "running"),
            ("running", "succeeded"),
        ]
