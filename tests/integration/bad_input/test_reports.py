"""An Analytics report that is gone, lacks columns, is too old, or comes broken."""

from __future__ import annotations

import pytest

from tests.integration.bad_input.campus import assert_balances, assert_failed_in_words

PATH = "/shared/CSU/Reports/Feebridge/Outstanding fees"


@pytest.fixture
def held(alma_campus) -> dict[str, int]:
    """What PeopleSoft was told before the report went wrong."""
    assert alma_campus.run().state == "succeeded"
    return alma_campus.register()


def test_a_report_that_cannot_be_used_is_refused_in_words_and_the_next_one_heals(alma_campus, held, faults):
    dropped = alma_campus.dropped()
    for kind, words in (
        ("report_not_found", ("Alma has no report", PATH, "page Source")),
        ("missing_column", ("lacks the column Remaining Amount", "It has: Barcode", "Add the columns")),
        ("stale_report", ("72 hours old", "36 hours are allowed", "Wait for Alma's nightly refresh")),
    ):
        faults.add("alma.analytics", kind)
        refused = alma_campus.run()
        assert_failed_in_words(alma_campus, refused, "No hold was computed from it", *words)
        assert alma_campus.register() == held
        assert alma_campus.dropped() == dropped
    assert alma_campus.run().state == "nothing_to_send"
    assert alma_campus.register() == held


def test_a_wrong_path_names_the_path_and_alma_s_tracking_id(alma_campus):
    alma_campus.sets("source", report_path="/shared/CSU/Reports/Gone")
    refused = alma_campus.run()
    assert_failed_in_words(alma_campus, refused, "Alma has no report /shared/CSU/Reports/Gone")
    assert refused.error["evidence"]["tracking_id"].startswith("E01-")


def test_each_column_that_a_hold_needs_is_missed_by_name(alma_campus, faults):
    for heading in ("Primary Identifier", "Fine Fee Id", "Fine Fee Type"):
        faults.add("alma.analytics", "missing_column", heading=heading)
        assert_failed_in_words(alma_campus, alma_campus.run(), f"lacks the column {heading}")
    assert alma_campus.dropped() == {}


def test_a_column_under_another_heading_is_found_once_it_is_mapped(alma_campus):
    alma_campus.sets("source", heading_aliases={"balance": "Amount Left"})
    assert_failed_in_words(
        alma_campus, alma_campus.run(), "lacks the column Amount Left", "map the headings in the settings"
    )
    alma_campus.sets("source", heading_aliases={"balance": "Remaining Amount"})
    assert alma_campus.run().state == "succeeded"


def test_a_page_that_comes_broken_once_is_asked_for_again_in_the_same_run(alma_campus, held, faults):
    for kind in ("html_error", "truncated", "per_second", "empty_page"):
        faults.add("alma.analytics.reports", kind)
        run = alma_campus.run()
        assert run.state == "nothing_to_send", (kind, run.error)
        assert_balances(run)
    assert alma_campus.register() == held


def test_a_day_without_alma_calls_left_says_when_alma_counts_anew(alma_campus, held, faults):
    faults.add("alma", "daily", times=None)
    refused = alma_campus.run()
    assert_failed_in_words(alma_campus, refused, "has used up its calls for today", "run this again after")
    assert alma_campus.register() == held


def test_where_a_date_decides_and_the_column_is_missing_nothing_is_told(alma_campus, faults):
    alma_campus.sets("policy", grace_days=7)
    faults.add("alma.analytics", "missing_column", heading="Fine Fee Creation Date")
    run = alma_campus.run()
    assert run.state == "nothing_to_send"
    assert run.counts["rows_no_date"] > 0
    assert_balances(run)
    assert alma_campus.register() == {}
    assert alma_campus.run().state == "succeeded"
