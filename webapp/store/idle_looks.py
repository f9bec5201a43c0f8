"""Runs that only looked for files and found none: kept, and left out of lists that people read."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func

from webapp.models import Run

LOOKING_PIPELINES = ("bursar_conversion", "bursar_acknowledgements", "payment_import")


def is_idle_look() -> ColumnElement[bool]:
    """A run that the clock started, that looked, and that had nothing before it to read or to send."""
    return and_(
        Run.pipeline.in_(LOOKING_PIPELINES),
        Run.state == "nothing_to_send",
        Run.trigger.in_(("schedule", "catch_up")),
        func.coalesce(Run.counts["rows_in"].as_integer(), 0) == 0,
    )
