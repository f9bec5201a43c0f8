import re
from datetime import UTC, datetime

import pytest

from tests.integration.alma.stub import Reply
from tests.unit.alma.pages import FEE_HEADINGS, STILL_LOADING, TOKEN, fee_row, page, xml_error
from webapp.adapters.alma.errors import NotFoundError
from webapp.adapters.alma.fee_batch import FeeBatch
from webapp.adapters.alma.sources import (
    AnalyticsSourceConfig,
    ReportTally,
    analytics_batches,
)
from webapp.adapters.errors import PermanentError, RetryableError
from webapp.domain.fees import OutstandingFee, RefusedRow

PATH = "/shared/California State University San Marcos/Fees"
CONFIG = AnalyticsSourceConfig(PATH)


def first(*rows, finished=False, headings=FEE_HEADINGS):
    return Reply(page(rows, headings, token=TOKEN, finished=finished))


def later(*rows, finished=False):
    return Reply(page(rows, finished=finished))


def fees_and_refusals(client, config, tally=None):
    for found in analytics_batches(client, config, tally):
        yield from found.fees() if isinstance(found, FeeBatch) else found


def fee_ids(found):
    return [fee.fee_id for fee in found if isinstance(fee, OutstandingFee)]


def test_a_report_is_read_to_its_end_with_one_token(alma, client):
    alma.plan(first(fee_row(1)), later(fee_row(2)), later(fee_row(3), finished=True))
    assert len(fee_ids(fees_and_refusals(client, CONFIG))) == 3
    assert [asked.query for asked in alma.asked] == [
        {"path": PATH, "limit": "1000", "col_names": "true"},
        {"token": TOKEN, "limit": "1000"},
        {"token": TOKEN, "limit": "1000"},
    ]
    assert alma.asked[0].headers["Accept"] == "application/xml"


def test_a_report_of_n_rows_costs_a_call_per_thousand_and_at_most_two_more(alma, client):
    pages = [[fee_row(number) for number in range(start, start + 1000)] for start in (0, 1000)]
    alma.plan(first(*pages[0]), later(*pages[1]), Reply(xml_error("420033", "No more rows to fetch"), 400))
    tally = ReportTally()
    assert len(fee_ids(fees_and_refusals(client, CONFIG, tally))) == 2000
    assert len(alma.asked) <= 2 + 2
    assert (tally.rows, tally.fees, tally.refused) == (2000, 2000, 0)


def test_a_report_that_is_still_loading_is_asked_for_again_by_its_path(alma, client):
    alma.plan(Reply(STILL_LOADING), Reply(STILL_LOADING), first(fee_row(1), finished=True))
    assert len(fee_ids(fees_and_refusals(client, CONFIG))) == 1
    assert [asked.query.get("path") for asked in alma.asked] == [PATH] * 3


def test_a_report_that_never_stops_loading_is_given_up(alma, client):
    alma.route = lambda _asked: Reply(STILL_LOADING)
    with pytest.raises(RetryableError, match="still loading"):
        list(fees_and_refusals(client, CONFIG))


def test_a_page_without_rows_is_not_the_end(alma, client):
    alma.plan(first(), later(), later(fee_row(1), finished=True))
    assert len(fee_ids(fees_and_refusals(client, CONFIG))) == 1


def test_the_headings_may_come_after_a_first_answer_that_has_a_token_only(alma, client):
    alma.plan(Reply(page(token=TOKEN, finished=False)), first(fee_row(1), finished=True))
    assert len(fee_ids(fees_and_refusals(client, CONFIG))) == 1


def test_a_report_without_one_row_gives_nothing(alma, client):
    alma.plan(Reply(page(finished=True)))
    assert list(fees_and_refusals(client, CONFIG)) == []


def test_a_lost_page_is_never_skipped_the_report_is_read_anew(alma, client):
    alma.plan(
        first(fee_row(1)),
        Reply(hang_up=True),
        first(fee_row(1)),
        later(fee_row(2)),
        later(fee_row(3), finished=True),
    )
    tally = ReportTally()
    assert len(fee_ids(fees_and_refusals(client, CONFIG, tally))) == 3
    assert (tally.restarts, tally.rows) == (1, 3)


def test_a_report_that_breaks_off_every_time_is_retryable_and_hands_over_nothing(alma, client):
    alma.route = lambda asked: first(fee_row(1)) if "path" in asked.query else Reply(b"", 500)
    handed_over = []
    with pytest.raises(RetryableError, match="page 2"):
        handed_over.extend(fees_and_refusals(client, CONFIG))
    assert handed_over == []


