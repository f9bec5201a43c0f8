import json

import pytest
import requests
from lxml import etree

from tests.integration.sandbox.alma import TIMEOUT_S, Caller
from webapp.sandbox.process import start_sandbox

REPORTS = "/analytics/reports"
ROWSET = "{urn:schemas-microsoft-com:xml-analysis:rowset}"
XSD, SAW = "{http://www.w3.org/2001/XMLSchema}", "{urn:saw-sql}"


class Page:
    def __init__(self, answer):
        assert answer.status_code == 200, answer.text
        result = etree.fromstring(answer.content).find("QueryResult")
        self.token = result.findtext("ResumptionToken")
        self.is_finished = result.findtext("IsFinished") == "true"
        elements = list(result.iter(f"{XSD}element"))
        self.headings = {element.get("name"): element.get(f"{SAW}columnHeading") for element in elements}
        self.rows = [
            {cell.tag.removeprefix(ROWSET): cell.text for cell in row} for row in result.iter(f"{ROWSET}Row")
        ]


def read_whole(alma, limit=1000):
    """All rows by heading, after the answer that says "still loading"."""
    alma = alma.as_xml()
    page = Page(alma.get(REPORTS, path=alma.report_path, limit=limit))
    if not page.token:
        page = Page(alma.get(REPORTS, path=alma.report_path, limit=limit))
    first, pages = page, [page]
    while not page.is_finished:
        page = Page(alma.get(REPORTS, token=first.token, limit=limit))
        pages.append(page)
    return [
        {first.headings[name]: text for name, text in row.items()} for page in pages for row in page.rows
    ], pages


def test_a_report_is_still_loading_at_first_and_gives_no_token(alma):
    page = Page(alma.as_xml().get(REPORTS, path=alma.report_path))
    assert (page.token, page.is_finished, page.rows) == (None, False, [])
    assert Page(alma.as_xml().get(REPORTS, path=alma.report_path)).token


@pytest.fixture(scope="module")
def long_report():
    """A caller of a sandbox whose report has several pages and never loads."""
    with start_sandbox(only_alma=True, patrons=1000, loading_answers=0, calls_per_second=1000) as many:
        yield Caller(many.http, many.institutions[0]["api_key"], many.report_path)


def test_token_and_schema_come_with_page_one_only_and_error_420033_after_the_last(long_report):
    rows, pages = read_whole(long_report, limit=25)
    assert len(pages) > 3
    assert len(pages[0].token) == 128
    assert not any(page.token or page.headings for page in pages[1:])
    assert all(len(page.rows) == 25 for page in pages[:-1])
    assert len({row["Fine Fee Id"] for row in rows}) > 90
    after = long_report.get(REPORTS, token=pages[0].token)
    assert (after.status_code, long_report.error_code(after)) == (400, "420033")


def test_the_columns_are_alphabetical_with_a_dummy_first_and_one_odd_spelling(alma):
    _, pages = read_whole(alma)
    headings = list(pages[0].headings.values())
    assert headings[0] == "0"
    assert headings[1:] == sorted(headings[1:])
    assert "Fine FeeTransaction Type" in headings
    assert {row["Column0"] for row in pages[0].rows} == {"0"}


def test_headings_can_be_left_out(alma):
    alma.as_xml().get(REPORTS, path=alma.report_path)
    page = Page(alma.as_xml().get(REPORTS, path=alma.report_path, col_names="false"))
    assert set(page.headings.values()) == {None}


def test_the_report_agrees_with_the_fees_themselves(alma):
    rows, _ = read_whole(alma)
    for row in rows:
        fee = alma.get(f"/users/{row['Primary Identifier']}/fees/{row['Fine Fee Id']}").json()
        assert float(row["Remaining Amount"]) == fee["balance"]
        assert (row["Fine Fee Type"], row["Fine Fee Status"]) == (fee["type"]["desc"], fee["status"]["desc"])
        assert row.get("Title") == fee["title"]
        transactions = {entry["transaction_id"] for entry in fee.get("transaction", ())} or {"-1"}
        assert row["Fine Fee Transaction Id"] in transactions
    assert any("Title" not in row for row in rows)
    assert {"Active", "In dispute"} == {row["Fine Fee Status"] for row in rows}


def test_a_payment_is_in_the_report_only_after_the_next_extract(alma, sandbox):
    patron, fee = alma.an_active_fee()
    alma.post(f"/users/{patron}/fees/{fee['id']}", op="pay", amount=str(fee["balance"]), method="ONLINE")
    assert fee["id"] in {row["Fine Fee Id"] for row in read_whole(alma)[0]}
    requests.post(f"{sandbox.http}/analytics/extract", timeout=TIMEOUT_S)
    assert fee["id"] not in {row["Fine Fee Id"] for row in read_whole(alma)[0]}