def test_a_threshold_within_a_report_is_waited_out(alma, client):
    busy = Reply(xml_error("PER_SECOND_THRESHOLD", "more than allowed"), 429)
    alma.plan(first(fee_row(1)), busy, later(fee_row(2), finished=True))
    tally = ReportTally()
    assert len(fee_ids(fees_and_refusals(client, CONFIG, tally))) == 2
    assert tally.restarts == 0


def test_a_report_that_does_not_exist_is_named(alma, client):
    alma.plan(Reply(xml_error("INTERNAL_SERVER_ERROR", f"Path not found ({PATH})"), 400))
    with pytest.raises(NotFoundError, match=re.escape(f"Alma has no report {PATH}")) as refused:
        list(fees_and_refusals(client, CONFIG))
    assert "Path not found" in refused.value.evidence["reason"]


def test_a_report_with_missing_columns_is_refused(alma, client):
    alma.plan(first(fee_row(1)[:2], headings=FEE_HEADINGS[:2]))
    with pytest.raises(PermanentError, match="lacks the columns Remaining Amount, Fine Fee Type"):
        list(fees_and_refusals(client, CONFIG))


AGED = [*FEE_HEADINGS, ("Institution", "Data Updated As Of")]


def aged(hour):
    return first([*fee_row(1), f"2026-11-20T{hour:02}:00:00"], headings=AGED, finished=True)


def config_at_noon(**changes):
    return AnalyticsSourceConfig(
        PATH,
        max_age_hours=6,
        updated_zone="UTC",
        now=lambda: datetime(2026, 11, 20, 12, tzinfo=UTC),
        **changes,
    )


def test_a_stale_report_is_refused_with_its_age(alma, client):
    alma.plan(aged(5))
    with pytest.raises(PermanentError, match="7 hours old"):
        list(fees_and_refusals(client, config_at_noon()))


def test_a_fresh_report_is_read_and_its_age_is_told(alma, client):
    alma.plan(aged(7))
    tally = ReportTally()
    assert len(fee_ids(fees_and_refusals(client, config_at_noon(), tally))) == 1
    assert tally.updated_at == datetime(2026, 11, 20, 7, tzinfo=UTC)


def test_a_report_of_unknown_age_is_refused_where_the_campus_wants_to_know(alma, client):
    alma.plan(first(fee_row(1), finished=True))
    with pytest.raises(PermanentError, match="Data Updated As Of"):
        list(fees_and_refusals(client, config_at_noon(require_age=True)))


def test_rows_that_cannot_be_used_come_out_as_refusals_and_every_row_is_accounted_for(alma, client):
    alma.plan(first(fee_row(1), fee_row(2, amount="?"), fee_row(1), fee_row(3, patron=None), finished=True))
    tally = ReportTally()
    found = list(fees_and_refusals(client, CONFIG, tally))
    refused = [row for row in found if isinstance(row, RefusedRow)]
    assert [row.amount_cents for row in refused] == [None, 1250]
    assert tally.rows == tally.fees + tally.refused + tally.repeated_rows == 4


def test_a_report_whose_rows_are_nearly_all_unusable_is_stopped(alma, client):
    alma.plan(first(*[fee_row(number, status="Offen") for number in range(4)], finished=True))
    with pytest.raises(PermanentError, match=r"More than 3 of the first 4 rows.*'Offen' is not known"):
        list(fees_and_refusals(client, AnalyticsSourceConfig(PATH, max_refused=3)))


def test_a_batch_copies_into_the_database_as_the_fees_it_holds(alma, client):
    alma.route = lambda _asked: first(fee_row(1), fee_row(2, title="a\tb"), finished=True)
    lines = b"".join(batch.copy_text() for batch in analytics_batches(client, CONFIG)).splitlines()
    assert [line.split(b"\t")[1].decode() for line in lines] == fee_ids(fees_and_refusals(client, CONFIG))


def test_any_report_can_be_read_row_by_row_with_nulls_left_out(alma, client):
    headings = [("A", "Code"), ("B", "Code"), ("A", "Name")]
    alma.plan(first(["1", None, "x"], ["2", "3", None], headings=headings, finished=True))
    report = client.report(PATH)
    assert [heading.name for heading in report.headings] == ["Column1", "Column2", "Column3"]
    assert list(report.rows) == [{"A::Code": "1", "Name": "x"}, {"A::Code": "2", "B::Code": "3"}]