def test_live_analytics_shows_a_payment_at_once():
    with start_sandbox(only_alma=True, analytics_live=True, calls_per_second=1000) as live:
        alma = Caller(live.http, live.institutions[0]["api_key"], live.report_path)
        patron, fee = alma.an_active_fee()
        alma.post(f"/users/{patron}/fees/{fee['id']}", op="pay", amount=str(fee["balance"]), method="ONLINE")
        assert fee["id"] not in {row["Fine Fee Id"] for row in read_whole(alma)[0]}


def test_json_carries_the_xml_as_a_string(alma):
    alma.get(REPORTS, path=alma.report_path)
    body = json.loads(alma.get(REPORTS, path=alma.report_path).text)
    assert etree.fromstring(body["anies"][0]).tag == "QueryResult"


@pytest.mark.parametrize(("asked", "given"), [(30, 50), (1, 25), (25, 25)])
def test_a_limit_that_is_no_multiple_of_25_over_delivers(long_report, asked, given):
    assert (
        len(Page(long_report.as_xml().get(REPORTS, path=long_report.report_path, limit=asked)).rows) == given
    )


def test_a_report_that_does_not_exist_is_named_in_the_refusal(alma):
    answer = alma.get(REPORTS, path="/shared/nowhere")
    assert alma.error_code(answer) == "INTERNAL_SERVER_ERROR"
    assert "Path not found (/shared/nowhere)" in answer.text


def test_a_foreign_or_invented_token_is_refused(alma, sandbox):
    alma.as_xml().get(REPORTS, path=alma.report_path)
    token = Page(alma.as_xml().get(REPORTS, path=alma.report_path)).token
    other = Caller(sandbox.http, sandbox.institutions[1]["api_key"])
    assert other.get(REPORTS, token=token).status_code == 400
    assert alma.get(REPORTS, token="A" * 128).status_code == 400


def test_the_age_of_the_data_is_in_every_row_on_the_data_centres_clock(alma):
    rows, _ = read_whole(alma)
    assert {row["Data Updated As Of"][:13] for row in rows} == {"2026-11-20T10"}


def test_a_stale_report_says_so(alma):
    alma.fault("alma.analytics", "stale_report", days=5)
    rows, _ = read_whole(alma)
    assert {row["Data Updated As Of"][:10] for row in rows} == {"2026-11-15"}


def test_a_column_can_be_missing(alma):
    alma.fault("alma.analytics", "missing_column", heading="Fine Fee Id")
    _, pages = read_whole(alma)
    assert "Fine Fee Id" not in pages[0].headings.values()


def test_bad_rows_and_an_unknown_type_stand_where_they_were_put(alma):
    alma.fault("alma.analytics", "bad_row", row=2)
    alma.fault("alma.analytics", "bad_row", row=3, defect="impossible_amount", amount="twelve")
    alma.fault("alma.analytics", "unknown_fee_type", row=4)
    rows, _ = read_whole(alma)
    assert "Primary Identifier" not in rows[1]
    assert rows[2]["Remaining Amount"] == "twelve"
    assert rows[3]["Fine Fee Type"] == "Dragon feeding surcharge"
    assert all("Primary Identifier" in row for row in rows[2:])
    assert not {"bad_row", "unknown_fee_type"} & {
        fault["kind"] for fault in requests.get(f"{alma.http}/faults", timeout=TIMEOUT_S).json()["waiting"]
    }


def test_a_report_can_vanish_or_load_for_longer(alma):
    alma.fault("alma.analytics", "report_not_found")
    assert alma.get(REPORTS, path=alma.report_path).status_code == 400
    alma.fault("alma.analytics", "still_loading", times=2)
    loading = [Page(alma.as_xml().get(REPORTS, path=alma.report_path)).token is None for _ in range(4)]
    assert loading == [True, True, True, False]


def test_an_empty_page_before_the_end_loses_no_row(long_report):
    whole, _ = read_whole(long_report, limit=25)
    long_report.fault("alma.analytics", "empty_page")
    rows, pages = read_whole(long_report, limit=25)
    assert rows == whole
    assert pages[1].rows == []


def test_asking_twice_with_the_token_moves_on_twice(long_report):
    caller = long_report.as_xml()
    token = Page(caller.get(REPORTS, path=caller.report_path, limit=25)).token
    second, third = (Page(caller.get(REPORTS, token=token, limit=25)) for _ in range(2))
    assert second.rows != third.rows
